//! A rig to look at, and the screen it is drawn on.

use super::{START, WINDOW_NS};
use netrig_model::*;
use netrig_view::top::{Action, App, Key};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;

pub(crate) const SECOND: i64 = 1_000_000_000;

fn interface(iface: &str, direction: Direction, bytes: u64, unaccounted: u64) -> InterfaceStatus {
    let seen = TrafficCounts { packets: bytes / 500, bytes };
    InterfaceStatus {
        iface: iface.to_owned(),
        ifindex: 2,
        direction,
        hook: "tcx".to_owned(),
        counts: InterfaceCounts { seen, ..InterfaceCounts::default() },
        told: seen,
        not_ip: BTreeMap::new(),
        kernel: Some(KernelCounts { traffic: seen, dropped: 3 }),
        policy: None,
        unaccounted_packets: unaccounted,
        unsent_packets: 0,
        imbalance_packets: 0,
    }
}

fn ledger(direction: Direction) -> LedgerRecord {
    LedgerRecord {
        window_start: START,
        window_end: START.plus_ns(WINDOW_NS),
        iface: Some("eth0".to_owned()),
        direction: Some(direction),
        seen_packets: 1_234_567,
        told_packets: 1_234_560,
        not_ip_packets: 7,
        unaccounted_packets: Some(0),
        unsent_packets: (direction == Direction::Egress).then_some(12),
        ..LedgerRecord::default()
    }
}

/// `at_s` seconds into the rig's life, having seen `bytes`.
pub(crate) fn snapshot(at_s: i64, bytes: u64) -> Snapshot {
    Snapshot {
        version: "0.1.0".to_owned(),
        host: "lab".to_owned(),
        kernel: "6.18.0".to_owned(),
        started: START.plus_ns(-3_725 * SECOND),
        taken: START.plus_ns(at_s * SECOND),
        window_ns: WINDOW_NS,
        probes: vec![
            ProbeStatus { name: "flow".to_owned(), state: ProbeState::Running, detail: "tcx on eth0".to_owned() },
            ProbeStatus { name: "tcp".to_owned(), state: ProbeState::Failed, detail: "no BTF".to_owned() },
        ],
        interfaces: vec![
            interface("eth0", Direction::Ingress, bytes, 0),
            interface("eth0", Direction::Egress, bytes * 2, 5),
            InterfaceStatus { hook: String::new(), kernel: None, ..interface("veth7", Direction::Ingress, 1000, 0) },
        ],
        tables: vec![TableStatus {
            family: "ipv4".to_owned(),
            entries: 12_000,
            capacity: 65_536,
            bytes: 4_194_304,
            evictions: 1_009,
            spills: 1_007,
            overflows: 2,
        }],
        rings: Vec::new(),
        drain: DrainStatus {
            scans: u64::try_from(at_s).unwrap_or(0) * 10,
            deltas: u64::try_from(at_s).unwrap_or(0) * 5000,
            cpu_ns: u64::try_from(at_s).unwrap_or(0) * 12_000_000,
            flows: 9_900,
            flows_capacity: 200_000,
            flows_evicted: 0,
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
            hours_reduced: 2,
            windows_over_budget: 0,
        }),
        ledger: vec![ledger(Direction::Ingress), ledger(Direction::Egress)],
        transports: Vec::new(),
        tcp: None,
        latency: None,
        drops: None,
        bursts: None,
        queues: None,
        policy: None,
        recorder: None,
        payload: None,
        overhead: None,
        remote_write: None,
    }
}

pub(crate) fn screen(app: &mut App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("terminal");
    terminal.draw(|frame| app.draw(frame)).expect("draw");
    let buffer = terminal.backend().buffer().clone();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    (0..height).map(line).collect()
}

pub(crate) fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        assert_eq!(app.key(Key::Char(key)), Action::Continue);
    }
}
