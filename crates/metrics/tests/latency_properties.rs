//! What must hold of the latency probe's metrics for any snapshot.

mod common;

use common::{latency_server, latency_status, snapshot, sums};
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn stages() -> impl Strategy<Value = Vec<StageSums>> {
    let buckets = prop::collection::btree_map(-400..80_i32, 1..1_000_000_u64, 0..8);
    prop::collection::btree_map(0..Stage::ALL.len(), (buckets, 0..500_u64, 0..50_u64), 0..6).prop_map(|stages| {
        let one = |(stage, (buckets, unseen, censored)): (usize, (BTreeMap<i32, u64>, u64, u64))| {
            let histogram = common::histogram(&buckets.into_iter().collect::<Vec<_>>());
            let eligible = histogram.count() + unseen + censored;
            StageSums { stage: Stage::ALL[stage], histogram, eligible, censored }
        };
        stages.into_iter().map(one).collect()
    })
}

/// The rest, the host, and services of several processes each, of which some are slow connections.
fn services() -> impl Strategy<Value = Vec<LatencyService>> {
    let causes = prop::collection::btree_map(0..QueueCause::ALL.len(), (0..100_u64, 0..1_000_000_000_u64), 0..4);
    let one = (0..9_u32, 0..3_u8, prop::bool::weighted(0.2), stages(), causes).prop_map(
        |(which, process, slow, stages, causes)| {
            let causes = causes.into_iter().map(|(cause, (n, ns))| (QueueCause::ALL[cause], n, ns)).collect();
            let base = match which {
                0 | 1 => LatencyService { place: which, ..LatencyService::default() },
                _ => latency_server(which, which as u16, &format!("process{process}")),
            };
            let role = match which {
                2..5 => Some(Role::Server),
                5 | 6 => Some(Role::Client),
                _ => None,
            };
            let addr = (role == Some(Role::Client)).then(|| [10, 0, 0, 1].into());
            let slow_client = (slow && which > 1).then(|| ([192, 0, 2, 1], 40_000).into());
            LatencyService { role, addr, slow_client, stages, causes, ..base }
        },
    );
    prop::collection::vec(one, 0..14)
}

fn with(services: Vec<LatencyService>) -> Snapshot {
    Snapshot { latency: Some(LatencyStatus { services, ..latency_status() }), ..snapshot() }
}

fn capped(latency_services: usize) -> Exporter {
    Exporter::with_caps(Caps { latency_services, ..Caps::default() })
}

fn text(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

/// Counts by a word, those of nothing left out.
fn by_word(counts: impl IntoIterator<Item = (&'static str, u64)>) -> BTreeMap<Vec<String>, f64> {
    let mut out: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for (word, count) in counts {
        *out.entry(vec![word.to_owned()]).or_default() += count;
    }
    out.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| (word, count as f64)).collect()
}

fn some(sums: BTreeMap<Vec<String>, f64>) -> BTreeMap<Vec<String>, f64> {
    sums.into_iter().filter(|(_, count)| *count > 0.0).collect()
}

/// All series that only grow, by every label.
const GROWING: &[(&str, &[&str])] = &[
    ("netrig_latency_stage_seconds_bucket", &["role", "service", "stage", "le"]),
    ("netrig_latency_stage_seconds_count", &["role", "service", "stage"]),
    ("netrig_latency_stage_seconds_sum", &["role", "service", "stage"]),
    ("netrig_latency_eligible_total", &["role", "service", "stage"]),
    ("netrig_latency_censored_total", &["role", "service", "stage"]),
    ("netrig_latency_tcp_queue_seconds_total", &["role", "service", "cause"]),
    ("netrig_latency_tcp_queue_messages_total", &["role", "service", "cause"]),
];

proptest! {
    #[test]
    fn sums_over_services_are_what_came_in(services in services(), max in 0..4_usize) {
        let text = text(&mut capped(max), &with(services.clone()));
        let told = || services.iter().filter(|s| s.slow_client.is_none());
        let stages = || told().flat_map(|s| &s.stages);
        let counts = stages().map(|s| (s.stage.as_str(), s.histogram.count()));
        prop_assert_eq!(sums(&text, "netrig_latency_stage_seconds_count", &["stage"]), by_word(counts));
        let eligible = stages().map(|s| (s.stage.as_str(), s.eligible));
        prop_assert_eq!(some(sums(&text, "netrig_latency_eligible_total", &["stage"])), by_word(eligible));
        let censored = stages().map(|s| (s.stage.as_str(), s.censored));
        prop_assert_eq!(some(sums(&text, "netrig_latency_censored_total", &["stage"])), by_word(censored));
        let messages = told().flat_map(|s| &s.causes).map(|(cause, messages, _)| (cause.as_str(), *messages));
        let held = sums(&text, "netrig_latency_tcp_queue_messages_total", &["cause"]);
        prop_assert_eq!(some(held), by_word(messages));
        let [times, causes] = [
            stages().map(|s| s.histogram.sum_ns).sum::<u64>(),
            told().flat_map(|s| &s.causes).map(|(_, _, ns)| ns).sum::<u64>(),
        ];
        for (metric, ns) in
            [("netrig_latency_stage_seconds_sum", times), ("netrig_latency_tcp_queue_seconds_total", causes)]
        {
            let (got, want) = (sums(&text, metric, &[]).values().sum::<f64>(), ns as f64 / 1e9);
            prop_assert!((got - want).abs() <= 1e-9 * want, "{} {} {}", metric, got, want);
        }
    }

    #[test]
    fn the_cap_bounds_the_services(services in services(), max in 0..4_usize) {
        let [few, whole] = [max, 1000].map(|max| text(&mut capped(max), &with(services.clone())));
        let buckets = |text| sums(text, "netrig_latency_stage_seconds_bucket", &["stage", "le"]);
        prop_assert_eq!(buckets(&few), buckets(&whole));
        prop_assert!(sums(&few, "netrig_latency_eligible_total", &["service"]).len() <= max + 2, "host and other");
        for labels in sums(&few, "netrig_latency_eligible_total", &["role", "service"]).keys() {
            let several = ["host", "other"].contains(&labels[1].as_str());
            prop_assert_eq!(labels[0] == "any", several, "{:?}", labels);
        }
    }

    #[test]
    fn no_series_goes_backwards(first in services(), more in services(), order in any::<prop::sample::Index>()) {
        let mut exporter = capped(2);
        let mut grown = [first.clone(), more].concat();
        let turn = order.index(grown.len().max(1));
        grown.rotate_left(turn);
        let [earlier, later] = [first, grown].map(|services| text(&mut exporter, &with(services)));
        for (metric, labels) in GROWING {
            let later = sums(&later, metric, labels);
            for (series, value) in sums(&earlier, metric, labels) {
                prop_assert!(later.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
            }
        }
    }

    #[test]
    fn series_are_unique(services in services(), max in 0..4_usize) {
        let text = common::text(capped(max).render(&with(services), Exposition::OpenMetrics));
        let mut series: Vec<&str> =
            text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| Some(l.rsplit_once(' ')?.0)).collect();
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        prop_assert_eq!(series.len(), all);
    }
}

fn key(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn processes_add_up_and_slow_connections_do_not() {
    let text = netrig_metrics::render(&snapshot());
    let totals = sums(&text, "netrig_latency_stage_seconds_count", &["role", "service", "stage"]);
    assert_eq!(totals[&key(&["server", ":8080", "total"])], 43.0, "two processes");
    assert!(!text.contains(r#"cause="pacing""#), "a slow connection's");
    let held = sums(&text, "netrig_latency_tcp_queue_seconds_total", &["service", "cause"]);
    assert_eq!(held[&key(&[":8080", "nagle"])], 0.12);
}

#[test]
fn every_stage_says_whether_it_can_be_seen() {
    let text = netrig_metrics::render(&snapshot());
    let unseen = sums(&text, "netrig_latency_stage_unseen", &["stage"]);
    assert_eq!(unseen.len(), Stage::ALL.len());
    assert_eq!(unseen.values().sum::<f64>(), 1.0, "two reasons are one stage");
    assert_eq!(unseen[&key(&["nic"])], 1.0);
}

#[test]
fn the_host_has_its_name_and_no_service_loses_one_to_it() {
    let services = vec![
        LatencyService {
            place: HOST_PLACE,
            stages: vec![common::stage(Stage::Softirq, &[(-300, 1)], 1, 0)],
            ..LatencyService::default()
        },
        LatencyService { stages: vec![common::stage(Stage::Read, &[], 9, 0)], ..latency_server(2, 80, "nginx") },
        LatencyService { stages: vec![common::stage(Stage::Read, &[], 8, 0)], ..latency_server(3, 81, "nginx") },
    ];
    let text = text(&mut capped(1), &with(services));
    let eligible = sums(&text, "netrig_latency_eligible_total", &["service"]);
    let names: Vec<_> = eligible.keys().flatten().map(String::as_str).collect();
    assert_eq!(names, [":80", "host", "other"]);
}

#[test]
fn a_flood_of_services_leaves_the_page_readable() {
    let stages = Stage::ALL.iter().filter(|s| **s != Stage::Softirq).map(|s| common::stage(*s, &[(-200, 1)], 1, 0));
    let causes = QueueCause::ALL.iter().map(|cause| (*cause, 1, 1)).collect::<Vec<_>>();
    let stages: Vec<_> = stages.collect();
    let one = |port| LatencyService {
        stages: stages.clone(),
        causes: causes.clone(),
        ..latency_server(u32::from(port), port, "nginx")
    };
    let text = text(&mut Exporter::default(), &with((2..500).map(one).collect()));
    let lines = |word: &str| text.lines().filter(|l| l.starts_with("netrig_latency_") && l.contains(word)).count();
    // As docs/prometheus.md says.
    assert_eq!(lines(r#"service=":100""#), 210);
    assert!(lines("") < 7000, "{}", lines(""));
}

#[test]
fn a_rig_without_the_probe_has_no_latency_metrics() {
    let text = netrig_metrics::render(&Snapshot { latency: None, ..snapshot() });
    assert!(!text.contains("netrig_latency_"));
    let unset = Snapshot { latency: Some(LatencyStatus::default()), ..snapshot() };
    let text = netrig_metrics::render(&unset);
    assert!(text.contains("netrig_latency_places 0") && !text.contains("netrig_latency_sampling_ratio"));
}
