//! A burst's record for tests, of this crate and of others: `#[path]` brings it there.

use netrig_model::{BurstRecord, BurstTrigger, Direction, Timestamp};

const MS: u64 = 1_000_000;

/// The record number `n` of a window: plain, and told apart by its octets, which are 100,000 + `n`. Ingress and egress come in
/// turn; the speed of every third one's link is not known.
pub(crate) fn burst(window: (Timestamp, Timestamp), n: u64) -> BurstRecord {
    let (egress, link) = (n % 2 == 1, n % 3 != 2);
    let milliseconds = 1 + n % 7;
    let bytes = 100_000 + n;
    let start = window.0.plus_ns((n * 41 % 9_000 * MS + 300_000) as i64);
    let duration_ns = milliseconds * MS;
    let each = bytes / milliseconds;
    let inside = (0..milliseconds).map(|i| if i == 0 { each + bytes % milliseconds } else { each });
    let series = [120, 0, 90].into_iter().chain(inside).chain([60, 0, 0]).map(|octets: u64| octets.to_string());
    let port = 40_000 + n % 20_000;
    BurstRecord {
        window_start: window.0,
        window_end: window.1,
        host: Some("rig-1".into()),
        iface: Some(if n % 4 < 2 { "eth0" } else { "eth1" }.into()),
        direction: Some(if egress { Direction::Egress } else { Direction::Ingress }),
        trigger: if link && n.is_multiple_of(5) { BurstTrigger::LinkShare } else { BurstTrigger::TimesMean },
        burst_start: start,
        burst_end: start.plus_ns(duration_ns as i64),
        duration_ns,
        gap_ns: (n > 1).then_some((5 + n * 13 % 900) * MS),
        bytes,
        packets: bytes / 1_000,
        ce_packets: n % 3,
        retransmits: egress.then_some(n % 2),
        flows: 1 + n % 40,
        peak_bits_per_second: (each + bytes % milliseconds) * 8 * 1_000,
        mean_bits_per_second: 400_000 + n * 97 % 100_000,
        link_bits_per_second: link.then_some(1_000_000_000),
        bucket_ns: MS,
        series_start: start.plus_ns(-3_300_000),
        series: series.collect::<Vec<_>>().join(" "),
        top_flows: format!(
            r#"[{{"flow":"tcp 10.1.0.1:443 > 10.2.0.7:{port}","bytes":{},"process":"nginx"}},{{"flow":"udp 10.1.0.1:53 > 10.2.0.8:{port}","bytes":{},"process":null}}]"#,
            bytes / 2,
            bytes / 4
        ),
    }
}

/// Records `from..to` of a window.
pub(crate) fn bursts(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<BurstRecord> {
    (from..to).map(|n| burst(window, n)).collect()
}
