//! Which part broke first, or would.

use crate::made;
use netrig_config::SETTINGS;
use netrig_stress::report::model::{Bottleneck, Loss, Report, Stage};
use netrig_stress::report::verdict::judge;
use proptest::prelude::*;

fn key(bottleneck: &Bottleneck) -> Option<&str> {
    bottleneck.setting.as_ref().map(|setting| setting.key.as_str())
}

#[test]
fn verdicts_in_words() {
    let mut text = String::new();
    for report in made::all() {
        let Bottleneck { stage, broke, sentence, setting, evidence } = judge(&report);
        let stage = if broke { format!("{stage} broke") } else { stage.to_string() };
        text += &format!("{}: {stage}\n  {sentence}\n", report.scenario.escape_debug());
        if let Some(setting) = setting {
            text += &format!("  {}: {} -> {}\n", setting.key, setting.now, setting.proposal);
        }
        evidence.iter().for_each(|line| text += &format!("  - {line}\n"));
    }
    crate::golden("verdicts.txt", &text);
}

#[test]
fn a_small_table_is_named_though_the_driver_lost_something_too() {
    let found = judge(&made::churn());
    assert_eq!((found.stage, key(&found)), (Stage::Table, Some("rig.memory")));
    let setting = found.setting.expect("a setting");
    assert_eq!((setting.now.as_str(), setting.proposal.as_str()), ("\"16MiB\"", "\"32MiB\""));
}

#[test]
fn a_process_that_stands_still_makes_the_outbox_overflow_and_that_is_the_ring() {
    let found = judge(&made::ring_starved());
    assert_eq!(found.stage, Stage::Ring);
    assert!(found.sentence.contains("3.00 s"), "{}", found.sentence);
}

#[test]
fn a_full_disk_and_a_slow_one_are_told_apart() {
    let (full, slow) = (judge(&made::disk_full()), judge(&made::slow_disk()));
    assert_eq!((full.stage, key(&full)), (Stage::Store, Some("store.budget")));
    assert_eq!((slow.stage, key(&slow)), (Stage::Store, Some("rig.window")));
}

#[test]
fn windows_that_are_larger_than_the_store_s_budget_ask_for_a_larger_one() {
    let mut report = made::disk_full();
    (report.losses[0].unit, report.losses[0].count) = ("windows".to_owned(), 3);
    let found = judge(&report);
    let setting = found.setting.as_ref().map(|setting| (setting.key.as_str(), setting.proposal.as_str()));
    assert_eq!((found.stage, setting), (Stage::Store, Some(("store.budget", "\"2GiB\""))));
}

#[test]
fn rows_that_are_lost_for_good_weigh_more_than_flows_that_were_sampled() {
    let mut report = made::disk_full();
    report.ledger[0].sampled_out_packets = report.traffic.sent_packets / 64 * 63;
    assert_eq!(judge(&report).stage, Stage::Store);
}

#[test]
fn a_rig_that_runs_and_is_late_has_not_stood_still() {
    let mut report = made::churn();
    report.samples[6].drain_lag_s = Some(4.4);
    assert_eq!(judge(&report).stage, Stage::Table);
    report.samples[6].rig_cpu_share_of_core = Some(0.004);
    let found = judge(&report);
    assert_eq!(found.stage, Stage::Ring);
    assert!(found.sentence.contains("4.40 s"), "{}", found.sentence);
}

#[test]
fn a_rig_at_rest_has_not_stood_still() {
    let mut report = made::churn();
    report.samples.iter_mut().for_each(|sample| sample.rig_cpu_share_of_core = Some(0.001));
    assert_eq!(judge(&report).stage, Stage::Table, "it answered, and what it read was young");
}

#[test]
fn examples_that_are_lost_are_a_trifle_beside_packets() {
    let mut report = made::microburst();
    report.losses.push(Loss {
        stage: Stage::Ring,
        what: "examples".to_owned(),
        count: 9_000,
        unit: "examples".to_owned(),
    });
    assert_eq!(judge(&report).stage, Stage::Driver);
}

#[test]
fn a_recorder_that_was_overrun_points_to_its_own_memory() {
    let mut report = made::microburst();
    let what = "overwritten before they were written".to_owned();
    report.losses = vec![Loss { stage: Stage::Ring, what, count: 300_000, unit: "recorded packets".to_owned() }];
    let found = judge(&report);
    assert_eq!((found.stage, key(&found)), (Stage::Ring, Some("recorder.memory")));
}

#[test]
fn what_is_lost_in_front_of_cheap_programs_is_the_driver_s_and_of_dear_ones_the_probes() {
    let (driver, probes) = (judge(&made::microburst()), judge(&made::heavy_probes()));
    assert_eq!((driver.stage, key(&driver)), (Stage::Driver, None));
    assert_eq!((probes.stage, key(&probes)), (Stage::Probe, Some("latency.sampling")));
}

#[test]
fn a_generator_that_was_too_slow_is_said_first() {
    let found = judge(&made::slow_generator());
    assert_eq!(found.stage, Stage::Generator);
    assert!(found.sentence.starts_with("The generator sent only 42 %"), "{}", found.sentence);
    let mut both = made::churn();
    both.traffic.offered_packets = Some(40_000_000);
    let found = judge(&both);
    assert_eq!(found.stage, Stage::Table, "what broke is what broke");
    assert!(found.sentence.starts_with("The generator sent only 25 %"), "{}", found.sentence);
}

#[test]
fn the_governor_s_sampling_points_to_the_cpu_budget_and_one_s_own_sampling_does_not() {
    let found = judge(&made::governed());
    assert_eq!((found.stage, key(&found)), (Stage::Probe, Some("rig.cpu")));
    let mut process = made::governed();
    process.samples[5].rig_cpu_share_of_core = Some(0.4);
    let found = judge(&process);
    assert_eq!((found.stage, key(&found)), (Stage::Drain, Some("rig.cpu")), "its process takes more");
    let mut asked_for = made::governed();
    asked_for.rig_config += "[flow]\nsampling = 4\n";
    asked_for.losses.clear();
    asked_for.samples.iter_mut().for_each(|sample| sample.governor = None);
    assert_eq!(judge(&asked_for).stage, Stage::None);
}

#[test]
fn what_the_governor_turned_down_is_the_limit_where_nothing_was_lost() {
    let mut report = made::evicting();
    report.samples[4].governor = Some("recorder, latency_256".to_owned());
    let found = judge(&report);
    assert_eq!((found.stage, key(&found)), (Stage::Drain, Some("flow.sampling")), "there is no more CPU to be had");
    report.rig_config = "[rig]\ncpu = \"2%\"\n".to_owned();
    let found = judge(&report);
    assert_eq!((found.stage, key(&found)), (Stage::Drain, Some("rig.cpu")));
    assert!(found.sentence.contains("turned down recorder, latency_256."), "{}", found.sentence);
}

#[test]
fn entries_that_are_replaced_by_chance_make_no_full_table() {
    let mut report = made::steady();
    report.samples[4].tables[0].evicted_per_s = Some(14.0);
    assert_eq!(judge(&report).stage, Stage::None);
    assert_eq!(judge(&made::evicting()).stage, Stage::Table, "30,000 of 65,536 in a second are no chance");
}

#[test]
fn what_was_sampled_is_no_break_and_what_was_lost_is() {
    let broke = |report: &Report| judge(report).broke;
    let mut both = made::governed();
    let what = "frames that found the ring full".to_owned();
    both.losses.push(Loss { stage: Stage::Driver, what, count: 200_000, unit: "packets".to_owned() });
    assert_eq!((judge(&both).stage, broke(&both)), (Stage::Probe, false), "what was sampled is more, and no break");
    assert!(!broke(&made::evicting()) && !broke(&made::steady()) && !broke(&made::slow_generator()));
    assert!([made::churn(), made::heavy_probes(), made::ring_starved(), made::unanswered()].iter().all(broke));
}

#[test]
fn a_rig_that_did_not_answer_is_no_rig_without_loss() {
    assert_eq!(judge(&made::unanswered()).stage, Stage::Drain);
}

#[test]
fn of_two_that_broke_the_earlier_is_named_and_a_trifle_is_not() {
    let mut report = made::ring_starved();
    report.samples.iter_mut().for_each(|sample| sample.rig_cpu_share_of_core = Some(0.1));
    report.samples[8].tables[0].lost = Some(1);
    assert_eq!(judge(&report).stage, Stage::Ring, "lost at 7 s, the table at 9 s");
    report.samples[1].tables[0].lost = Some(1);
    assert_eq!(judge(&report).stage, Stage::Table, "lost at 2 s");
    report.samples[1].tables[0].lost = None;
    report.losses[1].count = 1;
    assert_eq!(judge(&report).stage, Stage::Table, "one event is a trifle beside 900,000 packets");
}

#[test]
fn what_is_unaccounted_is_the_first_evidence() {
    assert!(judge(&made::hostile()).evidence[0].starts_with("3 packets are unaccounted for"));
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(Stage::ALL.to_vec())
}

/// A run with losses and figures at random, numbers that are none among them.
fn any_report() -> impl Strategy<Value = Report> {
    let losses =
        prop::collection::vec((any_stage(), any::<u64>(), prop::sample::select(vec!["packets", "rows"])), 0..5);
    let share = prop_oneof![0.0..2.0_f64, Just(f64::NAN), Just(f64::INFINITY)];
    let samples = prop::collection::vec((any::<u64>(), any::<u64>(), share, prop::option::of(0.0..20.0_f64)), 0..12);
    (prop::sample::select(made::all()), losses, samples, any::<[Option<u64>; 3]>()).prop_map(
        |(mut report, losses, samples, traffic)| {
            report.losses.truncate(0);
            for (stage, count, unit) in losses {
                let (what, unit) = ("why".to_owned(), unit.to_owned());
                report.losses.push(Loss { stage, what, count, unit });
            }
            for (sample, (used, capacity, share, lag)) in report.samples.iter_mut().zip(samples) {
                if let Some(fill) = sample.tables.first_mut() {
                    (fill.used, fill.capacity, fill.evicted_per_s) = (Some(used), Some(capacity), Some(share));
                }
                sample.store_queue = sample.tables.first().cloned();
                sample.rig_cpu_share_of_core = Some(share);
                sample.probes.iter_mut().for_each(|probe| probe.share_of_core = share);
                sample.drain_lag_s = lag;
            }
            let [offered, seen, unaccounted] = traffic;
            report.traffic.offered_packets = offered;
            report.traffic.seen_packets = seen;
            report.traffic.unaccounted_packets = unaccounted;
            report
        },
    )
}

proptest! {
    #[test]
    fn whatever_happened_there_is_a_sentence_and_every_key_is_a_setting(report in any_report()) {
        let found = judge(&report);
        prop_assert!(found.sentence.ends_with('.'), "{}", found.sentence);
        prop_assert!(!found.sentence.contains("NaN"), "{}", found.sentence);
        prop_assert!(!found.sentence.contains("  "), "{}", found.sentence);
        prop_assert!(found.evidence.len() <= 6);
        if let Some(setting) = &found.setting {
            prop_assert!(SETTINGS.iter().any(|known| known.path == setting.key), "{}", setting.key);
            prop_assert!(setting.now != setting.proposal);
        }
    }

    #[test]
    fn what_lost_something_is_never_said_to_be_fine(report in any_report()) {
        let stages = [Stage::Table, Stage::Ring, Stage::Drain, Stage::Store, Stage::Driver];
        let lost = report.losses.iter().any(|loss| loss.count > 0 && stages.contains(&loss.stage));
        let found = judge(&report).stage;
        prop_assert!(!lost || !matches!(found, Stage::None | Stage::Generator), "{:?}", found);
    }
}
