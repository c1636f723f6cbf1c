//! What must hold of the burst probe's metrics for any snapshot.

mod common;

use common::{bursts, snapshot, sums};
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;

fn interfaces() -> impl Strategy<Value = Vec<BurstInterface>> {
    let one = (0..6_u8, any::<bool>(), 0..1_000_000_000_u64, 0..1000_u64).prop_map(|(n, ingress, peak, count)| {
        let direction = if ingress { Direction::Ingress } else { Direction::Egress };
        bursts::interface(&format!("eth{n}"), direction, peak, count)
    });
    prop::collection::vec(one, 0..14)
}

/// The interfaces under watch are those of the list.
fn with(interfaces: Vec<BurstInterface>) -> Snapshot {
    let watched = interfaces.iter().map(|i| common::interface(&i.iface, Direction::Ingress, 10)).collect();
    let bursts = BurstStatus { interfaces, ..bursts::status() };
    Snapshot { interfaces: watched, bursts: Some(bursts), drops: None, queues: None, ..snapshot() }
}

fn text(interfaces: usize, snapshot: &Snapshot) -> String {
    let mut exporter = Exporter::with_caps(Caps { interfaces, ..Caps::default() });
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

fn total(text: &str, metric: &str) -> f64 {
    sums(text, metric, &[]).values().sum()
}

proptest! {
    #[test]
    fn sums_are_what_came_in(interfaces in interfaces(), max in 0..6_usize) {
        let text = text(max, &with(interfaces.clone()));
        let sum = |of: fn(&BurstInterface) -> u64| interfaces.iter().map(of).sum::<u64>() as f64;
        prop_assert_eq!(total(&text, "netrig_bursts_total"), sum(|i| i.bursts));
        prop_assert_eq!(total(&text, "netrig_burst_bytes_total"), sum(|i| i.burst_bytes));
        prop_assert_eq!(total(&text, "netrig_burst_buckets_lost_total"), sum(|i| i.buckets_lost));
        prop_assert_eq!(total(&text, "netrig_burst_seconds_count"), sum(|i| i.durations.count()));
        prop_assert_eq!(total(&text, "netrig_burst_gap_seconds_count"), sum(|i| i.gaps.count()));
        prop_assert!(sums(&text, "netrig_bursts_total", &["iface"]).len() <= max + 1);
    }

    #[test]
    fn peaks_are_the_highest_and_never_sums(interfaces in interfaces(), max in 0..6_usize) {
        let text = text(max, &with(interfaces.clone()));
        let told = sums(&text, "netrig_burst_peak_bits_per_second", &["iface", "direction"]);
        let highest = interfaces.iter().map(|i| i.peak_bits_per_second).max();
        let highest = highest.map(|peak| peak as f64);
        prop_assert_eq!(told.values().copied().reduce(f64::max), highest);
        for peak in told.values() {
            prop_assert!(interfaces.iter().any(|i| i.peak_bits_per_second as f64 == *peak), "{} is nobody's", peak);
        }
        let speeds = sums(&text, "netrig_interface_speed_bits_per_second", &["iface"]);
        prop_assert!(speeds.iter().all(|(iface, speed)| iface[0] != "other" && *speed == 1e9), "{:?}", speeds);
    }
}

#[test]
fn what_never_burst_has_no_distributions() {
    let [idle, busy] = [0, 5].map(|count| {
        let both = Direction::BOTH.map(|direction| bursts::interface("eth0", direction, 10, count));
        let text = text(9, &with(both.into()));
        let of_it = |line: &&str| ["netrig_burst", "netrig_interface_speed"].iter().any(|name| line.starts_with(name));
        text.lines().filter(of_it).filter(|line| line.contains("eth0")).count()
    });
    // As docs/prometheus.md says.
    assert_eq!((idle, busy), (9, 75));
}

#[test]
fn unknown_speeds_are_absent() {
    let slow = BurstInterface {
        link_bits_per_second: None,
        direction: None,
        ..bursts::interface("tun0", Direction::Ingress, 10, 0)
    };
    let text = text(9, &with(vec![slow]));
    assert!(!text.contains("netrig_interface_speed_bits_per_second"));
    assert!(text.contains(r#"netrig_burst_peak_bits_per_second{iface="tun0",direction=""} 10"#));
}

#[test]
fn a_rig_without_the_probe_has_no_burst_metrics() {
    let text = netrig_metrics::render(&Snapshot { bursts: None, ..snapshot() });
    assert!(!text.contains("netrig_burst") && !text.contains("netrig_interface_speed"));
    let unset = netrig_metrics::render(&Snapshot { bursts: Some(BurstStatus::default()), ..snapshot() });
    assert!(unset.contains("netrig_burst_interfaces_unseen 0") && !unset.contains("netrig_burst_bucket_seconds"));
}
