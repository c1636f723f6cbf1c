//! Every scenario, in short: every packet has an account, and nothing is left.

use crate::support::{assert_accounted, beside_others, report};
use netrig_stress::report::Report;
use netrig_testkit::require_root;
use std::sync::OnceLock;

#[track_caller]
fn runs(scenario: &str) {
    let _beside = beside_others();
    let report = report(&[scenario, "--duration", "1s"]);
    assert_eq!(report.scenario, scenario);
    assert!(!report.samples.is_empty() && report.victim.is_none());
    assert!(!report.bottleneck.sentence.is_empty());
    assert_accounted(&report);
}

macro_rules! each {
    ($($test:ident: $scenario:literal,)+) => {$(
        #[test]
        fn $test() {
            require_root!();
            runs($scenario);
        }
    )+};
}

each! {
    microbursts_are_accounted: "microburst",
    new_flows_without_end_are_accounted: "churn",
    elephants_and_mice_are_accounted: "elephant-mice",
    a_flood_of_syns_is_accounted: "syn-flood",
    fragments_are_accounted: "fragments",
    tiny_packets_are_accounted: "tiny-packets",
    jumbo_frames_are_accounted: "jumbo",
    tunnels_are_accounted: "tunnels",
    a_hundred_interfaces_are_accounted: "many-interfaces",
    a_slow_link_is_accounted: "congestion",
    a_mix_is_accounted: "mixed",
}

/// Just long enough for a victim.
fn steady() -> &'static Report {
    static STEADY: OnceLock<Report> = OnceLock::new();
    STEADY.get_or_init(|| {
        let _beside = beside_others();
        report(&["steady", "--duration", "6s"])
    })
}

#[test]
fn a_steady_stream_is_accounted() {
    require_root!();
    assert_accounted(steady());
}

#[test]
fn how_full_each_ring_was_is_known_whenever_the_rig_answered() {
    require_root!();
    let answered = || steady().samples.iter().filter(|sample| !sample.tables.is_empty());
    assert!(answered().count() > 0, "{:?}", steady().samples);
    for ring in ["outbox", "tcp ends", "payload", "burst samples", "burst buckets", "drop examples"] {
        for sample in answered() {
            let fill = sample.rings.iter().find(|fill| fill.name == ring).and_then(|fill| fill.share());
            assert!(fill.is_some_and(|share| (0.0..=1.0).contains(&share)), "{ring}: {sample:?}");
        }
    }
    let fullest = |ring: &str| {
        let fills = answered().flat_map(|sample| &sample.rings).filter(|fill| fill.name == ring);
        fills.filter_map(|fill| fill.used).max()
    };
    assert!(fullest("burst samples") > Some(0) && fullest("burst buckets") > Some(0), "{:?}", steady().samples);
}

#[test]
fn the_victims_round_trips_are_measured_with_the_rig_and_without_it() {
    require_root!();
    let victim = steady().victim.as_ref().expect("a victim");
    assert_eq!(victim.rounds.len(), 1);
    assert!(victim.off.count > 0 && victim.on.count > 0 && victim.p99_ratio_median.is_some(), "{victim:?}");
    for figures in [&victim.off, &victim.on] {
        assert!(figures.p50_us > 0.0 && figures.p50_us <= figures.p99_us && figures.p99_us <= figures.p999_us);
    }
}
