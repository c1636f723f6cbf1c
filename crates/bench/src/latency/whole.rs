//! The latency probe as the rig runs it, beside a paced load: its hooks, slices, and what it takes to begin and end them.

use super::contenders::{BESIDE_TCP, CONTENDERS, LatencyContenders, NOTHING, SIXTEENTH};
use crate::echo::{CLIENT_CPU, Server};
use crate::report::Figure;
use crate::requests::{Load, ON_ONE_CONNECTION, PACE};
use crate::rounds::{self, Samples};
use crate::sys;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Of a core, at most, at the sampling that is the default.
pub(crate) const SHARE_MAX: f64 = 0.01;
/// How often the rig gives the probe its turn.
const TURNS_APART: Duration = Duration::from_millis(20);

/// What takes turns; the first is the base of the others.
const WHICH: [usize; 3] = [NOTHING, SIXTEENTH, BESIDE_TCP];

/// Shares of a core, at so many requests a second as [`PACE`] says.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct WholeResult {
    pub(crate) contender: String,
    pub(crate) cpus: usize,
    pub(crate) rounds: usize,
    /// Both ends without the probe.
    pub(crate) without: Figure,
    /// What both ends take more.
    pub(crate) ends: Figure,
    /// What the probe's turns take: the CPU time of the thread that calls them.
    pub(crate) turns: Figure,
    pub(crate) in_all: Figure,
    /// Standard error of the median.
    pub(crate) error: f64,
}

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholePlan {
    pub(crate) rounds: usize,
    /// Of one contender's turn: some periods of slices.
    pub(crate) turn: Duration,
}

pub(crate) fn measure(
    plan: WholePlan,
    contenders: &mut LatencyContenders,
    told: &mut dyn FnMut(WholeResult),
) -> Result<()> {
    let load = &ON_ONE_CONNECTION[0];
    let server = load.server()?;
    let samples = rounds::contest(plan.rounds, &WHICH, contenders, &mut |c| turn(plan, load, &server, c))?;
    let [without, _] = &samples[0];
    for (which, [ends, turns]) in WHICH.iter().zip(&samples).skip(1) {
        told(result(plan, load, CONTENDERS[*which].name, without, ends, turns));
    }
    Ok(())
}

fn result(
    plan: WholePlan,
    load: &Load,
    contender: &str,
    without: &Samples,
    ends: &Samples,
    turns: &Samples,
) -> WholeResult {
    let ends = ends.beyond(without);
    let in_all = ends.with(turns, |ends, turns| ends + turns);
    WholeResult {
        contender: contender.to_owned(),
        cpus: load.cpus(),
        rounds: plan.rounds,
        without: Figure::of(without),
        ends: Figure::of(&ends),
        turns: Figure::of(turns),
        in_all: Figure::of(&in_all),
        error: in_all.error_of_median(),
    }
}

/// The shares of both ends and of the probe's turns.
fn turn(plan: WholePlan, load: &Load, server: &Server, contenders: &mut LatencyContenders) -> Result<[f64; 2]> {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            sys::measure_on(CLIENT_CPU)?;
            sys::wake_when_due();
            load.turn(server, load.requests(plan.turn))
        });
        let (begun, before) = (Instant::now(), sys::thread_cpu_ns());
        let mut waiting_ns = 0;
        while !asking.is_finished() {
            contenders.turn();
            let asleep = sys::thread_cpu_ns();
            sleep(TURNS_APART);
            waiting_ns += sys::thread_cpu_ns() - asleep;
        }
        let turning_ns = sys::thread_cpu_ns() - before - waiting_ns;
        let turns = turning_ns as f64 / begun.elapsed().as_nanos() as f64;
        let us = asking.join().map_err(|_| anyhow!("the asking thread panicked"))??;
        Ok([us * f64::from(PACE) / 1e6, turns])
    })
}
