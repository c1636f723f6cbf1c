//! Hours of UTC, which is how the store is partitioned.

use netrig_model::Timestamp;

pub(crate) const HOUR_NS: i64 = 3_600_000_000_000;

/// An hour of UTC, counted from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hour(i64);

impl Hour {
    pub(crate) fn of(t: Timestamp) -> Self {
        Self(t.0.div_euclid(HOUR_NS))
    }

    /// The first instant that is no longer in it.
    pub(crate) fn end(self) -> Timestamp {
        Timestamp((self.0 + 1).saturating_mul(HOUR_NS))
    }

    /// `date=YYYY-MM-DD/hour=HH`: Hive's way of naming partitions, which every other tool understands.
    pub(crate) fn folder(self) -> String {
        // Every i64 of nanoseconds lies within jiff's range (years −9999 to 9999), so the epoch never stands in.
        let t = jiff::Timestamp::from_second(self.0 * (HOUR_NS / 1_000_000_000)).unwrap_or_default();
        let civil = jiff::tz::Offset::UTC.to_datetime(t);
        format!("date={}/hour={:02}", civil.date(), civil.hour())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_named_in_utc() {
        let hour = Hour::of(Timestamp(1_700_000_000_123_456_789));
        assert_eq!(hour.folder(), "date=2023-11-14/hour=22");
        assert_eq!(hour.end(), Timestamp(1_700_002_800_000_000_000));
    }

    #[test]
    fn the_hour_before_the_epoch_is_no_exception() {
        assert_eq!(Hour::of(Timestamp(-1)).folder(), "date=1969-12-31/hour=23");
        assert_eq!(Hour::of(Timestamp(i64::MIN)).folder(), "date=1677-09-21/hour=00");
    }
}
