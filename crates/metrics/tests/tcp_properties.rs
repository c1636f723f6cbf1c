//! What must hold of the TCP probe's metrics for any snapshot.

mod common;

use common::{listener, named, snapshot, sums, tcp_status};
use netrig_metrics::protobuf::MetricFamily;
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;
use prost::Message;

fn histograms() -> impl Strategy<Value = Histogram> {
    prop::collection::btree_map(-320..120_i32, 1..1_000_000_u64, 0..12)
        .prop_map(|buckets| common::histogram(&buckets.into_iter().collect::<Vec<_>>()))
}

/// A server on a port, or a client of a port, or the kernel's own sum of others (0).
fn services() -> impl Strategy<Value = Vec<ServiceStatus>> {
    let one = (0..9_u8, histograms(), histograms(), histograms(), 0..1000_u64).prop_map(
        |(which, rtt, rtt_pure, connect, connections)| {
            let (role, addr) = match which {
                0 => (None, None),
                1..5 => (Some(Role::Server), None),
                _ => (Some(Role::Client), Some([10, 0, 0, 1].into())),
            };
            ServiceStatus { role, addr, port: u16::from(which), connections, rtt, rtt_pure, connect }
        },
    );
    prop::collection::vec(one, 0..10).prop_map(|mut services| {
        services.sort_by_key(|s| s.port);
        services.dedup_by_key(|s| s.port);
        services
    })
}

fn listeners() -> impl Strategy<Value = Vec<ListenerStatus>> {
    let addr = prop::sample::select(vec!["0.0.0.0", "::", "10.0.0.1"]);
    let one = (addr, 1..5_u16, 0..100_u64).prop_map(|(addr, port, drops)| listener(addr, port, drops));
    prop::collection::vec(one, 0..12)
}

fn with(services: Vec<ServiceStatus>, listeners: Vec<ListenerStatus>) -> Snapshot {
    Snapshot { tcp: Some(TcpStatus { services, listeners, ..tcp_status() }), ..snapshot() }
}

fn capped(max: usize) -> Exporter {
    Exporter::with_caps(Caps { services: max, listeners: max, ..Caps::default() })
}

fn text(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

fn decode(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut bytes).expect("whole messages"));
    }
    families
}

/// All series of the TCP probe that only grow, by every label.
const GROWING: &[(&str, &[&str])] = &[
    ("netrig_tcp_rtt_seconds_bucket", &["role", "service", "kind", "le"]),
    ("netrig_tcp_rtt_seconds_count", &["role", "service", "kind"]),
    ("netrig_tcp_rtt_seconds_sum", &["role", "service", "kind"]),
    ("netrig_tcp_connect_seconds_bucket", &["role", "service", "le"]),
    ("netrig_tcp_listener_drops_total", &["listener"]),
    ("netrig_tcp_syn_ack_retransmits_total", &["listener"]),
];

proptest! {
    #[test]
    fn the_cap_changes_no_sum(services in services(), listeners in listeners()) {
        let snapshot = with(services.clone(), listeners.clone());
        let few = text(&mut capped(2), &snapshot);
        let whole = text(&mut capped(1000), &snapshot);
        for (metric, keep) in [
            ("netrig_tcp_rtt_seconds_bucket", &["kind", "le"][..]),
            ("netrig_tcp_rtt_seconds_count", &["kind"]),
            ("netrig_tcp_connect_seconds_bucket", &["le"]),
            ("netrig_tcp_accept_queue", &[]),
            ("netrig_tcp_accept_queue_capacity", &[]),
            ("netrig_tcp_syn_queue", &[]),
            ("netrig_tcp_listener_drops_total", &[]),
        ] {
            prop_assert_eq!(sums(&few, metric, keep), sums(&whole, metric, keep), "{}", metric);
        }
        let [few_s, whole_s] =
            [&few, &whole].map(|text| sums(text, "netrig_tcp_rtt_seconds_sum", &[]).values().sum::<f64>());
        prop_assert!((few_s - whole_s).abs() <= 1e-9 * whole_s, "{} {}", few_s, whole_s);
        let connects: u64 = services.iter().map(|s| s.connect.count()).sum();
        prop_assert_eq!(sums(&few, "netrig_tcp_connect_seconds_count", &[]).values().sum::<f64>(), connects as f64);
        let drops: u64 = listeners.iter().map(|l| l.drops).sum();
        prop_assert_eq!(sums(&few, "netrig_tcp_listener_drops_total", &[]).values().sum::<f64>(), drops as f64);
        prop_assert!(sums(&few, "netrig_tcp_rtt_seconds_count", &["service"]).len() <= 3, "two names and other");
        prop_assert!(sums(&few, "netrig_tcp_accept_queue", &["listener"]).len() <= 3);
        for labels in sums(&few, "netrig_tcp_rtt_seconds_count", &["role", "service"]).keys() {
            prop_assert_eq!(labels[0] == "any", labels[1] == "other", "a sum over services is of any role: {:?}", labels);
        }
    }

    #[test]
    fn no_series_goes_backwards(
        first in services(), more in services(), before in listeners(), between in listeners(), after in listeners()
    ) {
        let mut exporter = capped(2);
        let mut grown = first.clone();
        for service in &more {
            match grown.iter_mut().find(|s| s.port == service.port) {
                Some(known) => {
                    known.rtt.add(&service.rtt);
                    known.rtt_pure.add(&service.rtt_pure);
                    known.connect.add(&service.connect);
                }
                None => grown.push(service.clone()),
            }
        }
        let pictures = [with(first, before), with(grown.clone(), between), with(grown, after)];
        let texts = pictures.map(|picture| text(&mut exporter, &picture));
        for (metric, labels) in GROWING {
            for (earlier, later) in texts.iter().zip(&texts[1..]) {
                let later = sums(later, metric, labels);
                for (series, value) in sums(earlier, metric, labels) {
                    prop_assert!(later.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
                }
            }
        }
    }

    #[test]
    fn series_are_unique(services in services(), listeners in listeners(), max in 0..4_usize) {
        for exposition in [Exposition::Prometheus, Exposition::OpenMetrics] {
            let text = common::text(capped(max).render(&with(services.clone(), listeners.clone()), exposition));
            let mut series: Vec<&str> =
                text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| Some(l.rsplit_once(' ')?.0)).collect();
            let all = series.len();
            series.sort_unstable();
            series.dedup();
            prop_assert_eq!(series.len(), all);
        }
    }

    #[test]
    fn protobuf_says_what_text_says(services in services(), listeners in listeners()) {
        let snapshot = with(services, listeners);
        let text = text(&mut capped(3), &snapshot);
        let families = decode(&capped(3).render(&snapshot, Exposition::Protobuf));
        let types = text.lines().filter(|l| l.starts_with("# TYPE ")).count();
        prop_assert_eq!(families.len(), types, "every family in both");
        for family in families {
            for metric in family.metric {
                let keep: Vec<&str> = metric.label.iter().map(|l| l.name.as_str()).collect();
                let labels: Vec<String> =
                    metric.label.iter().map(|l| l.value.replace('\\', "\\\\").replace('"', "\\\"")).collect();
                let in_text = |suffix: &str| {
                    sums(&text, &format!("{}{suffix}", family.name), &keep).get(&labels).copied()
                };
                let Some(histogram) = metric.histogram else {
                    let number = metric.gauge.or(metric.counter).expect("a value");
                    prop_assert_eq!(in_text(""), Some(number.value), "{} {:?}", family.name, labels);
                    continue;
                };
                prop_assert_eq!(in_text("_count"), Some(histogram.sample_count as f64));
                prop_assert_eq!(in_text("_sum"), Some(histogram.sample_sum));
                let classic: u64 = histogram.bucket.iter().map(|b| b.cumulative_count).sum();
                prop_assert_eq!(in_text("_bucket"), Some(classic as f64));
                let counts = histogram.positive_delta.iter().scan(0, |count, delta| { *count += delta; Some(*count) });
                prop_assert_eq!(counts.sum::<i64>() as u64, histogram.sample_count);
                let spans: u32 = histogram.positive_span.iter().map(|s| s.length).sum();
                prop_assert_eq!(spans as usize, histogram.positive_delta.len());
            }
        }
    }

    #[test]
    fn no_flood_of_words_becomes_a_flood_of_series(count in 0..300_u64) {
        let words = (0..count).map(|n| (format!("E{n}"), n + 1)).collect::<Vec<_>>();
        let tcp = TcpStatus { errors: words.clone(), resets_sent: words, ..tcp_status() };
        let text = netrig_metrics::render(&Snapshot { tcp: Some(tcp), ..snapshot() });
        for (metric, label) in [("netrig_tcp_errors_total", "error"), ("netrig_tcp_resets_sent_total", "reason")] {
            let series = sums(&text, metric, &[label]);
            prop_assert!(series.len() <= 65, "{}", series.len());
            prop_assert_eq!(series.values().sum::<f64>(), (count * (count + 1) / 2) as f64);
        }
    }
}

#[test]
fn every_state_and_every_end_is_there_at_zero() {
    let text = netrig_metrics::render(&Snapshot { tcp: Some(TcpStatus::default()), ..snapshot() });
    let states = sums(&text, "netrig_tcp_connections", &["state"]);
    assert_eq!(states.len(), TcpState::ALL.len());
    assert_eq!(sums(&text, "netrig_tcp_connections_ended_total", &["end"]).len(), ConnectionEnd::ALL.len() - 1);
    assert!(states.values().all(|v| *v == 0.0));
}

#[test]
fn a_rig_without_the_probe_has_no_tcp_metrics() {
    let text = netrig_metrics::render(&Snapshot { tcp: None, ..snapshot() });
    assert!(!text.contains("netrig_tcp_"));
}

#[test]
fn words_of_equal_names_add_up() {
    let tcp = TcpStatus { errors: named(&[("EPIPE", 1), ("EPIPE", 2)]), ..tcp_status() };
    let text = netrig_metrics::render(&Snapshot { tcp: Some(tcp), ..snapshot() });
    assert_eq!(sums(&text, "netrig_tcp_errors_total", &["error"])[&vec!["EPIPE".to_owned()]], 3.0);
}
