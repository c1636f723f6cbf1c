//! What must hold of the drop probe's metrics for any snapshot.

mod common;

use common::{drops, snapshot, sums};
use netrig_metrics::{Caps, Exporter, Exposition, REASONS_MAX};
use netrig_model::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn groups() -> impl Strategy<Value = Vec<DropGroup>> {
    let class = prop::option::of(prop::sample::select(DropClass::ALL));
    let iface = prop::option::of(0..6_u8);
    let one = (prop::sample::select(DropSource::ALL), 0..9_u8, class, iface, 0..1_000_000_u64).prop_map(
        |(source, reason, class, iface, packets)| {
            let reason = if reason == 8 { "other".to_owned() } else { format!("REASON/{reason}") };
            let iface = iface.map(|n| format!("veth{n}"));
            DropGroup { iface, ..drops::group(source, &reason, class, packets) }
        },
    );
    prop::collection::vec(one, 0..40)
}

fn with(groups: Vec<DropGroup>) -> Snapshot {
    Snapshot { drops: Some(DropStatus { groups, ..drops::status() }), ..snapshot() }
}

fn capped(drop_counters: usize, interfaces: usize) -> Exporter {
    Exporter::with_caps(Caps { drop_counters, interfaces, ..Caps::default() })
}

fn text(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

const DROPS: (&str, &[&str]) = ("netrig_drops_total", &["reason", "class"]);
const EVENTS: (&str, &[&str]) = ("netrig_drop_events_total", &["source", "reason", "iface"]);

fn some(sums: BTreeMap<Vec<String>, f64>) -> BTreeMap<Vec<String>, f64> {
    sums.into_iter().filter(|(_, count)| *count > 0.0).collect()
}

fn by_word<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> BTreeMap<Vec<String>, f64> {
    let mut out = BTreeMap::new();
    for (word, count) in counts {
        *out.entry(vec![word.to_owned()]).or_insert(0.0) += count as f64;
    }
    some(out)
}

proptest! {
    #[test]
    fn every_drop_is_told_once(groups in groups(), counters in 0..6_usize, interfaces in 0..6_usize) {
        let text = text(&mut capped(counters, interfaces), &with(groups.clone()));
        let (kernel, others): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.source == DropSource::Skb);
        let class = |group: &DropGroup| group.class.map_or("unknown", DropClass::as_str);
        let classes = by_word(kernel.iter().map(|group| (class(group), group.packets)));
        prop_assert_eq!(some(sums(&text, DROPS.0, &["class"])), classes);
        let reasons = by_word(kernel.iter().map(|group| (group.reason.as_str(), group.packets)));
        prop_assert_eq!(some(sums(&text, DROPS.0, &["reason"])), reasons);
        let sources = by_word(others.iter().map(|group| (group.source.as_str(), group.packets)));
        prop_assert_eq!(some(sums(&text, EVENTS.0, &["source"])), sources);
    }

    #[test]
    fn the_cap_changes_no_sum_of_an_interface(groups in groups(), counters in 0..6_usize) {
        let [few, whole] = [counters, 1000].map(|counters| text(&mut capped(counters, 256), &with(groups.clone())));
        let of = |text| sums(text, EVENTS.0, &["source", "iface"]);
        prop_assert_eq!(of(&few), of(&whole));
        let named = sums(&few, EVENTS.0, EVENTS.1).into_keys().filter(|labels| labels[1] != "other").count();
        prop_assert!(named <= counters);
    }

    #[test]
    fn no_series_goes_backwards(first in groups(), more in groups(), order in any::<prop::sample::Index>()) {
        let mut exporter = capped(3, 3);
        let mut grown = [first.clone(), more].concat();
        let turn = order.index(grown.len().max(1));
        grown.rotate_left(turn);
        let [earlier, later] = [first, grown].map(|groups| text(&mut exporter, &with(groups)));
        for (metric, labels) in [DROPS, EVENTS] {
            let later = sums(&later, metric, labels);
            for (series, value) in sums(&earlier, metric, labels) {
                prop_assert!(later.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
            }
        }
    }
}

#[test]
fn each_class_is_there_before_its_first_drop() {
    let text = netrig_metrics::render(&with(Vec::new()));
    let classes = sums(&text, DROPS.0, &["class"]);
    let names: Vec<_> = classes.keys().flatten().map(String::as_str).collect();
    assert_eq!(names, ["error", "harmless", "policy", "protocol", "resource", "unknown"]);
    assert!(classes.values().all(|packets| *packets == 0.0));
    assert!(!text.contains("netrig_drop_events_total"));
}

#[test]
fn an_interface_that_only_drops_takes_no_name_from_those_under_watch() {
    let flood = (0..9).map(|n| drops::counter(DropSource::Device, &format!("veth{n}"), "tx_dropped", 1_000_000_000));
    let text = text(&mut capped(512, 2), &with(flood.collect()));
    let dropping = sums(&text, EVENTS.0, &["iface"]);
    assert_eq!(dropping.into_iter().collect::<Vec<_>>(), [(vec!["other".to_owned()], 9e9)]);
    assert_eq!(sums(&text, "netrig_interface_packets_total", &["iface"]).len(), 2);
}

#[test]
fn a_flood_of_reasons_and_counters_leaves_the_page_readable() {
    let reasons = (0..2000).map(|n| drops::group(DropSource::Skb, &format!("#{n}"), None, n));
    let counter = |n| drops::counter(DropSource::Device, &format!("veth{}", n % 300), &format!("rx{n}_drops"), n);
    let text = text(&mut Exporter::default(), &with(reasons.chain((0..9000).map(counter)).collect()));
    let lines = |metric: &str| text.lines().filter(|line| line.starts_with(metric)).count();
    assert_eq!(lines("netrig_drops_total{"), REASONS_MAX + 6, "with other, at 0 of the known classes");
    assert!(lines("netrig_drop_events_total{") <= 512 + 257, "and other of each interface");
}

#[test]
fn a_rig_without_the_probe_has_no_drop_metrics() {
    let text = netrig_metrics::render(&Snapshot { drops: None, ..snapshot() });
    assert!(!text.contains("netrig_drop"));
}
