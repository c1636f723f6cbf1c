//! The burst probe's picture.

use super::histogram;
use netrig_model::*;

pub(crate) fn interface(iface: &str, direction: Direction, peak: u64, bursts: u64) -> BurstInterface {
    let (durations, gaps) = match bursts {
        0 => (Histogram::default(), Histogram::default()),
        // The first one has no gap.
        1 => (histogram(&[(-122, 1)]), Histogram::default()),
        _ => (histogram(&[(-122, bursts - 1), (-90, 1)]), histogram(&[(0, bursts - 1)])),
    };
    BurstInterface {
        iface: iface.to_owned(),
        direction: Some(direction),
        link_bits_per_second: Some(1_000_000_000),
        peak_bits_per_second: peak,
        mean_bits_per_second: peak / 20,
        peaks: vec![peak / 2, peak, peak / 3],
        bursts,
        burst_bytes: bursts * 500_000,
        durations,
        gaps,
        buckets_lost: 3,
    }
}

pub(crate) fn status() -> BurstStatus {
    BurstStatus {
        bucket_ns: 1_000_000,
        interfaces: vec![
            interface("eth0", Direction::Ingress, 20_000_000, 0),
            interface("eth0", Direction::Egress, 900_000_000, 12),
            BurstInterface { link_bits_per_second: None, ..interface("odd\"\\name", Direction::Ingress, 1000, 1) },
        ],
        without: vec!["veth1".to_owned()],
        bytes: 4_194_304,
    }
}
