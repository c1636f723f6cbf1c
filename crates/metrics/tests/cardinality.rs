//! How many series there are, whatever the world does: a day of newcomers does not make them more, no series is there
//! twice, and a sum over them is what it is without any bound.

mod common;

use common::hostile::{Crowd, picture};
use netrig_metrics::remote_write::messages::WriteRequest;
use netrig_metrics::remote_write::{WriteEncoder, WriteOptions};
use netrig_metrics::{Caps, Exporter, Exposition, protobuf};
use netrig_model::Snapshot;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What docs/prometheus.md says all metrics of a rig are at most, in lines of text.
const SERIES_MAX: usize = 130_000;

/// What every series is called: the line up to its value. Panics where one is there twice.
fn series(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, _) = line.rsplit_once(' ').expect("a name and a value");
        assert!(names.insert(name), "twice: {name}");
    }
    names
}

fn render(exporter: &mut Exporter, snapshot: &Snapshot, exposition: Exposition) -> String {
    common::text(exporter.render(snapshot, exposition))
}

#[test]
fn a_day_of_newcomers_does_not_make_them_more() {
    let crowd = Crowd { peers: 40, names: 40, interfaces: 20 };
    let mut exporter = Exporter::default();
    let mut counts = Vec::new();
    // A picture every quarter of an hour, and nothing in one that was in another.
    for era in 0..96 {
        counts.push(series(&render(&mut exporter, &picture(crowd, era), Exposition::Prometheus)).len());
    }
    let (noon, night) = (*counts[24..48].iter().max().expect("some"), *counts[48..].iter().max().expect("some"));
    eprintln!("series: {} at first, at most {noon} before noon and {night} after", counts[0]);
    assert!(night <= noon, "they creep: {counts:?}");
    assert!(night <= SERIES_MAX);
}

#[test]
fn the_worst_that_can_be_stays_under_the_bound_that_is_documented() {
    let crowd = Crowd { peers: 20_000, names: 2_000, interfaces: 2_000 };
    let text = render(&mut Exporter::default(), &picture(crowd, 0), Exposition::Prometheus);
    let count = series(&text).len();
    eprintln!("{count} series, {} octets", text.len());
    assert!((10_000..=SERIES_MAX).contains(&count), "{count}");
}

/// Every label set of the protobuf format, by the name of its metric.
fn of_protobuf(bytes: &[u8]) -> usize {
    let (mut rest, mut seen) = (bytes, BTreeSet::new());
    while !rest.is_empty() {
        let family = protobuf::MetricFamily::decode_length_delimited(&mut rest).expect("a family");
        for metric in &family.metric {
            assert!(seen.insert(format!("{}{:?}", family.name, metric.label)), "twice in {}", family.name);
        }
    }
    seen.len()
}

/// Each kind's values and the most there can be, as they are told.
fn label_values(text: &str) -> BTreeMap<String, [f64; 2]> {
    let mut told: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for (place, name) in ["netrig_label_values{kind=\"", "netrig_label_values_max{kind=\""].into_iter().enumerate() {
        for (kind, value) in text.lines().filter_map(|line| line.strip_prefix(name)?.split_once("\"} ")) {
            told.entry(kind.to_owned()).or_default()[place] = value.parse().expect("a number");
        }
    }
    told
}

#[test]
fn it_is_told_how_much_of_each_bound_is_taken() {
    let crowd = Crowd { peers: 20_000, names: 2_000, interfaces: 2_000 };
    let full = label_values(&render(&mut Exporter::default(), &picture(crowd, 0), Exposition::Prometheus));
    let Caps { interfaces, services, request_servers, .. } = Caps::default();
    for (kind, most) in [("interface", interfaces), ("service", services), ("dns_server", request_servers)] {
        assert_eq!(full[kind], [most as f64; 2], "{kind}");
    }
    let text = render(&mut Exporter::default(), &common::snapshot(), Exposition::Prometheus);
    let few = label_values(&text);
    assert_eq!(few.keys().collect::<Vec<_>>(), full.keys().collect::<Vec<_>>());
    assert!(few.values().all(|[given, most]| given < most), "{few:?}");
    let hosts: BTreeSet<_> = text.lines().filter_map(|line| line.split("host=\"").nth(1)?.split('"').next()).collect();
    assert_eq!(few["http_host"][0], hosts.iter().filter(|host| **host != "other").count() as f64);
}

#[test]
fn no_format_has_a_series_twice() {
    let crowd = Crowd { peers: 300, names: 300, interfaces: 300 };
    let mut exporter = Exporter::default();
    for era in 0..3 {
        let snapshot = picture(crowd, era);
        let text = render(&mut exporter, &snapshot, Exposition::Prometheus);
        let open = render(&mut exporter, &snapshot, Exposition::OpenMetrics);
        assert_eq!(series(&text).len(), series(&open).len());
        let whole = of_protobuf(&exporter.render(&snapshot, Exposition::Protobuf));
        assert!(whole > 1_000 && whole < series(&text).len(), "a distribution is one there");
    }
    let options = WriteOptions { labels: BTreeMap::new(), native_histograms: false, samples_max: 500 };
    let snapshot = picture(crowd, 3);
    let lines = series(&render(&mut exporter, &snapshot, Exposition::Prometheus)).len();
    let batches = WriteEncoder::new(Arc::new(Mutex::new(exporter)), options).encode(&snapshot).expect("new");
    let mut seen = BTreeSet::new();
    for batch in batches {
        let plain = snap::raw::Decoder::new().decompress_vec(&batch.body).expect("snappy");
        for series in WriteRequest::decode(&*plain).expect("a request").timeseries {
            assert!(seen.insert(format!("{:?}", series.labels)), "twice: {:?}", series.labels);
        }
    }
    assert_eq!(seen.len(), lines);
}

/// Sums of each counter, and of what counts each distribution holds, over all labels.
fn sums(text: &str) -> BTreeMap<String, f64> {
    let counters: BTreeSet<_> =
        netrig_metrics::names::ALL.iter().map(|m| m.name).filter(|n| n.ends_with("_total")).collect();
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let name = name.split('{').next().unwrap_or_default();
        if counters.contains(name) || name.ends_with("_count") || name.ends_with("_sum") {
            *sums.entry(name.to_owned()).or_default() += value.parse::<f64>().expect("a number");
        }
    }
    sums
}

#[test]
fn every_sum_is_the_same_with_and_without_caps() {
    let few = Caps {
        interfaces: 3,
        services: 3,
        latency_services: 3,
        listeners: 3,
        drop_counters: 3,
        queues: 3,
        policy_rules: 3,
        request_servers: 3,
    };
    let snapshot = picture(Crowd { peers: 50, names: 50, interfaces: 50 }, 0);
    let capped = sums(&render(&mut Exporter::with_caps(few), &snapshot, Exposition::Prometheus));
    let whole = sums(&render(&mut Exporter::default(), &snapshot, Exposition::Prometheus));
    assert_eq!(capped.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    assert!(capped.len() > 50);
    for (name, sum) in &capped {
        let relative = (sum - whole[name]).abs() / whole[name].abs().max(1.0);
        assert!(relative < 1e-9, "{name}: {sum} with caps, {} without", whole[name]);
    }
}
