//! The table of cases: nanoseconds a packet beyond an empty program, by test run.

use crate::cases::{CASES, Case, Draw, IPV6_FACTOR};
use crate::harness::{Harness, LOOPBACK, Setup};
use crate::packet;
use crate::report::{CaseResult, Figure};
use crate::road::{self, Road, RoadCost};
use crate::rounds::{self, Samples};
use anyhow::Result;
use netrig_model::{Direction, LedgerRecord};

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
    pub(crate) families: Vec<bool>,
    pub(crate) cpus: Vec<usize>,
    pub(crate) only: Option<String>,
    pub(crate) setup: Setup,
    /// User space's share of the rig's memory.
    pub(crate) user_bytes: u64,
}

/// The CPU that drains, while the first one counts.
pub(crate) const DRAIN_CPU: usize = 1;

pub(crate) fn measure_all(plan: &Plan, told: &mut dyn FnMut(CaseResult)) -> Result<()> {
    for is_ipv6 in &plan.families {
        for case in CASES.iter().filter(|c| plan.only.as_ref().is_none_or(|only| c.name.contains(only.as_str()))) {
            measure(plan, case, *is_ipv6, told)?;
        }
    }
    Ok(())
}

/// One case of one family: on one CPU, then on two at once, in the same tables.
fn measure(plan: &Plan, case: &Case, is_ipv6: bool, told: &mut dyn FnMut(CaseResult)) -> Result<()> {
    let mut harness = Harness::new(&Setup { textbook_entries: case.flows * 2 + 64, ..plan.setup.clone() })?;
    harness.admit_loopback()?;
    harness.set_case(case)?;
    let mut road = Road::new(&harness.probe, plan.user_bytes)?;
    let mut before = Totals::default();
    for cpus in &plan.cpus {
        let samples = road::beside(&mut road, DRAIN_CPU, || take_turns(plan, case, &harness, is_ipv6, *cpus))?;
        let after = Totals::of(&road);
        let ran = (plan.rounds as u64 + 1) * u64::from(plan.packets) * *cpus as u64;
        let mut result = timing(case, is_ipv6, *cpus, &samples);
        after.tell_since(&before, ran, &mut result);
        if case.draw != Draw::AllNew {
            result.textbook_lost_packets = Some(ran.saturating_sub(harness.textbook_packets(is_ipv6)?));
        }
        told(result);
        before = after;
        harness.empty_textbook(is_ipv6)?;
    }
    Ok(())
}

fn timing(case: &Case, is_ipv6: bool, cpus: usize, [empty, textbook, netrig]: &[Samples; 3]) -> CaseResult {
    let (textbook, netrig) = (textbook.beyond(empty), netrig.beyond(empty));
    let factor = if is_ipv6 { IPV6_FACTOR } else { 1.0 };
    CaseResult {
        family: if is_ipv6 { "ipv6" } else { "ipv4" }.to_owned(),
        case: case.name.to_owned(),
        cpus,
        ratio: netrig.median() / textbook.median(),
        ratio_max: case.ratio_max * factor,
        ns_max: case.ns_max.map(|ns| ns * factor),
        empty_ns: Figure::of(empty),
        textbook_ns: Figure::of(&textbook),
        netrig_ns: Figure::of(&netrig),
        ..CaseResult::default()
    }
}

/// What the road had told at some moment.
#[derive(Clone, Default)]
struct Totals {
    ledger: LedgerRecord,
    cost: RoadCost,
    evictions: u64,
}

impl Totals {
    fn of(road: &Road) -> Self {
        Self { ledger: road.ledger(LOOPBACK, Direction::Ingress), cost: road.cost(), evictions: road.evictions() }
    }

    fn tell_since(&self, before: &Self, ran: u64, result: &mut CaseResult) {
        let seen = self.ledger.seen_packets - before.ledger.seen_packets;
        result.missed_packets = ran as i64 - seen as i64;
        result.imbalance_packets = self.ledger.imbalance_packets;
        result.imbalance_bytes = self.ledger.imbalance_bytes;
        result.overflow_packets = self.ledger.overflow_packets - before.ledger.overflow_packets;
        result.evictions = self.evictions - before.evictions;
        result.drain_ns = (self.cost.cpu_ns - before.cost.cpu_ns) as f64 / ran as f64;
        result.road = self.cost;
    }
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
