//! From a snapshot to samples.

use crate::bound::{Bound, OTHER};
use crate::exporter::Exporter;
use crate::families::{Families, Value};
use crate::{bursts, drops, latency, names, overhead, policy, queues, recorder, remote, requests, tcp};
use netrig_model::{InterfaceStatus, ParseFault, ProbeState, Snapshot, TrafficCounts};

const NS_PER_S: f64 = 1e9;

/// Everything the snapshot holds, with the labels that the bounds allow.
pub(crate) fn gather(snapshot: &Snapshot, memory: &Exporter) -> Families {
    let (interfaces, ethertypes) = (&memory.interfaces, &memory.ethertypes);
    let mut out = Families::default();
    rig(&mut out, snapshot);
    bounds(&mut out, memory);
    probes(&mut out, snapshot);
    for status in &snapshot.interfaces {
        let iface = interfaces.label(&status.iface);
        interface(&mut out, iface, status);
        ledger(&mut out, iface, status);
        not_ip(&mut out, iface, status, ethertypes);
    }
    transports(&mut out, snapshot, interfaces);
    tables(&mut out, snapshot);
    rings(&mut out, snapshot);
    drain(&mut out, snapshot);
    store(&mut out, snapshot);
    if let Some(tcp) = &snapshot.tcp {
        tcp::gather(&mut out, tcp, &memory.tcp);
    }
    if let Some(status) = &snapshot.latency {
        latency::gather(&mut out, status, &memory.latency);
    }
    if let Some(status) = &snapshot.drops {
        drops::gather(&mut out, status, &memory.drops, interfaces);
    }
    if let Some(status) = &snapshot.bursts {
        bursts::gather(&mut out, status, interfaces);
    }
    if let Some(status) = &snapshot.queues {
        queues::gather(&mut out, status, &memory.queues, interfaces);
    }
    if let Some(status) = &snapshot.policy {
        policy::gather(&mut out, status, &memory.policy, interfaces);
    }
    if let Some(status) = &snapshot.recorder {
        recorder::gather(&mut out, status, interfaces);
    }
    if let Some(status) = &snapshot.payload {
        requests::gather(&mut out, status, &memory.requests);
    }
    if let Some(status) = &snapshot.overhead {
        overhead::gather(&mut out, status);
    }
    if let Some(status) = &snapshot.remote_write {
        remote::gather(&mut out, status);
    }
    out
}

fn rig(out: &mut Families, snapshot: &Snapshot) {
    out.count(&names::BUILD_INFO, &[&snapshot.version], 1);
    out.add(&names::START_TIME, &[], seconds(snapshot.started.0));
    out.add(&names::WINDOW, &[], seconds(snapshot.window_ns));
    out.count(&names::PROCESS_RESIDENT, &[], snapshot.drain.resident_bytes);
}

fn bounds(out: &mut Families, memory: &Exporter) {
    for (kind, bound) in memory.bounds() {
        out.count(&names::LABEL_VALUES, &[kind], bound.given() as u64);
        out.count(&names::LABEL_VALUES_MAX, &[kind], bound.most() as u64);
    }
}

fn probes(out: &mut Families, snapshot: &Snapshot) {
    use ProbeState::{Degraded, Failed, Off, Running};
    for probe in &snapshot.probes {
        let up = matches!(probe.state, Running | Degraded);
        out.count(&names::PROBE_UP, &[&probe.name], u64::from(up));
        for (state, word) in [(Off, "off"), (Running, "running"), (Degraded, "degraded"), (Failed, "failed")] {
            out.count(&names::PROBE_STATE, &[&probe.name, word], u64::from(state == probe.state));
        }
    }
}

fn interface(out: &mut Families, iface: &str, status: &InterfaceStatus) {
    let labels = [iface, status.direction.as_str()];
    out.count(&names::INTERFACE_PACKETS, &labels, status.counts.seen.packets);
    out.count(&names::INTERFACE_BYTES, &labels, status.counts.seen.bytes);
    if !status.hook.is_empty() && iface != OTHER {
        out.count(&names::INTERFACE_HOOK, &[labels[0], labels[1], &status.hook], 1);
    }
    if let Some(kernel) = &status.kernel {
        out.count(&names::INTERFACE_KERNEL_PACKETS, &labels, kernel.traffic.packets);
        out.count(&names::INTERFACE_KERNEL_BYTES, &labels, kernel.traffic.bytes);
        out.count(&names::INTERFACE_KERNEL_DROPPED, &labels, kernel.dropped);
    }
    for (fault, packets) in ParseFault::ALL.iter().zip(status.counts.faults) {
        out.count(&names::PARSE_FAULTS, &[labels[0], labels[1], fault.as_str()], packets);
    }
}

fn ledger(out: &mut Families, iface: &str, status: &InterfaceStatus) {
    let direction = status.direction.as_str();
    let not_ip = status.not_ip.values().fold(TrafficCounts::default(), |mut sum, counts| {
        sum.add(*counts);
        sum
    });
    let fates = [
        ("told", status.told),
        ("overflow", status.counts.overflow),
        ("not_ip", not_ip),
        ("sampled_out", status.counts.sampled_out),
        ("extrapolated", status.counts.extrapolated),
    ];
    for (fate, counts) in fates {
        out.count(&names::LEDGER_PACKETS, &[iface, direction, fate], counts.packets);
        out.count(&names::LEDGER_BYTES, &[iface, direction, fate], counts.bytes);
    }
    if let Some(removed) = status.policy {
        out.count(&names::LEDGER_PACKETS, &[iface, direction, "policy"], removed.packets);
        out.count(&names::LEDGER_BYTES, &[iface, direction, "policy"], removed.bytes);
    }
    out.add(&names::LEDGER_IMBALANCE, &[iface, direction], Value::Signed(status.imbalance_packets));
    if status.kernel.is_some() {
        out.count(&names::LEDGER_UNACCOUNTED, &[iface, direction], status.unaccounted_packets);
        if status.direction == netrig_model::Direction::Egress {
            out.count(&names::UNSENT, &[iface], status.unsent_packets);
        }
    }
}

fn not_ip(out: &mut Families, iface: &str, status: &InterfaceStatus, ethertypes: &Bound) {
    for (ethertype, counts) in &status.not_ip {
        let labels = [iface, status.direction.as_str(), ethertypes.label(ethertype)];
        out.count(&names::NOT_IP, &labels, counts.packets);
    }
}

fn transports(out: &mut Families, snapshot: &Snapshot, interfaces: &Bound) {
    for (iface, direction, transport, counts) in &snapshot.transports {
        let labels = [interfaces.label(iface), direction.as_str(), transport];
        out.count(&names::FLOW_PACKETS, &labels, counts.packets);
        out.count(&names::FLOW_BYTES, &labels, counts.bytes);
    }
}

fn tables(out: &mut Families, snapshot: &Snapshot) {
    for table in &snapshot.tables {
        let labels = [table.family.as_str()];
        out.count(&names::TABLE_ENTRIES, &labels, table.entries);
        out.count(&names::TABLE_CAPACITY, &labels, table.capacity);
        out.count(&names::TABLE_MEMORY, &labels, table.bytes);
        out.count(&names::TABLE_EVICTIONS, &labels, table.evictions);
        out.count(&names::TABLE_SPILLS, &labels, table.spills);
        out.count(&names::TABLE_OVERFLOWS, &labels, table.overflows);
    }
}

fn rings(out: &mut Families, snapshot: &Snapshot) {
    for ring in &snapshot.rings {
        out.add(&names::RING_FILL, &[&ring.ring], Value::Real(ring.fill()));
    }
}

fn drain(out: &mut Families, snapshot: &Snapshot) {
    let drain = &snapshot.drain;
    out.count(&names::DRAIN_SCANS, &[], drain.scans);
    out.count(&names::DRAIN_DELTAS, &[], drain.deltas);
    out.add(&names::DRAIN_CPU, &[], Value::Real(drain.cpu_ns as f64 / NS_PER_S));
    out.count(&names::FLOWS_TRACKED, &[], drain.flows);
    out.count(&names::FLOWS_CAPACITY, &[], drain.flows_capacity);
    out.count(&names::FLOWS_EVICTED, &[], drain.flows_evicted);
}

fn store(out: &mut Families, snapshot: &Snapshot) {
    let Some(store) = &snapshot.store else { return };
    out.count(&names::STORE_WRITING, &[], u64::from(store.writing));
    out.count(&names::STORE_SIZE, &[], store.bytes);
    out.count(&names::STORE_FILES, &[], store.files);
    out.count(&names::STORE_ROWS_WRITTEN, &[], store.rows_written);
    out.count(&names::STORE_ROWS_LOST, &[], store.rows_lost);
    out.count(&names::STORE_FILES_RETIRED, &[], store.files_retired);
    out.count(&names::STORE_REDUCTIONS, &[], store.hours_reduced);
    out.count(&names::STORE_WINDOWS_OVER, &[], store.windows_over_budget);
}

fn seconds(ns: i64) -> Value {
    Value::Real(ns as f64 / NS_PER_S)
}
