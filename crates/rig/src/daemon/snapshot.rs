//! The picture of the rig that others are shown.

use super::ledger::{Baselines, counts_since, told_since};
use super::policy::Policies;
use super::watching::Watched;
use netrig_aggregate::{Aggregator, Ledger};
use netrig_drain::Drain;
use netrig_host::Counters;
use netrig_model::{
    Direction, DrainStatus, InterfaceId, InterfaceStatus, KernelCounts, TableStatus, Timestamp, TrafficCounts,
};
use netrig_probes::flow::FlowSizes;
use std::collections::BTreeMap;
use std::fs;

/// What the pictures are made from.
pub(crate) struct Sources<'a> {
    pub(crate) drain: &'a Drain,
    pub(crate) aggregator: &'a Aggregator,
    pub(crate) ledger: &'a Ledger,
    pub(crate) baselines: &'a Baselines,
    pub(crate) policies: Option<&'a Policies>,
    pub(crate) kernel: &'a Counters,
    pub(crate) kernel_at_start: &'a BTreeMap<(InterfaceId, Direction), KernelCounts>,
}

pub(crate) fn interface(of: &Sources<'_>, watched: &Watched, way: Direction) -> InterfaceStatus {
    // A policy stands in front of what is received.
    let policies = of.policies.filter(|_| way == Direction::Ingress);
    let (told, _) = told_since(of.baselines, of.aggregator, watched.id, way);
    let not_ip = of.aggregator.not_ip_by_ethertype(watched.id, way);
    let (unaccounted_packets, unsent_packets) = of.ledger.levels(watched.id, way);
    let kernel = of.kernel.get(&(watched.ifindex, way)).map(|now| {
        let since = of.kernel_at_start.get(&(watched.id, way)).copied().unwrap_or_default();
        KernelCounts { traffic: now.traffic.since(since.traffic), dropped: now.dropped.saturating_sub(since.dropped) }
    });
    // As of the last window, as what is told is: the kernel's own count may have to be taken back.
    let mut counts = counts_since(of.baselines, of.drain, watched.id, way);
    counts.overflow = of.ledger.overflow(watched.id, way);
    InterfaceStatus {
        iface: watched.name.clone(),
        ifindex: watched.ifindex,
        direction: way,
        hook: watched.hooks[way.index()].to_owned(),
        counts,
        told,
        not_ip: not_ip.into_iter().map(|(ethertype, sum)| (ethertype_word(ethertype), sum)).collect(),
        kernel,
        policy: policies.and_then(|policies| policies.removed(watched.ifindex)),
        unaccounted_packets,
        unsent_packets,
        imbalance_packets: of.ledger.imbalance(watched.id, way),
    }
}

fn ethertype_word(ethertype: Option<u16>) -> String {
    match ethertype {
        Some(0) => "802.3".into(),
        Some(number) => format!("0x{number:04x}"),
        None => "other".into(),
    }
}

pub(crate) fn tables(drain: &Drain, sizes: &FlowSizes) -> Vec<TableStatus> {
    let shapes = [("ipv4", sizes.slots4, sizes.outbox4, 64), ("ipv6", sizes.slots6, sizes.outbox6, 128)];
    let cpus = u64::from(sizes.cpus);
    let each = shapes.into_iter().zip(drain.table_counts());
    each.map(|((family, slots, outbox, slot_bytes), counts)| TableStatus {
        family: family.into(),
        entries: counts.inserts.saturating_sub(counts.evictions),
        capacity: u64::from(slots) * cpus,
        bytes: (u64::from(slots) + u64::from(outbox)) * cpus * slot_bytes,
        evictions: counts.evictions,
        spills: counts.evictions.saturating_sub(counts.overflows),
        overflows: counts.overflows,
    })
    .collect()
}

pub(crate) fn drain(aggregator: &Aggregator, scans: u64, deltas: u64) -> DrainStatus {
    let stats = aggregator.stats();
    DrainStatus {
        scans,
        deltas,
        cpu_ns: thread_cpu_ns(),
        flows: stats.flows as u64,
        flows_capacity: stats.flows_capacity as u64,
        flows_evicted: stats.flows_evicted,
        resident_bytes: resident_bytes(),
    }
}

/// Told traffic by interface name, direction and transport.
pub(crate) fn transports(
    aggregator: &Aggregator,
    names: &BTreeMap<InterfaceId, String>,
) -> Vec<(String, Direction, String, TrafficCounts)> {
    let mut sums: BTreeMap<(String, Direction, &'static str), TrafficCounts> = BTreeMap::new();
    for (id, way, transport, traffic) in aggregator.told_by_transport() {
        let name = names.get(&id).cloned().unwrap_or_else(|| format!("#{}", id.0));
        sums.entry((name, way, transport)).or_default().add(traffic);
    }
    sums.into_iter().map(|((name, way, transport), sum)| (name, way, transport.to_owned(), sum)).collect()
}

/// CPU time of the calling thread, from the scheduler's own count.
pub(super) fn thread_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Now, as records carry it.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
