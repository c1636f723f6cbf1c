//! Reports on one screen.

use crate::made;
use netrig_stress::report::text::page;
use netrig_view::Style;
use proptest::prelude::*;

fn plain(width: Option<usize>) -> Style {
    Style { width, color: false }
}

#[test]
fn screens_are_as_they_were() {
    let shown = [
        ("churn", made::churn()),
        ("steady", made::steady()),
        ("ring-starved", made::ring_starved()),
        ("unanswered", made::unanswered()),
    ];
    for (name, report) in shown {
        crate::golden(&format!("{name}.txt"), &page(&report, plain(None)));
    }
    crate::golden("churn-80.txt", &page(&made::churn(), plain(Some(80))));
    let docs = include_str!("../../../../docs/stress-report.md");
    assert!(
        docs.contains(&page(&made::churn(), plain(None))),
        "docs/stress-report.md shows another screen: copy golden/churn.txt"
    );
}

#[test]
fn every_report_fits_on_a_screen_of_100_by_40() {
    for mut report in made::all() {
        report.bottleneck.sentence = "something happened ".repeat(60);
        report.bottleneck.evidence = vec!["a figure".to_owned(); 9];
        report.left_behind = vec!["netns left".to_owned(); 9];
        report.losses = vec![made::churn().losses[0].clone(); 9];
        report.victim = made::steady().victim;
        report.limit = made::steady().limit;
        for sample in &mut report.samples {
            sample.governor = Some("recorder, ".repeat(30));
        }
        let text = page(&report, plain(None));
        assert!(text.lines().count() <= 40, "{} lines:\n{text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}

#[test]
fn what_sampling_left_out_is_told_once_whoever_names_it() {
    let mut report = made::governed();
    let named = page(&report, plain(None));
    report.losses.clear();
    let unnamed = page(&report, plain(None));
    for text in [named, unnamed] {
        assert_eq!(text.matches("at probe       3,000,000 packets").count(), 1, "{text}");
    }
}

#[test]
fn what_comes_from_outside_gives_no_orders_to_the_terminal() {
    let text = page(&made::hostile(), plain(None));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn colours_change_nothing_but_colours() {
    for report in made::all() {
        let (bare, colored) = (page(&report, plain(None)), page(&report, Style { width: None, color: true }));
        let stripped = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"]
            .iter()
            .fold(colored.clone(), |text, code| text.replace(code, ""));
        assert_eq!(stripped, bare);
        assert!(colored.contains("\x1b[1m"));
    }
}

#[test]
fn a_slower_victim_and_what_is_left_behind_are_seen_first() {
    let mut report = made::steady();
    report.left_behind = vec!["process 12 (netrig) still runs".to_owned()];
    let victim = report.victim.as_mut().expect("a victim");
    victim.p99_ratio_median = Some(1.09);
    let text = page(&report, Style { width: None, color: true });
    assert!(text.contains("\x1b[31mVICTIM") && text.contains("+9.0 %"), "{text}");
    assert!(text.contains("\x1b[31mLEFT"), "{text}");
    report.victim.as_mut().expect("a victim").rounds.truncate(1);
    let text = page(&report, Style { width: None, color: true });
    assert!(!text.contains("\x1b[31mVICTIM") && text.contains("1 round: too few to say"), "{text}");
}

proptest! {
    #[test]
    fn no_width_is_exceeded(which in 0..made::all().len(), width in 60_usize..140) {
        let text = page(&made::all()[which], plain(Some(width)));
        prop_assert!(text.lines().all(|line| line.chars().count() <= width.min(100)), "{}", text);
    }
}
