//! What must hold of the metrics of requests for any snapshot.

mod common;

use common::{requests, snapshot, sums};
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn tallies() -> impl Strategy<Value = Vec<RequestTally>> {
    let server = prop::option::of(prop::sample::select(vec!["a.example", "b.example", "c \"quoted\"", "d", "other"]));
    let code = prop::option::of(prop::sample::select(vec!["2xx", "4xx", "NOERROR", "handshake_failure", "other"]));
    let version = prop::option::of(prop::sample::select(vec!["TLS 1.2", "TLS 1.3"]));
    let buckets = prop::collection::btree_map(-400..80_i32, 1..1_000_000_u64, 0..6);
    let counts = (0..1000_u64, 0..1000_u64, 0..1000_u64);
    let one = (prop::sample::select(RequestKind::ALL), server, code, version, buckets, counts).prop_map(
        |(kind, server, code, version, buckets, (failed, unanswered, retries))| {
            let latency = common::histogram(&buckets.into_iter().collect::<Vec<_>>());
            let requests = latency.count() + unanswered;
            let sums = RequestSums { requests, failed, unanswered, retries, latency };
            let version = version.map(str::to_owned);
            RequestTally { version, sums, ..requests::tally(kind, server, code, requests) }
        },
    );
    prop::collection::vec(one, 0..30)
}

fn with(tallies: Vec<RequestTally>) -> Snapshot {
    Snapshot { payload: Some(PayloadStatus { tallies, ..requests::status() }), ..snapshot() }
}

fn capped(request_servers: usize) -> Exporter {
    Exporter::with_caps(Caps { request_servers, ..Caps::default() })
}

fn text(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

fn some(sums: BTreeMap<Vec<String>, f64>) -> BTreeMap<Vec<String>, f64> {
    sums.into_iter().filter(|(_, count)| *count > 0.0).collect()
}

fn by_kind(tallies: &[RequestTally], count: impl Fn(&RequestTally) -> u64) -> BTreeMap<Vec<String>, f64> {
    let mut out = BTreeMap::new();
    for tally in tallies {
        *out.entry(vec![tally.kind.as_str().to_owned()]).or_insert(0.0) += count(tally) as f64;
    }
    some(out)
}

/// All series that only grow, by every label.
const GROWING: &[(&str, &[&str])] = &[
    ("netrig_requests_total", &["kind"]),
    ("netrig_requests_failed_total", &["kind"]),
    ("netrig_requests_unanswered_total", &["kind"]),
    ("netrig_request_retries_total", &["kind"]),
    ("netrig_dns_requests_total", &["server"]),
    ("netrig_dns_responses_total", &["server", "rcode"]),
    ("netrig_dns_seconds_bucket", &["server", "le"]),
    ("netrig_dns_seconds_count", &["server"]),
    ("netrig_dns_seconds_sum", &["server"]),
    ("netrig_http_requests_total", &["kind", "host", "status"]),
    ("netrig_http_seconds_bucket", &["kind", "host", "status", "le"]),
    ("netrig_http_seconds_sum", &["kind", "host", "status"]),
    ("netrig_tls_handshakes_total", &["kind", "server", "version", "alert"]),
    ("netrig_tls_seconds_bucket", &["kind", "server", "le"]),
    ("netrig_tls_seconds_sum", &["kind", "server"]),
];

proptest! {
    #[test]
    fn every_request_is_told_once_with_any_cap(tallies in tallies(), max in 0..5_usize) {
        let text = text(&mut capped(max), &with(tallies.clone()));
        let sum = |metric| some(sums(&text, metric, &["kind"]));
        prop_assert_eq!(sum("netrig_requests_total"), by_kind(&tallies, |t| t.sums.requests));
        prop_assert_eq!(sum("netrig_requests_failed_total"), by_kind(&tallies, |t| t.sums.failed));
        prop_assert_eq!(sum("netrig_requests_unanswered_total"), by_kind(&tallies, |t| t.sums.unanswered));
        prop_assert_eq!(sum("netrig_request_retries_total"), by_kind(&tallies, |t| t.sums.retries));
        let mut of_kinds = sum("netrig_http_requests_total");
        of_kinds.extend(sum("netrig_tls_handshakes_total"));
        let dns: f64 = sums(&text, "netrig_dns_requests_total", &[]).values().sum();
        of_kinds.insert(vec!["dns".to_owned()], dns);
        prop_assert_eq!(some(of_kinds), by_kind(&tallies, |t| t.sums.requests));
        let mut timed = sum("netrig_http_seconds_count");
        timed.extend(sum("netrig_tls_seconds_count"));
        timed.insert(vec!["dns".to_owned()], sums(&text, "netrig_dns_seconds_count", &[]).values().sum());
        prop_assert_eq!(some(timed), by_kind(&tallies, |t| t.sums.latency.count()));
    }

    #[test]
    fn the_cap_bounds_the_servers_and_changes_no_other_sum(tallies in tallies(), max in 0..5_usize) {
        let [few, whole] = [max, 1000].map(|max| text(&mut capped(max), &with(tallies.clone())));
        for (metric, labels) in GROWING {
            let others: Vec<&str> = labels.iter().copied().filter(|l| !["server", "host"].contains(l)).collect();
            if metric.ends_with("_sum") {
                continue; // Of fractions, whose order matters.
            }
            prop_assert_eq!(sums(&few, metric, &others), sums(&whole, metric, &others), "{}", metric);
        }
        for (metric, label) in [
            ("netrig_dns_requests_total", "server"),
            ("netrig_http_requests_total", "host"),
            ("netrig_tls_handshakes_total", "server"),
        ] {
            prop_assert!(sums(&few, metric, &[label]).len() <= max + 1);
        }
    }

    #[test]
    fn no_series_goes_backwards(first in tallies(), more in tallies(), order in any::<prop::sample::Index>()) {
        let mut exporter = capped(2);
        let mut grown = [first.clone(), more].concat();
        let turn = order.index(grown.len().max(1));
        grown.rotate_left(turn);
        let [earlier, later] = [first, grown].map(|tallies| text(&mut exporter, &with(tallies)));
        for (metric, labels) in GROWING {
            let later = sums(&later, metric, labels);
            for (series, value) in sums(&earlier, metric, labels) {
                prop_assert!(later.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
            }
        }
    }

    #[test]
    fn series_are_unique(tallies in tallies(), max in 0..5_usize) {
        let text = common::text(capped(max).render(&with(tallies), Exposition::OpenMetrics));
        let mut series: Vec<&str> =
            text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| Some(l.rsplit_once(' ')?.0)).collect();
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        prop_assert_eq!(series.len(), all);
    }
}

#[test]
fn a_flood_of_hosts_leaves_the_page_readable() {
    use RequestKind::{Dns, Http, Quic, Tls};
    let codes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let of = |host: &str| {
        let mut all: Vec<_> = codes.iter().map(|code| requests::tally(Http, Some(host), Some(code), 3)).collect();
        all.extend([Dns, Tls, Quic].map(|kind| requests::tally(kind, Some(host), None, 3)));
        all
    };
    let tallies = (0..256).flat_map(|n| of(&format!("{n:03}.example"))).collect();
    let text = text(&mut Exporter::default(), &with(tallies));
    let lines = |word: &str| text.lines().filter(|line| !line.starts_with('#') && line.contains(word)).count();
    // As docs/prometheus.md says.
    assert_eq!(lines(r#"host="000.example""#), 85);
    assert!(lines("netrig_http_") < 6000, "{}", lines("netrig_http_"));
}

#[test]
fn a_rig_without_the_probe_has_no_metrics_of_requests() {
    let text = netrig_metrics::render(&Snapshot { payload: None, ..snapshot() });
    for word in ["netrig_request", "netrig_dns", "netrig_http", "netrig_tls", "netrig_payload", "netrig_address"] {
        assert!(!text.contains(word), "{word}");
    }
    let unset = Snapshot { payload: Some(PayloadStatus::default()), ..snapshot() };
    let text = netrig_metrics::render(&unset);
    assert!(text.contains(r#"netrig_requests_total{kind="quic"} 0"#) && !text.contains("netrig_dns_"));
}
