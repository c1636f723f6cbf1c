//! A stage's record for tests, of this crate and of others: `#[path]` brings it there.

use netrig_model::{Histogram, LatencyRecord, QueueCause, Role, Stage, Timestamp};
use std::net::Ipv4Addr;

/// The record number `n` of a window: plain, and told apart by its samples, which are `n` + 1. The stages come in turn; a
/// round of them is one service's, and those of every fifth service are of one slow connection. Even services are servers.
pub(crate) fn latency(window: (Timestamp, Timestamp), n: u64) -> LatencyRecord {
    let stages = Stage::ALL.len() as u64;
    let stage = Stage::ALL[(n % stages) as usize];
    let service = n / stages;
    let (server, slow) = (service.is_multiple_of(2), service.is_multiple_of(5));
    let port = [443, 5432, 80, 8443][(service % 4) as usize];
    let addr = Ipv4Addr::new(10, 2, 0, (service % 61) as u8);
    let queued = stage == Stage::TcpQueue;
    let middle = -200 + (n * 37 % 60) as i32;
    let mut buckets = vec![(middle, n + 1 - n / 2), (middle + 1 + (n % 4) as i32, n / 2)];
    buckets.retain(|(_, count)| *count > 0);
    let histogram = Histogram { buckets, sum_ns: 0 };
    let (p50, p99) = (20_000 + n * 611 % 300_000, 90_000 + n * 1_009 % 900_000);
    LatencyRecord {
        window_start: window.0,
        window_end: window.1,
        host: Some("rig-1".into()),
        service: if server { format!(":{port}") } else { format!("{addr}:{port}") },
        transport: Some("tcp".into()),
        role: Some(if server { Role::Server } else { Role::Client }),
        service_addr: (!server).then_some(addr.into()),
        service_port: Some(port),
        slow_client_addr: slow.then_some(Ipv4Addr::new(10, 1, 0, 7).into()),
        slow_client_port: slow.then_some(40_000),
        stage,
        samples: n + 1,
        eligible: n + 1 + n % 9,
        censored: n % 3,
        sampling_rate: if slow { 1 } else { 16 },
        latency_ns_sum: (n + 1) * (p50 + 777),
        latency_ns_p50: Some(p50),
        latency_ns_p90: Some(p50 + 30_000),
        latency_ns_p99: Some(p99.max(p50 + 30_000)),
        latency_ns_p999: Some(p99.max(p50 + 30_000) + 1_000),
        latency_ns_max: Some(p99.max(p50 + 30_000) + 5_000),
        histogram: histogram.to_text(),
        cause: queued.then_some(QueueCause::ALL[(service % QueueCause::ALL.len() as u64) as usize]),
        cause_ns_sum: queued.then_some(n * 1_000),
        iface: (stage == Stage::Qdisc).then(|| "eth0".into()),
        process: Some(if server { "nginx" } else { "curl" }.into()),
        cgroup: Some("/system.slice/demo.service".into()),
        container: Some("demo.service".into()),
    }
}

/// Records `from..to` of a window.
pub(crate) fn latencies(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<LatencyRecord> {
    (from..to).map(|n| latency(window, n)).collect()
}
