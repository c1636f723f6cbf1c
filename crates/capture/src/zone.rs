//! The time zone in which people are told times.

use jiff::tz::{Offset, TimeZone};
use netrig_model::Timestamp;

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// The host's own; UTC if it has none, or none that can be read.
    #[must_use]
    pub fn local() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// So many seconds east of Greenwich; UTC if there is no such place.
    #[must_use]
    pub fn east(seconds: i32) -> Self {
        Self(Offset::from_seconds(seconds).map_or(TimeZone::UTC, Offset::to_time_zone))
    }

    /// A time as the clock on the wall shows it there.
    pub(crate) fn at(&self, time: Timestamp) -> jiff::Zoned {
        let time = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        time.to_zoned(self.0.clone())
    }
}
