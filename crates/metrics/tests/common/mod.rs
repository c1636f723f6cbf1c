//! A snapshot with something in every field, and a reader of the text that comes of it.
#![allow(dead_code, reason = "each test file uses its part")]

use netrig_model::*;
use std::collections::BTreeMap;

pub(crate) fn counts(packets: u64, bytes: u64) -> TrafficCounts {
    TrafficCounts { packets, bytes }
}

pub(crate) fn interface(name: &str, direction: Direction, packets: u64) -> InterfaceStatus {
    InterfaceStatus {
        iface: name.to_owned(),
        ifindex: 2,
        direction,
        hook: "tcx".to_owned(),
        counts: InterfaceCounts {
            seen: counts(packets, packets * 100),
            frames: counts(packets / 2, packets * 90),
            overflow: counts(2, 200),
            faults: [3, 1, 0],
        },
        told: counts(packets.saturating_sub(7), packets.saturating_sub(7) * 100),
        not_ip: BTreeMap::from([("0x0806".to_owned(), counts(4, 240)), ("0x88cc".to_owned(), counts(1, 120))]),
        kernel: Some(KernelCounts { traffic: counts(packets + 1, packets * 100 + 60), dropped: 1 }),
        unaccounted_packets: 0,
        unsent_packets: u64::from(direction == Direction::Egress),
    }
}

pub(crate) fn snapshot() -> Snapshot {
    let tcp = |direction, packets| ("eth0".to_owned(), direction, "tcp".to_owned(), counts(packets, packets * 100));
    Snapshot {
        version: "0.1.0".to_owned(),
        host: "lab".to_owned(),
        kernel: "6.18.0".to_owned(),
        started: Timestamp(1_700_000_000_000_000_000),
        taken: Timestamp(1_700_000_123_500_000_000),
        window_ns: 10_000_000_000,
        probes: vec![
            ProbeStatus { name: "flow".to_owned(), state: ProbeState::Running, detail: String::new() },
            ProbeStatus { name: "tcp".to_owned(), state: ProbeState::Failed, detail: "no BTF".to_owned() },
        ],
        interfaces: vec![
            interface("eth0", Direction::Ingress, 1000),
            interface("eth0", Direction::Egress, 800),
            InterfaceStatus { hook: String::new(), kernel: None, ..interface("odd\"\\name", Direction::Ingress, 10) },
        ],
        tables: vec![TableStatus {
            family: "ipv4".to_owned(),
            entries: 120,
            capacity: 65_536,
            bytes: 4_194_304,
            evictions: 9,
            spills: 7,
            overflows: 2,
        }],
        drain: DrainStatus {
            scans: 123,
            deltas: 4567,
            cpu_ns: 1_250_000_000,
            flows: 99,
            flows_capacity: 200_000,
            flows_evicted: 1,
            resident_bytes: 20_971_520,
        },
        store: Some(StoreStatus {
            dir: "/var/lib/netrig".to_owned(),
            writing: true,
            detail: String::new(),
            bytes: 1_048_576,
            files: 12,
            rows_written: 54_321,
            rows_lost: 0,
            files_retired: 3,
        }),
        ledger: vec![LedgerRecord {
            iface: Some("eth0".to_owned()),
            direction: Some(Direction::Ingress),
            imbalance_packets: -1,
            ..LedgerRecord::default()
        }],
        transports: vec![tcp(Direction::Ingress, 900), tcp(Direction::Egress, 793)],
    }
}

/// Sums of a metric's samples, by the labels that `keep` names.
pub(crate) fn sums(text: &str, metric: &str, keep: &[&str]) -> BTreeMap<Vec<String>, f64> {
    let mut out = BTreeMap::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        if name != metric {
            continue;
        }
        let pairs: BTreeMap<&str, &str> = labels
            .trim_end_matches('}')
            .split("\",")
            .filter_map(|pair| pair.split_once("=\""))
            .map(|(k, v)| (k, v.trim_end_matches('"')))
            .collect();
        let key = keep.iter().map(|k| pairs[k].to_owned()).collect();
        *out.entry(key).or_insert(0.0) += value.parse::<f64>().expect("a number");
    }
    out
}
