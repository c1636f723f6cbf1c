//! Time as the records carry it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// Nanoseconds since 1970-01-01 UTC. JSON shows it as RFC 3339 with nine digits, Parquet as `timestamp[ns, UTC]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The start of the window of `length_ns` that this instant falls in; windows are aligned to the epoch.
    #[must_use]
    pub fn window_start(self, length_ns: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(length_ns.max(1)))
    }

    /// This instant moved by `ns`, saturating at the ends of the range.
    #[must_use]
    #[inline]
    pub fn plus_ns(self, ns: i64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(t) => write!(f, "{t:.9}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let t: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        i64::try_from(t.as_nanosecond()).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nanoseconds_and_reads_them_back() {
        let t = Timestamp(1_700_000_000_123_456_789);
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.123456789Z");
        let json = serde_json::to_string(&t).expect("serialise");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).expect("parse"), t);
    }

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        assert_eq!(Timestamp(25).window_start(10), Timestamp(20));
        assert_eq!(Timestamp(-1).window_start(10), Timestamp(-10));
    }
}
