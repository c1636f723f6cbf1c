//! Exemplars: each is a slow request that its bucket counts, and the latest of those.

mod common;

use common::{requests, snapshot};
use netrig_metrics::protobuf::{Exemplar, MetricFamily};
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What OpenMetrics allows a label set, names and values together.
const CHARACTERS_MAX: usize = 128;
const EPOCH_NS: i64 = 1_700_000_000_000_000_000;

/// From no time to the most there can be, and every bound of a classic bucket with its neighbours.
fn latency_ns() -> impl Strategy<Value = u64> {
    let edge = (-20..=6_i32, -1..=1_i64).prop_map(|(exponent, off)| {
        (f64::from(exponent).exp2() * 1e9) as u64 + u64::from(off > 0) - u64::from(off < 0)
    });
    prop_oneof![edge, 100_000_000..5_000_000_000_u64, any::<u64>().prop_map(|ns| ns >> 8), Just(0)]
}

fn end() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![any::<([u8; 4], u16)>().prop_map(SocketAddr::from), any::<([u16; 8], u16)>().prop_map(SocketAddr::from)]
}

fn slow() -> impl Strategy<Value = SlowRequest> {
    let protocol = prop::sample::select(vec![6, 17, 254]);
    (end(), end(), protocol, 0..1_000_000_000_000_i64, latency_ns()).prop_map(|(src, dst, protocol, at, latency_ns)| {
        SlowRequest { src, dst, protocol, answered: Timestamp(EPOCH_NS + at), latency_ns }
    })
}

fn tallies() -> impl Strategy<Value = Vec<RequestTally>> {
    let server = prop::option::of(prop::sample::select(vec!["a", "b", "c \"_bucket{\" # {", "d\n# x"]));
    let code = prop::option::of(prop::sample::select(vec!["2xx", "4xx", "NOERROR"]));
    let one = (prop::sample::select(RequestKind::ALL), server, code, prop::collection::vec(slow(), 0..5));
    let one = one.prop_map(|(kind, server, code, slow)| {
        let mut tally = requests::tally(kind, server, code, 3);
        slow.iter().for_each(|one| tally.sums.latency.observe(one.latency_ns));
        RequestTally { slow, ..tally }
    });
    prop::collection::vec(one, 0..12)
}

fn with(tallies: Vec<RequestTally>) -> Snapshot {
    Snapshot { payload: Some(PayloadStatus { tallies, ..requests::status() }), ..snapshot() }
}

fn render(snapshot: &Snapshot, max: usize, exposition: Exposition) -> Vec<u8> {
    Exporter::with_caps(Caps { request_servers: max, ..Caps::default() }).render(snapshot, exposition)
}

/// A line's sample, and the exemplar behind it.
fn split(line: &str) -> (&str, Option<&str>) {
    // The last, for labels' values may have the same.
    match line.rsplit_once(" # {src=") {
        Some((sample, exemplar)) => (sample, Some(exemplar)),
        None => (line, None),
    }
}

fn families(snapshot: &Snapshot, max: usize) -> Vec<MetricFamily> {
    let bytes = render(snapshot, max, Exposition::Protobuf);
    let mut rest = &bytes[..];
    let mut all = Vec::new();
    while !rest.is_empty() {
        all.push(MetricFamily::decode_length_delimited(&mut rest).expect("whole messages"));
    }
    all
}

fn family_of(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Dns => "netrig_dns_seconds",
        RequestKind::Tls | RequestKind::Quic => "netrig_tls_seconds",
        RequestKind::Http | RequestKind::Http2 => "netrig_http_seconds",
    }
}

fn words(exemplar: &Exemplar) -> String {
    let labels: Vec<_> = exemplar.label.iter().map(|l| format!("{}={:?}", l.name, l.value)).collect();
    let time = exemplar.timestamp.expect("a time");
    format!("{}}} {:?} {}.{:09}", labels.join(",").trim_start_matches("src="), exemplar.value, time.seconds, time.nanos)
}

proptest! {
    #[test]
    fn each_lies_within_its_bucket_and_is_one_of_those_it_counts(tallies in tallies(), max in 0..4_usize) {
        let mut told: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for family in families(&with(tallies.clone()), max) {
            for histogram in family.metric.iter().filter_map(|metric| metric.histogram.as_ref()) {
                let (mut bound_before, mut count_before) = (f64::NEG_INFINITY, 0);
                for bucket in &histogram.bucket {
                    if let Some(exemplar) = &bucket.exemplar {
                        prop_assert!(bound_before < exemplar.value && exemplar.value <= bucket.upper_bound);
                        prop_assert!(bucket.cumulative_count > count_before);
                        let length: usize = exemplar.label.iter().map(|l| l.name.len() + l.value.chars().count()).sum();
                        prop_assert!(length <= CHARACTERS_MAX, "{length}");
                        prop_assert!(histogram.exemplars.contains(exemplar));
                        told.entry(family.name.clone()).or_default().push(exemplar.value);
                    }
                    (bound_before, count_before) = (bucket.upper_bound, bucket.cumulative_count);
                }
                let times = histogram.exemplars.iter().map(|one| one.timestamp.map(|t| (t.seconds, t.nanos)));
                prop_assert!(times.is_sorted());
                prop_assert_eq!(histogram.exemplars.len(), histogram.bucket.iter().filter(|b| b.exemplar.is_some()).count());
            }
        }
        for tally in &tallies {
            prop_assert!(tally.slow.is_empty() || told.contains_key(family_of(tally.kind)), "none of {:?}", tally.kind);
        }
        let known: Vec<_> = tallies.iter().flat_map(|t| t.slow.iter().map(|s| s.latency_ns as f64 / 1e9)).collect();
        prop_assert!(told.values().flatten().all(|value| known.contains(value)));
    }

    #[test]
    fn the_latest_of_a_bucket_is_told(mut all in prop::collection::vec(slow(), 1..20)) {
        all.iter_mut().for_each(|one| one.latency_ns = 300_000_000);
        let latest = all.iter().map(|one| one.answered.0).max().expect("one at least");
        // Each by a server of its own, all of them beyond the cap: a sum has what those had that were folded into it.
        let tallies = all.iter().enumerate().map(|(n, one)| {
            let mut tally = requests::tally(RequestKind::Tls, Some(&n.to_string()), None, 1);
            tally.sums.latency.observe(one.latency_ns);
            RequestTally { slow: vec![*one], ..tally }
        });
        let families = families(&with(tallies.collect()), 0);
        let tls = families.iter().find(|family| family.name == "netrig_tls_seconds").expect("handshakes");
        let histogram = tls.metric[0].histogram.as_ref().expect("a distribution");
        let times: Vec<_> = histogram.exemplars.iter().filter_map(|one| one.timestamp).collect();
        prop_assert_eq!(times.len(), 1);
        prop_assert_eq!(times[0].seconds * 1_000_000_000 + i64::from(times[0].nanos), latest);
    }

    #[test]
    fn openmetrics_says_the_same_and_plain_text_has_none(tallies in tallies(), max in 0..4_usize) {
        let mut without = tallies.clone();
        without.iter_mut().for_each(|tally| tally.slow.clear());
        let [with, without] = [with(tallies), with(without)];
        let text = |snapshot, exposition| common::text(render(snapshot, max, exposition));
        prop_assert_eq!(text(&with, Exposition::Prometheus), text(&without, Exposition::Prometheus));
        let openmetrics = text(&with, Exposition::OpenMetrics);
        let bare: String = openmetrics.lines().flat_map(|line| [split(line).0, "\n"]).collect();
        prop_assert_eq!(bare, text(&without, Exposition::OpenMetrics), "but for exemplars nothing differs");
        let told: Vec<_> = openmetrics.lines().filter_map(|line| split(line).1.map(str::to_owned)).collect();
        let families = families(&with, max);
        let histograms = families.iter().flat_map(|f| &f.metric).filter_map(|metric| metric.histogram.as_ref());
        let exemplars = histograms.flat_map(|h| &h.bucket).filter_map(|bucket| bucket.exemplar.as_ref());
        // The number apart, which has more than one way to be written.
        let parts = |text: &str| {
            let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            (words[0].clone(), words[1].parse::<f64>().expect("seconds"), words[2].clone())
        };
        let expected: Vec<_> = exemplars.map(|one| parts(&words(one))).collect();
        prop_assert_eq!(told.iter().map(|one| parts(one)).collect::<Vec<_>>(), expected);
        for line in openmetrics.lines().filter(|line| split(line).1.is_some()) {
            prop_assert!(line.split('{').next().is_some_and(|name| name.ends_with("_bucket")), "{}", line);
        }
    }
}

#[test]
fn the_longest_addresses_have_room() {
    let end: SocketAddr = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().expect("an address");
    let one = SlowRequest { src: end, dst: end, protocol: 254, answered: Timestamp(EPOCH_NS), latency_ns: 200_000_000 };
    let tally = requests::tally(RequestKind::Quic, None, None, 1);
    let text = common::text(render(&with(vec![RequestTally { slow: vec![one], ..tally }]), 1, Exposition::OpenMetrics));
    let line = text.lines().find_map(|line| split(line).1).expect("an exemplar");
    assert!(
        line.starts_with(&format!("\"{end}\",dst=\"{end}\",transport=\"254\"}} 0.2 1700000000.000000000")),
        "{line}"
    );
}
