//! The page of made-up figures, held against a golden file.

use super::super::contender::Contender;
use super::super::machine::Machine;
use super::super::plan::groups;
use super::super::turns::{KernelTime, Outcome, ProgramTime, Turn};
use super::super::{Measured, OverheadPlan};
use super::*;

/// Three rounds in which each loses what its place in the table says, on a machine that becomes slower.
fn turns() -> Vec<Turn> {
    let mut turns = Vec::new();
    for round in 0..3 {
        for load in [Kind::Rest, Kind::Bulk, Kind::FloodForwarded, Kind::Opaque] {
            for (place, contender) in
                [Contender::Off, Contender::OffAgain, Contender::Empty, Contender::Flows, Contender::Default]
                    .into_iter()
                    .enumerate()
            {
                if !super::super::plan::takes_part(contender, &[load]) {
                    continue;
                }
                let share = 1.0 - 0.004 * place as f64 - 0.1 * round as f64;
                let fails = contender == Contender::Flows && load == Kind::Bulk && round == 1;
                let outcome = Outcome {
                    rate: load.unit().map(|(_, divisor)| 20.0 * divisor * share),
                    p50_us: load.has_latency().then_some(30.0),
                    p99_us: load.has_latency().then_some(100.0 / share),
                    busy_share: 0.5 + 0.01 * place as f64,
                    process_cores: contender.is_rig().then_some(0.0011 + 0.0001 * round as f64),
                };
                let outcome =
                    if fails { Err("netrig, flows alone ended (exit status: 1): why".to_owned()) } else { Ok(outcome) };
                turns.push(Turn { load, contender, round, outcome });
            }
        }
    }
    turns
}

fn measured() -> Measured {
    let plan = OverheadPlan { quick: false, rounds: Some(3), only: None, document: "/x".into() };
    let machine = Machine {
        cpu: "A Processor".to_owned(),
        cpus: 2,
        kernel: "6.1.0".to_owned(),
        memory_mib: 4096,
        is_virtual: true,
        can_wait_awake: true,
        busy_before_cores: 0.03,
    };
    let program = ProgramTime { program: "flow_tc".to_owned(), cores: 0.0002, runs_per_s: 4000.0, ns_per_run: 50.0 };
    Measured {
        machine,
        groups: groups(&plan, &[]),
        missing: vec![Contender::Pmacctd],
        turns: turns(),
        kernel: vec![KernelTime {
            load: Kind::Rest,
            contender: Contender::Default,
            cores: 0.0002,
            programs: vec![program],
        }],
        is_quick: false,
    }
}

/// With `NETRIG_BLESS=1` in the environment the file is written anew.
#[test]
fn the_page_is_as_it_was() {
    let (path, page) = ("src/overhead/golden/overhead.md", render(&measured()));
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(path, &page).expect("write the golden file");
    }
    let golden = std::fs::read_to_string(path).expect("the golden file");
    assert_eq!(page, golden);
}

#[test]
fn a_run_in_a_hurry_says_so_and_the_terminal_hears_of_what_was_measured() {
    let hurried = Measured { is_quick: true, ..measured() };
    let busy = Machine { busy_before_cores: 1.5, ..measured().machine };
    let page = render(&Measured { machine: busy, ..hurried });
    assert!(page.contains("run in a hurry") && page.contains("busy with other things, so"));
    assert!(!render(&measured()).contains("busy with other things, so"));
    let summary = summary(&measured());
    assert!(summary.contains("bulk TCP") && !summary.contains("HTTP"), "{summary}");
}
