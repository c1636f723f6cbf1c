//! Records of bursts.

use super::{START, WINDOW_NS};
use netrig_model::*;

const BUCKET_NS: u64 = 1_000_000;

/// A burst on egress, `at_ms` after the start, of these octets a millisecond, between quiet ones.
pub(crate) fn burst(iface: &str, at_ms: i64, buckets: &[u64], gap_ns: Option<u64>) -> BurstRecord {
    let bytes: u64 = buckets.iter().sum();
    let quiet = |n: u64| 100 + n % 7 * 30;
    let series: Vec<u64> = (0..20).map(quiet).chain(buckets.iter().copied()).chain((0..20).map(quiet)).collect();
    let start = START.plus_ns(at_ms * 1_000_000);
    let length_ns = BUCKET_NS * buckets.len() as u64;
    let flows = [
        BurstFlow {
            flow: "tcp 10.0.0.1:5201 > 10.0.0.2:40000".to_owned(),
            bytes: bytes / 2,
            process: Some("iperf3".to_owned()),
        },
        BurstFlow { flow: "udp 10.0.0.1:53 > 10.0.0.3:40001".to_owned(), bytes: bytes / 4, process: None },
    ];
    BurstRecord {
        window_start: START,
        window_end: START.plus_ns(WINDOW_NS),
        host: Some("lab".to_owned()),
        iface: Some(iface.to_owned()),
        direction: Some(Direction::Egress),
        trigger: BurstTrigger::TimesMean,
        burst_start: start,
        burst_end: start.plus_ns(i64::try_from(length_ns).expect("short")),
        duration_ns: length_ns,
        gap_ns,
        bytes,
        packets: bytes / 1500,
        ce_packets: 0,
        retransmits: Some(2),
        flows: 12,
        peak_bits_per_second: buckets.iter().max().expect("buckets") * 8000,
        mean_bits_per_second: 2_000_000,
        link_bits_per_second: None,
        bucket_ns: BUCKET_NS,
        series_start: start.plus_ns(-20_000_000),
        series: series.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
        top_flows: serde_json::to_string(&flows).expect("json"),
    }
}
