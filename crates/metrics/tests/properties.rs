//! What must hold for any snapshot: sums over labels are the whole, and nothing goes backwards.

mod common;

use common::{counts, interface, snapshot, sums};
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::{Direction, InterfaceStatus, Snapshot};
use proptest::prelude::*;

const METRICS: &[&str] = &[
    "netrig_interface_packets_total",
    "netrig_interface_bytes_total",
    "netrig_ledger_packets_total",
    "netrig_not_ip_packets_total",
    "netrig_flow_packets_total",
];

fn interfaces() -> impl Strategy<Value = Vec<InterfaceStatus>> {
    let name = prop_oneof![(0..12u8).prop_map(|n| format!("veth{n}")), Just("other".to_owned())];
    let not_ip = prop::collection::btree_map((0..60u16).prop_map(|n| format!("0x{n:04x}")), 1..1000u64, 0..30);
    let one = (name, any::<bool>(), 10..1_000_000u64, not_ip).prop_map(|(name, ingress, packets, not_ip)| {
        let direction = if ingress { Direction::Ingress } else { Direction::Egress };
        let not_ip = not_ip.into_iter().map(|(e, packets)| (e, counts(packets, packets * 60))).collect();
        InterfaceStatus { not_ip, ..interface(&name, direction, packets) }
    });
    prop::collection::vec(one, 0..24)
}

fn with(interfaces: Vec<InterfaceStatus>) -> Snapshot {
    let transports =
        interfaces.iter().map(|s| (s.iface.clone(), s.direction, "udp".to_owned(), s.told)).collect::<Vec<_>>();
    Snapshot { interfaces, transports, ..snapshot() }
}

fn grow(snapshot: &Snapshot, more: &[u64], newcomers: Vec<InterfaceStatus>) -> Snapshot {
    let mut interfaces = snapshot.interfaces.clone();
    for (status, more) in interfaces.iter_mut().zip(more) {
        status.counts.seen.add(counts(*more, more * 50));
        status.told.add(counts(*more, more * 50));
        status.not_ip.entry("0xabcd".to_owned()).or_default().add(counts(*more, more * 60));
    }
    interfaces.extend(newcomers);
    with(interfaces)
}

fn capped(interfaces: usize) -> Exporter {
    Exporter::with_caps(Caps { interfaces, ..Caps::default() })
}

fn render(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

fn total(text: &str, metric: &str) -> f64 {
    sums(text, metric, &[]).values().sum()
}

proptest! {
    #[test]
    fn the_cap_changes_no_sum(interfaces in interfaces()) {
        let snapshot = with(interfaces);
        let few = render(&mut capped(3), &snapshot);
        let whole = render(&mut capped(1000), &snapshot);
        for metric in METRICS {
            prop_assert_eq!(total(&few, metric), total(&whole, metric), "{}", metric);
        }
        let seen: u64 = snapshot.interfaces.iter().map(|s| s.counts.seen.packets).sum();
        prop_assert_eq!(total(&few, METRICS[0]), seen as f64);
        prop_assert!(sums(&few, METRICS[0], &["iface"]).len() <= 4, "three names and other");
        prop_assert!(sums(&whole, "netrig_not_ip_packets_total", &["ethertype"]).len() <= 17);
    }

    #[test]
    fn the_fates_of_the_ledger_and_the_parts_of_not_ip_agree(interfaces in interfaces()) {
        let text = netrig_metrics::render(&with(interfaces));
        let fates = sums(&text, "netrig_ledger_packets_total", &["iface", "direction", "fate"]);
        let parts = sums(&text, "netrig_not_ip_packets_total", &["iface", "direction"]);
        for (key, packets) in parts {
            prop_assert_eq!(packets, fates[&vec![key[0].clone(), key[1].clone(), "not_ip".to_owned()]]);
        }
    }

    #[test]
    fn no_counter_goes_backwards(
        first in interfaces(), more in prop::collection::vec(0..5000u64, 24), newcomers in interfaces()
    ) {
        let mut exporter = capped(3);
        let before = with(first);
        let after = grow(&before, &more, newcomers);
        let earlier = render(&mut exporter, &before);
        let later = render(&mut exporter, &after);
        for (metric, labels) in [
            ("netrig_interface_packets_total", &["iface", "direction"][..]),
            ("netrig_not_ip_packets_total", &["iface", "direction", "ethertype"]),
            ("netrig_flow_packets_total", &["iface", "direction", "transport"]),
        ] {
            let later = sums(&later, metric, labels);
            for (series, value) in sums(&earlier, metric, labels) {
                prop_assert!(later.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
            }
        }
    }
}
