//! The table of cases: nanoseconds a packet beyond an empty program, by test run.

use crate::account::Books;
use crate::cases::{CASES, Case, Draw, IPV6_FACTOR};
use crate::harness::{Harness, Setup};
use crate::report::{CaseResult, Figure};
use crate::rounds::{self, Samples};
use crate::{packet, sys};
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
    pub(crate) families: Vec<bool>,
    pub(crate) cpus: Vec<usize>,
    pub(crate) only: Option<String>,
    pub(crate) setup: Setup,
}

/// The CPU that drains, while the first one counts.
const DRAIN_CPU: usize = 1;

pub(crate) fn measure_all(plan: &Plan, told: &mut dyn FnMut(CaseResult)) -> Result<()> {
    for is_ipv6 in &plan.families {
        for case in CASES.iter().filter(|c| plan.only.as_ref().is_none_or(|only| c.name.contains(only.as_str()))) {
            for cpus in &plan.cpus {
                told(measure(plan, case, *is_ipv6, *cpus)?);
            }
        }
    }
    Ok(())
}

fn measure(plan: &Plan, case: &Case, is_ipv6: bool, cpus: usize) -> Result<CaseResult> {
    let harness = Harness::new(&Setup { textbook_entries: case.flows * 2 + 64, ..plan.setup.clone() })?;
    harness.admit_loopback()?;
    harness.set_case(case)?;
    let books = Books::of(harness.memory());
    let stop = AtomicBool::new(false);
    let samples = std::thread::scope(|scope| {
        let drain = scope.spawn(|| sys::pin_to(DRAIN_CPU).map(|()| books.keep_taking(&stop)));
        let samples = take_turns(plan, case, &harness, is_ipv6, cpus);
        stop.store(true, Ordering::Relaxed);
        drain.join().map_err(|_| anyhow::anyhow!("the draining thread panicked"))??;
        samples
    })?;
    let [empty, textbook, netrig] = samples;
    let (textbook, netrig) = (textbook.beyond(&empty), netrig.beyond(&empty));
    let account = books.account();
    let ran = (plan.rounds as u64 + 1) * u64::from(plan.packets) * cpus as u64;
    Ok(CaseResult {
        family: if is_ipv6 { "ipv6" } else { "ipv4" }.to_owned(),
        case: case.name.to_owned(),
        cpus,
        ratio: netrig.median() / textbook.median(),
        ratio_max: case.ratio_max * if is_ipv6 { IPV6_FACTOR } else { 1.0 },
        ns_max: case.ns_max.map(|ns| ns * if is_ipv6 { IPV6_FACTOR } else { 1.0 }),
        empty_ns: Figure::of(&empty),
        textbook_ns: Figure::of(&textbook),
        netrig_ns: Figure::of(&netrig),
        missed_packets: ran as i64 - account.seen as i64,
        imbalance_packets: account.imbalance(),
        account,
    })
}

/// A warm-up round, then the rounds that count.
fn take_turns(plan: &Plan, case: &Case, harness: &Harness, is_ipv6: bool, cpus: usize) -> Result<[Samples; 3]> {
    let family = if is_ipv6 { 6 } else { 4 };
    let names = ["empty", "textbook", "netrig"].map(|what| format!("bench_{what}{family}"));
    let packet = packet::udp(is_ipv6);
    let mut samples = [Samples::default(), Samples::default(), Samples::default()];
    for round in 0..=plan.rounds {
        for (name, samples) in names.iter().zip(&mut samples) {
            let ns = rounds::run(harness.program(name)?, &packet, plan.packets, cpus)?;
            if round > 0 {
                samples.push(ns);
            }
        }
        if case.draw == Draw::AllNew {
            harness.empty_textbook(is_ipv6)?;
        }
    }
    Ok(samples)
}
