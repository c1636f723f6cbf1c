//! What devices, queueing disciplines, CPUs' backlogs and tables count themselves.

use netrig_aggregate::DropTeller;
use netrig_model::DropTally;
use std::time::{Duration, Instant};

/// For pictures they are read this often at most: drivers may take their time.
const READ_SPAN: Duration = Duration::from_secs(1);

/// When they were read last.
#[derive(Debug, Default)]
pub(super) struct Counters {
    read: Option<Instant>,
    warned: bool,
}

impl Counters {
    /// Reads them, unless that was a moment ago.
    pub(super) fn look(&mut self, teller: &mut DropTeller) {
        if self.read.is_none_or(|read| read.elapsed() >= READ_SPAN) {
            self.read(teller);
        }
    }

    pub(super) fn read(&mut self, teller: &mut DropTeller) {
        self.read = Some(Instant::now());
        let refused = teller.take_tallies(tallies());
        if refused > 0 && !self.warned {
            self.warned = true;
            tracing::warn!(refused, "This host has more counters of drops than are looked at.");
        }
    }
}

fn tallies() -> Vec<DropTally> {
    Vec::new()
}
