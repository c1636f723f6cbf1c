//! Two runs beside each other.

use crate::made;
use netrig_stress::report::Report;
use netrig_stress::report::compare::{Change, CompareError, Comparison, compare, line, text};
use netrig_view::Style;
use proptest::prelude::*;

fn verdict(comparison: &Comparison, figure: &str) -> Change {
    let row = comparison.rows.iter().find(|row| row.figure == figure);
    row.unwrap_or_else(|| panic!("no {figure} in {:?}", comparison.rows)).verdict
}

/// A run that is another in what each run of flow's programs takes, by so many times.
fn slower_flow(mut report: Report, times: f64) -> Report {
    for sample in &mut report.samples {
        sample.probes[0].ns_per_run *= times;
        sample.probes[0].share_of_core *= times;
    }
    report
}

fn improved() -> Report {
    let mut report = slower_flow(made::churn(), 0.8);
    report.version = "0.2.0".to_owned();
    report.seed = 8;
    report.rig_config = report.rig_config.replace("16MiB", "32MiB");
    report.traffic.lost_packets = Some(90_000);
    report.losses.remove(0);
    report.samples.iter_mut().for_each(|sample| sample.rss_bytes = sample.rss_bytes.map(|bytes| bytes * 2));
    report
}

#[test]
fn a_comparison_is_as_it_was() {
    let comparison = compare(&made::churn(), &improved()).expect("one scenario");
    crate::golden("compare.txt", &text(&comparison, Style::default()));
    crate::golden("compare.json", &(line(&comparison).expect("serialise") + "\n"));
}

#[test]
fn runs_of_different_scenarios_are_refused() {
    let refused = compare(&made::churn(), &made::steady());
    assert_eq!(refused, Err(CompareError::Scenarios("churn".to_owned(), "steady".to_owned())));
}

#[test]
fn what_makes_it_doubtful_is_said() {
    let warnings = compare(&made::churn(), &improved()).expect("one scenario").warnings;
    assert!(warnings.iter().any(|warning| warning.contains("seeds differ (7 and 8)")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.ends_with("settings differ: rig.memory")), "{warnings:?}");
    let mut elsewhere = made::churn();
    elsewhere.rig_config += "[store]\ndir = \"/tmp/another\"\n";
    assert_eq!(compare(&made::churn(), &elsewhere).expect("one scenario").warnings, Vec::<String>::new());
}

#[test]
fn a_run_beside_itself_is_the_same_in_everything() {
    for report in made::all() {
        let comparison = compare(&report, &report).expect("one scenario");
        let odd = comparison.rows.iter().find(|row| !matches!(row.verdict, Change::Same | Change::Unsure));
        assert_eq!(odd, None, "{}", report.scenario);
    }
}

#[test]
fn a_probe_that_takes_longer_is_worse_and_within_its_spread_it_is_not() {
    let comparison = compare(&made::steady(), &slower_flow(made::steady(), 1.2)).expect("one scenario");
    assert_eq!(verdict(&comparison, "flow, a run"), Change::Worse);
    assert_eq!(verdict(&comparison, "burst, a run"), Change::Same);
    let comparison = compare(&made::steady(), &slower_flow(made::steady(), 1.005)).expect("one scenario");
    assert_eq!(verdict(&comparison, "flow, a run"), Change::Same);
}

#[test]
fn few_samples_are_unsure() {
    let mut short = slower_flow(made::steady(), 2.0);
    short.samples.truncate(3);
    let comparison = compare(&made::steady(), &short).expect("one scenario");
    assert_eq!(verdict(&comparison, "flow, a run"), Change::Unsure);
}

#[test]
fn limits_that_overlap_are_the_same() {
    let with = |clean, lossy| {
        let mut report = made::steady();
        let limit = report.limit.as_mut().expect("a limit");
        (limit.highest_pps_without_loss, limit.lowest_pps_with_loss) = (clean, lossy);
        report
    };
    let (a, figure) = (with(Some(600), Some(700)), "highest rate without loss");
    let against = |b: Report| verdict(&compare(&a, &b).expect("one scenario"), figure);
    assert_eq!(against(with(Some(650), Some(720))), Change::Same);
    assert_eq!(against(with(Some(700), Some(735))), Change::Better);
    assert_eq!(against(with(Some(400), Some(420))), Change::Worse);
    assert_eq!(against(with(None, Some(500))), Change::Worse);
    assert_eq!(against(with(Some(900), None)), Change::Better);
    assert_eq!(against(with(Some(650), None)), Change::Unsure);
}

#[test]
fn one_packet_that_is_unaccounted_for_is_worse() {
    let mut report = made::steady();
    report.traffic.unaccounted_packets = Some(1);
    let comparison = compare(&made::steady(), &report).expect("one scenario");
    assert_eq!(verdict(&comparison, "unaccounted"), Change::Worse);
}

proptest! {
    #[test]
    fn what_is_better_one_way_is_worse_the_other(times in 0.5..2.0_f64) {
        let (a, b) = (made::steady(), slower_flow(made::steady(), times));
        let there = compare(&a, &b).expect("one scenario");
        let back = compare(&b, &a).expect("one scenario");
        let (there, back) = (verdict(&there, "flow, a run"), verdict(&back, "flow, a run"));
        let opposite = matches!((there, back), (Change::Better, Change::Worse) | (Change::Worse, Change::Better));
        // Near the border the hundredth is one of another number.
        prop_assert!(opposite || there == Change::Same || back == Change::Same, "{:?} {:?}", there, back);
        prop_assert!(opposite || (times - 1.0).abs() < 0.1, "{:?} at {}", there, times);
    }
}
