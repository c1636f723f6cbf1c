//! A capture beside tcpdump's: the same frames, in the same namespace, by turns.
//!
//! Packets are sent by one end of a veth pair and received by the other on the same CPU, where the tap's kernel side does its work:
//! it is in that thread's time. They are live frames, or come from a socket. The tap's process runs on another CPU, and its time is
//! added. What a capture costs is the sum,
//! beyond the same frames with nobody looking. What was captured is counted in the file, by tcpdump.

mod filters;
mod tap;
mod traffic;

pub(crate) use filters::{FILTERS_HEAD, FilterResult};

use crate::harness::{Harness, Setup};
use crate::policy::{CPU, Pair, RECEIVER, SENDER, inside};
use crate::report::{Figure, verdict};
use crate::rounds::Samples;
use crate::sys;
use anyhow::Result;
use serde::Serialize;
use tap::{Kind, Tap};
use traffic::Traffic;

/// No packet is that.
const MATCHES_NOTHING: &str = "tcp port 443 and host 10.0.0.2";
const MATCHES_ALL: &str = "udp";
/// How much of tcpdump's cost it may be.
const MISS_RATIO_MAX: f64 = 1.0 / 3.0;
const KEEP_RATIO_MAX: f64 = 0.5;

/// What is captured, and where.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    traffic: Traffic,
    /// At the sending end, or at the receiving one.
    sending: bool,
    hook: &'static str,
    filter: &'static str,
    ratio_max: f64,
}

const fn miss(name: &'static str, traffic: Traffic, sending: bool, hook: &'static str) -> Case {
    Case { name, traffic, sending, hook, filter: MATCHES_NOTHING, ratio_max: MISS_RATIO_MAX }
}

const fn keep(name: &'static str, traffic: Traffic, sending: bool, hook: &'static str) -> Case {
    Case { name, traffic, sending, hook, filter: MATCHES_ALL, ratio_max: KEEP_RATIO_MAX }
}

static CASES: [Case; 8] = [
    miss("no match, frames in, tcx", Traffic::Frames, false, "ingress"),
    miss("no match, frames in, xdp", Traffic::Frames, false, "xdp"),
    miss("no match, socket, in", Traffic::Socket, false, "ingress"),
    miss("no match, socket, out", Traffic::Socket, true, "egress"),
    keep("to a file, frames in, tcx", Traffic::Frames, false, "ingress"),
    keep("to a file, frames in, xdp", Traffic::Frames, false, "xdp"),
    keep("to a file, socket, in", Traffic::Socket, false, "ingress"),
    keep("to a file, socket, out", Traffic::Socket, true, "egress"),
];

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct CapturePlan {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
    /// Only cases whose name contains this, and no filters by themselves.
    pub(crate) only: Option<String>,
}

impl CapturePlan {
    fn cases(&self) -> impl Iterator<Item = &'static Case> {
        CASES.iter().filter(|case| self.only.as_ref().is_none_or(|only| case.name.contains(only.as_str())))
    }
}

/// One case's figures, nanoseconds of CPU a packet beyond those of nobody looking.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CaptureResult {
    pub(crate) case: String,
    /// The same frames with nobody looking.
    pub(crate) path_ns: Figure,
    pub(crate) tcpdump_ns: Figure,
    pub(crate) netrig_ns: Figure,
    /// Of it, the process' own.
    pub(crate) tcpdump_process_ns: Figure,
    pub(crate) netrig_process_ns: Figure,
    pub(crate) ratio: Figure,
    pub(crate) ratio_error: f64,
    pub(crate) ratio_max: f64,
    /// Packets sent in all rounds; of those that match, how many each has in its files.
    pub(crate) sent: u64,
    pub(crate) tcpdump_kept: u64,
    pub(crate) netrig_kept: u64,
    /// Packets of which netrig's own account says nothing.
    pub(crate) netrig_unaccounted: i64,
}

pub(crate) const HEAD: &str = "\
A capture beside tcpdump's, by turns: CPU nanoseconds a packet beyond nobody looking, the tap's kernel side and its process together
(of it the process), and which share of the matching packets is in the file

case                          path   tcpdump (process)   netrig (process)   ratio     ±   bar          tcpdump kept   netrig kept";

impl CaptureResult {
    pub(crate) fn line(&self) -> String {
        let kept = |packets: u64| 100.0 * packets as f64 / self.sent.max(1) as f64;
        format!(
            "{:<27} {:>6.0} {:>9.0} {:>9.0} {:>8.0} {:>9.0} {:>7.3} {:>5.3} {:>5.3} {:<5} {:>13.1}% {:>12.1}%{}",
            self.case,
            self.path_ns.median,
            self.tcpdump_ns.median,
            self.tcpdump_process_ns.median,
            self.netrig_ns.median,
            self.netrig_process_ns.median,
            self.ratio.median,
            self.ratio_error,
            self.ratio_max,
            verdict(self.ratio.median, self.ratio_error, self.ratio_max),
            kept(self.tcpdump_kept),
            kept(self.netrig_kept),
            if self.netrig_unaccounted == 0 { String::new() } else { format!("  OFF BY {}", self.netrig_unaccounted) },
        )
    }
}

pub(crate) fn measure_filters(plan: &CapturePlan, each: &mut dyn FnMut(FilterResult)) -> Result<()> {
    filters::measure(plan.rounds, each)
}

pub(crate) fn measure(plan: &CapturePlan, each: &mut dyn FnMut(CaptureResult)) -> Result<()> {
    let plan = plan.clone();
    let results = inside(move |pair| plan.cases().map(|case| contest(&plan, case, pair)).collect::<Result<Vec<_>>>())?;
    results.into_iter().for_each(each);
    Ok(())
}

/// One turn: CPU nanoseconds a packet of the path and of the process.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    path: f64,
    process: f64,
    kept: u64,
    unaccounted: i64,
}

#[derive(Default)]
struct Turns {
    path: Samples,
    process: Samples,
    kept: u64,
    unaccounted: i64,
}

impl Turns {
    fn push(&mut self, turn: Turn) {
        self.path.push(turn.path);
        self.process.push(turn.process);
        self.kept += turn.kept;
        self.unaccounted += turn.unaccounted;
    }

    fn beyond(&self, nobody: &Self) -> Samples {
        self.path.beyond(&nobody.path).with(&self.process, |path, process| path + process)
    }
}

fn contest(plan: &CapturePlan, case: &Case, pair: Pair) -> Result<CaptureResult> {
    let setup = Setup { kernel_bytes: 16 << 20, textbook_entries: 1024, redirect_ifindex: pair.sender, object: None };
    let harness = Harness::new(&setup)?;
    harness.set_case(&crate::cases::LIVE_PATH)?;
    traffic::prepare()?;
    sys::measure_on(CPU)?;
    let kinds = [None, Some(Kind::Tcpdump), Some(Kind::Netrig)];
    let mut turns: [Turns; 3] = Default::default();
    for round in 0..=plan.rounds {
        for place in 0..kinds.len() {
            let place = if round % 2 == 0 { place } else { kinds.len() - 1 - place };
            let turn = take_turn(plan, case, kinds[place], &harness)?;
            // The first round warms up.
            if round > 0 {
                turns[place].push(turn);
            }
        }
    }
    let [nobody, tcpdump, netrig] = turns;
    let (tcpdump_ns, netrig_ns) = (tcpdump.beyond(&nobody), netrig.beyond(&nobody));
    let ratio = netrig_ns.with(&tcpdump_ns, |netrig, tcpdump| netrig / tcpdump);
    Ok(CaptureResult {
        case: case.name.to_owned(),
        path_ns: Figure::of(&nobody.path),
        tcpdump_ns: Figure::of(&tcpdump_ns),
        netrig_ns: Figure::of(&netrig_ns),
        tcpdump_process_ns: Figure::of(&tcpdump.process),
        netrig_process_ns: Figure::of(&netrig.process),
        ratio: Figure::of(&ratio),
        ratio_error: ratio.error_of_median(),
        ratio_max: case.ratio_max,
        sent: plan.rounds as u64 * u64::from(plan.packets),
        tcpdump_kept: tcpdump.kept,
        netrig_kept: netrig.kept,
        netrig_unaccounted: netrig.unaccounted,
    })
}

fn take_turn(plan: &CapturePlan, case: &Case, kind: Option<Kind>, harness: &Harness) -> Result<Turn> {
    let iface = if case.sending { SENDER } else { RECEIVER };
    let tap = kind.map(|kind| Tap::start(kind, iface, case.hook, case.filter)).transpose()?;
    let process_before = tap.as_ref().map_or(0, Tap::cpu_ns);
    let path = case.traffic.send(harness, plan.packets)?;
    let packets = f64::from(plan.packets);
    let mut turn = Turn { path: path as f64 / packets, ..Turn::default() };
    if let Some(tap) = tap {
        tap.settle();
        turn.process = (tap.cpu_ns() - process_before) as f64 / packets;
        let ended = tap.end()?;
        turn.kept = ended.kept;
        turn.unaccounted = ended.unaccounted;
    }
    Ok(turn)
}
