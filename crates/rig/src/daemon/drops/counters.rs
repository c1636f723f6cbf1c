//! What devices, queueing disciplines, CPUs' backlogs and tables count themselves.

use netrig_aggregate::DropTeller;
use netrig_host::{DropCounters, HostError, Qdisc};
use netrig_model::{DropSource, DropTally};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// For pictures they are read this often at most: drivers may take their time.
const READ_SPAN: Duration = Duration::from_secs(1);

/// When they were read last.
#[derive(Debug, Default)]
pub(super) struct Counters {
    host: DropCounters,
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

    /// Reads those of interfaces alone: the others are not what triggers are about, and to gather them takes longer.
    pub(super) fn read_devices(&mut self, teller: &mut DropTeller) {
        let refused = teller.take_some_tallies(self.host.read_devices());
        self.warn_of(refused);
    }

    pub(super) fn read(&mut self, teller: &mut DropTeller) {
        self.read = Some(Instant::now());
        let refused = teller.take_tallies(self.tallies());
        self.warn_of(refused);
    }

    fn warn_of(&mut self, refused: usize) {
        if refused > 0 && !self.warned {
            self.warned = true;
            tracing::warn!(refused, "This host has more counters of drops than are looked at.");
        }
    }

    fn tallies(&mut self) -> Vec<DropTally> {
        let mut tallies = self.host.read();
        match disciplines() {
            Ok(more) => tallies.extend(more),
            Err(error) => tracing::debug!(%error, "Queueing disciplines could not be asked for what they dropped."),
        }
        tallies
    }
}

/// Those directly in front of their devices: what the ones below them drop is in their counts.
fn disciplines() -> Result<Vec<DropTally>, HostError> {
    let mut roots = netrig_host::qdiscs()?;
    roots.retain(|qdisc| qdisc.parent == Qdisc::ROOT && qdisc.drops > 0);
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let names: BTreeMap<_, _> = netrig_host::list()?.into_iter().map(|each| (each.index, each.name)).collect();
    let tally = |qdisc: Qdisc| DropTally {
        source: DropSource::Qdisc,
        reason: "drops".to_owned(),
        iface: names.get(&qdisc.ifindex).cloned(),
        packets: qdisc.drops.into(),
        place: Some(qdisc.kind),
    };
    Ok(roots.into_iter().map(tally).collect())
}
