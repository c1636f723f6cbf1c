//! What aggregation costs: nanoseconds per delta, per record and per look, and resident bytes per flow.
//!
//! `cargo run --release -p netrig-aggregate --example cost [FLOWS]`: so many flows, each seen both ways in every window.

use netrig_aggregate::{AggregateConfig, Aggregator, BYTES_PER_FLOW};
use netrig_model::{Address, Direction, FlowDelta, FlowKey, FlowKind, InterfaceId, Timestamp};
use std::hint::black_box;
use std::time::Instant;

const WINDOW_NS: i64 = 10_000_000_000;

fn main() {
    let flows: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let deltas = deltas(flows);
    let resident_before = resident_bytes();
    let mut aggregator = Aggregator::new(AggregateConfig {
        window_ns: WINDOW_NS,
        idle_timeout_ns: 60_000_000_000,
        flows_capacity: flows as usize,
        host: Some("a-host.example.org".into()),
        netns: Some(4_026_531_840),
        sampling_rate: 1,
    });
    for window in 1..=5 {
        let adding = Instant::now();
        deltas.iter().for_each(|d| aggregator.add(black_box(d)));
        let add_ns = adding.elapsed().as_nanos() as f64 / deltas.len() as f64;
        let telling = Instant::now();
        let mut records = 0_u64;
        aggregator.close_window(Timestamp(window * WINDOW_NS), false, &|_| Some("eth0".into()), &mut |r| {
            black_box(r);
            records += 1;
        });
        let tell_ns = telling.elapsed().as_nanos() as f64 / records as f64;
        let share = (add_ns * deltas.len() as f64 + tell_ns * records as f64) / WINDOW_NS as f64 * 100.0;
        println!("window {window}: add {add_ns:.0} ns a delta, close {tell_ns:.0} ns a record: {share:.1} % of a core");
    }
    let resident = (resident_bytes() - resident_before) as f64 / f64::from(flows);
    println!("{flows} flows, {resident:.0} resident bytes each; BYTES_PER_FLOW is {BYTES_PER_FLOW}");
}

/// Both ways of every flow, in the scattered order of a hash table.
fn deltas(flows: u32) -> Vec<FlowDelta> {
    let scatter = |n: u32| (u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 13) as u32;
    let mut deltas: Vec<_> = (0..flows).flat_map(|n| [delta(n, false), delta(n, true)]).collect();
    for i in (1..deltas.len() as u32).rev() {
        deltas.swap(i as usize, (scatter(i) % (i + 1)) as usize);
    }
    deltas
}

fn delta(n: u32, reply: bool) -> FlowDelta {
    let client = (Address::v4((0x0a00_0000 | n & 0xff_ffff).to_be_bytes()), 1024 + (n % 60_000) as u16);
    let server = (Address::v4([192, 0, 2, 1]), 443);
    let (src, dst) = if reply { (server, client) } else { (client, server) };
    FlowDelta {
        key: FlowKey {
            src: src.0,
            dst: dst.0,
            src_port: src.1,
            dst_port: dst.1,
            iface: InterfaceId(1),
            protocol: 6,
            kind: FlowKind::Ipv4,
            direction: if reply { Direction::Egress } else { Direction::Ingress },
            vlan: None,
            vlan_inner: None,
            tunnel: None,
        },
        packets: 3,
        bytes: 3000,
        first_seen: Timestamp(1 + i64::from(reply)),
        last_seen: Timestamp(50_000_000_000),
        tcp_flags: 18,
        first_flags: if reply { 18 } else { 2 },
        dscp: 0,
        pid: None,
    }
}

/// Resident memory of this process, as the kernel tells it (0 where it does not).
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|s| s.split(' ').nth(1)?.parse::<usize>().ok()).unwrap_or(0) * 4096
}
