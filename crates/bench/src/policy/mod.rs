//! What a packet costs under a policy, beside an empty XDP program and the textbook; how long a policy of a million prefixes
//! takes to be in force, and whether packets see anything of a swap.

mod cases;
mod contenders;
mod lines;
mod live;
mod loading;
mod sources;

pub(crate) use live::{CPU, LIVE_FRAMES, Pair, RECEIVER, SENDER, inside};

use crate::report::Figure;
use crate::rounds::{self, Contenders, Samples};
use crate::{packet, sys};
use anyhow::{Result, anyhow};
use cases::{CASES, Case};
use contenders::{EMPTY_DROP, EMPTY_PASS, HASH, NETRIG, Place, PolicyContenders, TRIE};
use serde::Serialize;
use sources::{Draw, Listed, as_in_packets};

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct PolicyPlan {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
    pub(crate) only: Option<String>,
}

impl PolicyPlan {
    fn cases(&self) -> impl Iterator<Item = &'static Case> {
        CASES.iter().filter(|case| self.only.as_ref().is_none_or(|only| case.name.contains(only.as_str())))
    }
}

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PolicyReport {
    pub(crate) cases: Vec<CaseResult>,
    pub(crate) live: Vec<CaseResult>,
    pub(crate) loading: Option<loading::LoadingResult>,
    pub(crate) swap: Option<loading::SwapResult>,
}

/// One case's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CaseResult {
    family: &'static str,
    case: &'static str,
    /// An empty program with the same verdict, and what makes the packets.
    empty_ns: Figure,
    netrig_ns: Figure,
    /// netrig's, round by round, as a multiple of the empty program's.
    ratio: Figure,
    ratio_error: f64,
    ratio_max: Option<f64>,
    /// The same of a hash map of addresses, and of the kernel's trie of prefixes.
    hash_ratio: Option<f64>,
    trie_ratio: Option<f64>,
    /// Packets that were run, less those that were counted and dropped as they should be.
    miscounted: i64,
}

pub(crate) fn measure(plan: &PolicyPlan) -> Result<PolicyReport> {
    let mut report = PolicyReport::default();
    println!("{}", lines::CASES_HEAD);
    measure_cases(plan, Place::Slot, 0, &test_run, &mut |result| report.cases.push(result))?;
    println!("\n{}", lines::LIVE_HEAD);
    inside(|pair| {
        sys::measure_on(CPU)?;
        measure_cases(plan, pair.receiver, pair.sender, &live_run, &mut |result| report.live.push(result))
    })?;
    let listed = Listed::new(cases::MILLION, false, false);
    println!("\n{}", lines::LOADING_HEAD);
    let loading = loading::measure(&listed, plan.rounds)?;
    println!("{}", lines::loading(&loading));
    report.loading = Some(loading);
    println!("\n{}", lines::SWAP_HEAD);
    let swap = inside(|pair| loading::swap(&listed, plan.rounds, pair))?;
    println!("{}", lines::swap(&swap));
    report.swap = Some(swap);
    Ok(report)
}

/// CPU nanoseconds a packet of one turn.
type Turn<'a> = &'a dyn Fn(&PolicyContenders, usize, &Case, u32, u64) -> Result<f64>;

/// All cases; each list is made once.
fn measure_cases(
    plan: &PolicyPlan,
    place: Place,
    send_by: u32,
    turn: Turn<'_>,
    told: &mut dyn FnMut(CaseResult),
) -> Result<()> {
    let cases: Vec<_> = plan.cases().collect();
    for of_list in cases.chunk_by(|a, b| (a.entries, a.is_ipv6) == (b.entries, b.is_ipv6)) {
        let listed = Listed::new(of_list[0].entries, of_list[0].is_ipv6, of_list[0].only_addresses());
        let mut contenders = PolicyContenders::load(&listed, place, send_by)?;
        for case in of_list {
            let result = measure_case(plan, case, &listed, &mut contenders, turn)?;
            println!("{}", lines::case(&result));
            told(result);
        }
    }
    Ok(())
}

fn measure_case(
    plan: &PolicyPlan,
    case: &Case,
    listed: &Listed,
    contenders: &mut PolicyContenders,
    turn: Turn<'_>,
) -> Result<CaseResult> {
    let sources = listed.sequence(case.draw, case.listed);
    contenders.set_sources(&sources, case.is_ipv6)?;
    contenders.put(&cases::policy(case, &listed.set))?;
    let empty = if case.drops() { EMPTY_DROP } else { EMPTY_PASS };
    let which: &[usize] = if case.does == cases::Does::Drop { &[empty, NETRIG, HASH, TRIE] } else { &[empty, NETRIG] };
    let before = contenders.counted();
    // `contest` does not say whose turn it is.
    let mut turns = Turns { inner: contenders, now: 0 };
    let samples = rounds::contest(plan.rounds, which, &mut turns, &mut |turns| {
        Ok([turn(turns.inner, turns.now, case, plan.packets, sources[0])?])
    })?;
    let after = contenders.counted();
    let ran = (plan.rounds as u64 + 1) * u64::from(plan.packets);
    let matched = if case.listed { ran } else { 0 };
    let dropped = if case.drops() { ran } else { 0 };
    let off = |now: u64, before: u64, wanted: u64| (now as i64 - before as i64 - wanted as i64).abs();
    let samples: Vec<Samples> = samples.into_iter().map(|[one]| one).collect();
    let [empty, netrig, others @ ..] = &samples[..] else { return Err(anyhow!("too few contenders")) };
    let ratio = netrig.with(empty, |netrig, empty| netrig / empty);
    let other = |at: usize| others.get(at).map(|other| other.with(empty, |other, empty| other / empty).median());
    Ok(CaseResult {
        family: if case.is_ipv6 { "ipv6" } else { "ipv4" },
        case: case.name,
        empty_ns: Figure::of(empty),
        netrig_ns: Figure::of(netrig),
        ratio_error: ratio.error_of_median(),
        ratio: Figure::of(&ratio),
        ratio_max: case.ratio_max,
        hash_ratio: other(0),
        trie_ratio: other(1),
        miscounted: off(after.0, before.0, matched) + off(after.1, before.1, dropped),
    })
}

/// The contenders, and whose turn it is.
struct Turns<'a> {
    inner: &'a mut PolicyContenders,
    now: usize,
}

impl Contenders for Turns<'_> {
    fn attach(&mut self, which: usize) -> Result<()> {
        self.now = which;
        self.inner.attach(which)
    }

    fn drain(&mut self) {
        self.inner.drain();
    }
}

/// By test run. One source needs nobody who makes packets: the contender is called by itself.
fn test_run(contenders: &PolicyContenders, which: usize, case: &Case, packets: u32, first: u64) -> Result<f64> {
    let frame = frame(case.is_ipv6, first);
    let program = match (case.draw, case.is_ipv6) {
        (Draw::One, _) => contenders.contender(which)?,
        (_, false) => contenders.program("policy_next4")?,
        (_, true) => contenders.program("policy_next6")?,
    };
    rounds::run(program, &frame, packets, 1)
}

/// A frame from this source, as large as the bench's others.
fn frame(is_ipv6: bool, source: u64) -> Vec<u8> {
    let mut frame = packet::udp(is_ipv6);
    let octets = as_in_packets(source, is_ipv6).to_ne_bytes();
    if is_ipv6 {
        frame[22..30].copy_from_slice(&octets);
        frame[30..38].copy_from_slice(&sources::LOWER.to_be_bytes());
    } else {
        frame[26..30].copy_from_slice(&octets[..4]);
    }
    frame
}

/// CPU time of sending by live frames, a packet.
fn live_run(contenders: &PolicyContenders, which: usize, case: &Case, packets: u32, first: u64) -> Result<f64> {
    // Told apart by what is attached alone.
    let _ = which;
    let program = contenders.program(if case.is_ipv6 { "policy_send6" } else { "policy_send4" })?;
    let before = sys::thread_cpu_ns();
    sys::test_run(program, &frame(case.is_ipv6, first), packets, LIVE_FRAMES)?;
    Ok((sys::thread_cpu_ns() - before) as f64 / f64::from(packets))
}
