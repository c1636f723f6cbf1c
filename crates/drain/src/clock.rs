//! What turns the table's ticks into time.

use netrig_model::Timestamp;
use netrig_probes::TickClock;

/// Live, a tick is a jiffy; in a replay it is a packet's number.
pub trait Clock {
    /// The time of a tick.
    fn timestamp(&self, tick: u32) -> Timestamp;
}

impl Clock for TickClock {
    fn timestamp(&self, tick: u32) -> Timestamp {
        TickClock::timestamp(self, tick)
    }
}
