//! What everything here works with while it has its turn.

use super::config::TrackerConfig;
use super::lately::Lately;
use super::privacy::Veil;
use super::stream::Spare;
use netrig_model::{PayloadCounts, Request, Timestamp};

/// Copies of several CPUs are merged by time, and now and then one comes later than it should: what makes sense only behind
/// something that has not been seen waits for so long.
pub(super) const HOLD_NS: i64 = 10_000_000;

pub(super) struct Turn<'a> {
    pub(super) config: &'a TrackerConfig,
    pub(super) veil: &'a Veil,
    pub(super) counts: &'a mut PayloadCounts,
    pub(super) spare: &'a mut Spare,
    pub(super) lately: &'a mut Lately,
    pub(super) each: &'a mut dyn FnMut(Request),
    /// The latest time there was.
    pub(super) now: Timestamp,
}

impl Turn<'_> {
    /// The one way out: nothing leaves but what may be told.
    pub(super) fn tell(&mut self, mut request: Request) {
        self.veil.draw(&mut request);
        (self.each)(request);
    }
}

/// From one time to another, nanoseconds; none where the second is before the first.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Option<u64> {
    to.0.checked_sub(from.0).and_then(|ns| u64::try_from(ns).ok())
}
