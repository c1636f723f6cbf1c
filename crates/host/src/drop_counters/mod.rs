//! What devices, CPUs, tables and sockets count of what they dropped or refused, since boot or since they exist.
//!
//! Queueing disciplines have a file of their own, as they tell more than drops.

mod driver;
mod ethtool;
mod links;
mod refused;
mod tables;

use crate::error::HostError;
use crate::interface::{Interface, list};
use crate::softirq::{SoftnetCounts, softnet_counts};
use driver::Drivers;
use netrig_model::{DropSource, DropTally};
use refused::Refused;

/// Reads all such counters, time and again. What of interfaces, connection tracking and sockets is of the network namespace of the
/// calling thread; CPUs and tables of neighbours are the whole host's.
#[derive(Debug, Default)]
pub struct DropCounters {
    drivers: Drivers,
    refused: Refused,
    /// As they were listed last.
    interfaces: Vec<Interface>,
}

impl DropCounters {
    /// All counters that are not 0. One that cannot be read is left out, and its reason logged.
    pub fn read(&mut self) -> Vec<DropTally> {
        let mut tallies = unless_refused("interfaces", self.all_devices());
        tallies.extend(unless_refused("CPUs", softnet_counts().map(|rows| softnet(&rows))));
        tallies.extend(tables::tallies());
        tallies.extend(self.refused.tallies());
        tallies.retain(|tally| tally.packets > 0);
        tallies
    }

    /// Those of interfaces alone, which say soonest that something goes wrong. Interfaces are called what they were called when all
    /// was read, unless some have come or gone since.
    pub fn read_devices(&mut self) -> Vec<DropTally> {
        let mut tallies = unless_refused("interfaces", self.devices());
        tallies.retain(|tally| tally.packets > 0);
        tallies
    }

    fn all_devices(&mut self) -> Result<Vec<DropTally>, HostError> {
        self.interfaces = list()?;
        self.devices()
    }

    fn devices(&mut self) -> Result<Vec<DropTally>, HostError> {
        let stats = links::stats()?;
        if !links::are_of(&stats, &self.interfaces) {
            self.interfaces = list()?;
        }
        let mut tallies = links::tallies(stats, &self.interfaces);
        tallies.extend(self.drivers.tallies(&self.interfaces));
        Ok(tallies)
    }
}

fn unless_refused(what: &'static str, read: Result<Vec<DropTally>, HostError>) -> Vec<DropTally> {
    read.unwrap_or_else(|error| {
        tracing::debug!(%error, what, "Counters of drops could not be read.");
        Vec::new()
    })
}

fn softnet(rows: &[SoftnetCounts]) -> Vec<DropTally> {
    let sum = |of: fn(&SoftnetCounts) -> u32| rows.iter().map(|row| u64::from(of(row))).sum();
    let tally = |reason: &str, packets| DropTally {
        source: DropSource::Softnet,
        reason: reason.to_owned(),
        place: None,
        iface: None,
        packets,
    };
    vec![tally("dropped", sum(|row| row.dropped)), tally("flow_limit", sum(|row| row.flow_limited))]
}

/// A counter of an interface.
fn of_device(iface: &str, reason: &str, packets: u64) -> DropTally {
    DropTally {
        source: DropSource::Device,
        reason: reason.to_owned(),
        place: None,
        iface: Some(iface.to_owned()),
        packets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn cpus_add_up() {
        let row = |dropped, flow_limited| SoftnetCounts { dropped, flow_limited, ..SoftnetCounts::default() };
        let tallies = softnet(&[row(u32::MAX, 1), row(2, 0)]);
        let got: Vec<_> = tallies.iter().map(|tally| (tally.reason.as_str(), tally.packets)).collect();
        assert_eq!(got, [("dropped", u64::from(u32::MAX) + 2), ("flow_limit", 1)]);
    }

    #[test]
    fn interfaces_counters_alone_are_those_that_are_among_all_of_them() {
        let mut counters = DropCounters::default();
        let name = |tally: DropTally| (tally.iface, tally.reason);
        let before: BTreeSet<_> = counters.read().into_iter().filter(is_of_device).map(name).collect();
        let devices: BTreeSet<_> =
            counters.read_devices().into_iter().inspect(|t| assert!(is_of_device(t))).map(name).collect();
        let after: BTreeSet<_> = counters.read().into_iter().filter(is_of_device).map(name).collect();
        // Interfaces of other tests may come and go.
        assert!(before.intersection(&after).all(|each| devices.contains(each)), "{before:?} {devices:?} {after:?}");
    }

    fn is_of_device(tally: &DropTally) -> bool {
        tally.source == DropSource::Device
    }

    #[test]
    fn every_counter_that_is_told_has_a_meaning() {
        let known = |tally: &DropTally| netrig_model::drop_class(tally.source, &tally.reason, None).is_some();
        let fixed = softnet(&[]).into_iter().chain(tables::names().map(|name| tables::tally(name, 1)));
        let fixed = fixed.chain(refused::names().map(|name| refused::tally(name, 1)));
        for tally in fixed.chain(links::names().map(|name| of_device("eth0", name, 1))) {
            assert!(known(&tally), "{tally:?}");
        }
        for tally in DropCounters::default().read() {
            assert!(tally.packets > 0 && known(&tally), "{tally:?}");
        }
    }
}
