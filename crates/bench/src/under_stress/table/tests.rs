//! The section of made-up runs, held against a golden file.

use super::*;
use netrig_stress::report::model::{Loss, Percentiles, ProbeCost, Sample, Traffic};

fn report(scenario: &str, offered: Option<u64>) -> Report {
    let probe = ProbeCost { probe: "flow".to_owned(), runs_per_s: 1e5, ns_per_run: 90.0, share_of_core: 0.009 };
    let sample = Sample {
        seen_pps: Some(100_000.0),
        rig_cpu_share_of_core: Some(0.031),
        probes: vec![probe],
        ..Sample::default()
    };
    Report {
        version: "0.1.0".to_owned(),
        scenario: scenario.to_owned(),
        seed: 7,
        started: "2026-11-28T09:00:00Z".to_owned(),
        duration_s: 10.0,
        machine: Machine { kernel: "6.18.0".to_owned(), cpus: 2, ..Machine::default() },
        rate_asked_pps: None,
        rig_config: String::new(),
        traffic: Traffic {
            offered_packets: offered,
            sent_packets: 1_000_000,
            seen_packets: Some(990_000),
            lost_packets: Some(0),
            unaccounted_packets: Some(0),
            ..Traffic::default()
        },
        ledger: Vec::new(),
        losses: Vec::new(),
        samples: vec![sample; 3],
        victim: None,
        bottleneck: Bottleneck::default(),
        limit: None,
        left_behind: Vec::new(),
    }
}

fn calm() -> Report {
    let percentiles = |p50_us, p99_us| Percentiles { count: 1000, p50_us, p99_us, p999_us: 900.0 };
    let (off, on) = (percentiles(41.0, 118.0), percentiles(42.0, 121.0));
    let victim = Some(Victim { off, on, rounds: Vec::new(), p99_ratio_median: Some(1.0254) });
    Report { victim, ..report("steady", Some(1_000_000)) }
}

fn broken() -> Report {
    let loss = |stage, count, unit: &str| Loss { stage, what: "why".to_owned(), count, unit: unit.to_owned() };
    let losses = vec![
        loss(Stage::Store, 1_234, "rows"),
        loss(Stage::Table, 250_000, "packets"),
        loss(Stage::Table, 50_000, "packets"),
    ];
    let bottleneck = Bottleneck { stage: Stage::Table, broke: true, ..Bottleneck::default() };
    Report { losses, bottleneck, ..report("churn", None) }
}

/// The rig did not answer, and nothing is known of it.
fn silent() -> Report {
    let traffic = Traffic { sent_packets: 5, ..Traffic::default() };
    let bottleneck = Bottleneck { stage: Stage::Drain, ..Bottleneck::default() };
    Report { traffic, bottleneck, samples: Vec::new(), ..report("mixed", None) }
}

/// With `NETRIG_BLESS=1` in the environment the file is written anew.
#[test]
fn the_section_is_as_it_was() {
    let (path, section) = ("src/under_stress/golden/section.txt", section(&[calm(), broken(), silent()]));
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(path, &section).expect("write the golden file");
    }
    assert_eq!(section, std::fs::read_to_string(path).expect("the golden file"));
}

#[test]
fn rows_have_as_many_cells_as_the_table_has_columns() {
    let section = section(&[calm(), broken(), silent()]);
    let bars = |line: &str| line.matches('|').count();
    let rows: Vec<usize> = section.lines().filter(|line| line.starts_with('|')).map(bars).collect();
    assert_eq!(rows, [COLUMNS.len() + 1; 5]);
}

#[test]
fn runs_of_several_machines_say_so() {
    let mut other = broken();
    other.machine.cpus = 8;
    assert!(section(&[calm(), other]).contains("2 CPUs under Linux 6.18.0, 8 CPUs under Linux 6.18.0"));
}
