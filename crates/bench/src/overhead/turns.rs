//! Turns: everyone after the other, round by round, under the same loads.

use super::awake::Awake;
use super::contender::Contender;
use super::ground::Ground;
use super::loads::{Kind, Load};
use super::machine::Busy;
use super::spare::{Left, Spare};
use super::stop;
use super::tool::{self, Tool};
use crate::statistics::Statistics;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What one turn came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// In the load's own unit.
    pub(crate) rate: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    /// Of the whole machine's time, 0 to 1.
    pub(crate) busy_share: f64,
    /// CPU time of whoever had the turn, in cores; none without a process.
    pub(crate) process_cores: Option<f64>,
}

/// One turn, or why there is no figure of it.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) load: Kind,
    pub(crate) contender: Contender,
    pub(crate) round: usize,
    pub(crate) outcome: Result<Outcome, String>,
}

/// Time in the rig's kernel programs, by the kernel's run-time statistics, in a turn of its own: they cost time themselves.
#[derive(Clone, Debug)]
pub(crate) struct KernelTime {
    pub(crate) load: Kind,
    pub(crate) contender: Contender,
    pub(crate) cores: f64,
    /// By program, those that took longest first.
    pub(crate) programs: Vec<ProgramTime>,
}

/// Of one program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProgramTime {
    pub(crate) program: String,
    pub(crate) cores: f64,
    pub(crate) runs_per_s: f64,
    pub(crate) ns_per_run: f64,
}

/// Loads that share a start of whoever has its turn.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) loads: Vec<Kind>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) rounds: usize,
    pub(crate) turn: Duration,
    /// Before the first load of a turn: what a start brings with it is over then.
    pub(crate) settle: Duration,
}

/// What is done with what is attached.
type Attended<'a, T> = &'a mut dyn FnMut(&mut [(Kind, Box<dyn Load + '_>)], Option<&mut Tool>) -> Result<T>;

impl Group {
    /// Every turn as it ends, to `told`; then the time in kernel programs.
    pub(crate) fn run(&self, told: &mut dyn FnMut(Turn), kernel: &mut dyn FnMut(KernelTime)) -> Result<()> {
        let ground = Ground::new()?;
        if self.loads.iter().any(|load| load.is_flood()) {
            ground.forward_to_nowhere();
        }
        // Where CPUs cannot be kept awake, the page says so.
        let _awake = self.loads.iter().all(|load| load.fills_a_cpu()).then(Awake::hold);
        let spare = self.loads.iter().all(|load| load.is_paced()).then(Spare::start).transpose()?;
        let mut loads = Vec::new();
        for load in &self.loads {
            loads.push((*load, load.begin(&ground).with_context(|| format!("the load {}", load.name()))?));
        }
        for round in 0..self.rounds {
            for contender in self.order(round) {
                self.turn(&ground, &mut loads, (contender, round), spare.as_ref(), told)?;
            }
        }
        for contender in self.contenders.iter().filter(|contender| contender.is_rig()) {
            self.kernel_turn(&ground, &mut loads, *contender, kernel)?;
        }
        Ok(())
    }

    /// Each comes after each of the others equally often.
    fn order(&self, round: usize) -> Vec<Contender> {
        let mut order = self.contenders.clone();
        if round % 2 == 1 {
            order.reverse();
        }
        order
    }

    /// One turn under each load. That one failed is told, and the next one's turn comes.
    fn turn(
        &self,
        ground: &Ground,
        loads: &mut [(Kind, Box<dyn Load + '_>)],
        (contender, round): (Contender, usize),
        spare: Option<&Spare>,
        told: &mut dyn FnMut(Turn),
    ) -> Result<()> {
        let mut outcomes = Vec::new();
        let ended = self.attended(ground, loads, contender, &mut |loads, mut tool| {
            for (kind, load) in loads.iter_mut() {
                let outcome = load.run_if_any(self.warm_up(*kind, contender));
                let outcome = outcome.and_then(|()| self.measure(load.as_mut(), tool.as_deref_mut(), spare));
                outcomes.push((*kind, outcome));
            }
            Ok(())
        });
        stop::check()?;
        let all = self.loads.iter().map(|kind| {
            let outcome = outcomes.iter().position(|(of, _)| of == kind).map(|at| outcomes.swap_remove(at).1);
            let outcome = outcome.unwrap_or_else(|| Err(anyhow::anyhow!("it had no turn")));
            // One that did not come to its end as it should has no figures, whatever it told before.
            let outcome =
                ended.as_ref().map_err(|e| format!("{e:#}")).and_then(|()| outcome.map_err(|e| format!("{e:#}")));
            Turn { load: *kind, contender, round, outcome }
        });
        all.for_each(told);
        Ok(())
    }

    /// Attaches, does, takes away.
    fn attended<T>(
        &self,
        ground: &Ground,
        loads: &mut [(Kind, Box<dyn Load + '_>)],
        contender: Contender,
        work: Attended<'_, T>,
    ) -> Result<T> {
        if contender == Contender::Empty {
            let [(_, first), ..] = loads else { anyhow::bail!("there is no load") };
            first.set_empty_program(true)?;
        }
        let mut tool = Tool::start(contender, ground)?;
        stop::pause(self.settle)?;
        let done = work(loads, tool.as_mut());
        if let (Contender::Empty, [(_, first), ..]) = (contender, &mut *loads) {
            first.set_empty_program(false)?;
        }
        tool.map_or(Ok(()), Tool::end)?;
        done
    }

    fn measure(&self, load: &mut dyn Load, mut tool: Option<&mut Tool>, spare: Option<&Spare>) -> Result<Outcome> {
        let cpu_ns = |tool: &Option<&mut Tool>| tool.as_ref().map(|tool| tool.cpu_ns());
        let (begun, work, before) = (Instant::now(), Work::now(spare)?, cpu_ns(&tool));
        let measured = load.run(self.turn)?;
        let (after, now, took) = (cpu_ns(&tool), Work::now(spare)?, begun.elapsed());
        if let Some(tool) = &mut tool {
            tool.check()?;
        }
        let process_ns = after.zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Outcome {
            rate: measured.rate,
            p50_us: measured.p50_us,
            p99_us: measured.p99_us,
            busy_share: now.since(work),
            process_cores: process_ns.map(|ns| ns as f64 / took.as_nanos() as f64),
        })
    }

    /// A failure here costs a figure, no more.
    fn kernel_turn(
        &self,
        ground: &Ground,
        loads: &mut [(Kind, Box<dyn Load + '_>)],
        contender: Contender,
        told: &mut dyn FnMut(KernelTime),
    ) -> Result<()> {
        let _on = Statistics::on()?;
        let mut times = Vec::new();
        let ended = self.attended(ground, loads, contender, &mut |loads, tool| {
            let Some(tool) = tool else { return Ok(()) };
            for (kind, load) in loads.iter_mut() {
                load.run_if_any(self.warm_up(*kind, contender))?;
                let (begun, before) = (Instant::now(), tool.kernel_runs()?);
                load.run(self.turn)?;
                let programs = programs(&before, &tool.kernel_runs()?, begun.elapsed());
                let cores = programs.iter().map(|program| program.cores).sum();
                times.push(KernelTime { load: *kind, contender, cores, programs });
            }
            Ok(())
        });
        stop::check()?;
        match ended {
            Ok(()) => times.into_iter().for_each(told),
            Err(e) => println!("time in kernel programs of {}: {e:#}", contender.name()),
        }
        Ok(())
    }
}

/// How much the machine had done at one time: by what it left to nobody, where that is looked at, else by the kernel's ticks.
#[derive(Clone, Copy)]
struct Work {
    ticks: Busy,
    left: Option<Left>,
}

impl Work {
    fn now(spare: Option<&Spare>) -> Result<Self> {
        Ok(Self { ticks: Busy::now()?, left: spare.map(Spare::now) })
    }

    /// Share of the whole machine's time, 0 to 1.
    fn since(self, earlier: Self) -> f64 {
        let left = self.left.zip(earlier.left).map(|(now, earlier)| now.busy_since(earlier));
        left.unwrap_or_else(|| self.ticks.since(earlier.ticks))
    }
}

/// Nanoseconds and runs, by program.
type Runs = BTreeMap<String, (u64, u64)>;

fn programs(before: &Runs, after: &Runs, took: Duration) -> Vec<ProgramTime> {
    let seconds = took.as_secs_f64();
    let gained = after.iter().map(|(program, (ns, runs))| {
        let (ns_before, runs_before) = before.get(program).copied().unwrap_or_default();
        (program, ns.saturating_sub(ns_before) as f64, runs.saturating_sub(runs_before) as f64)
    });
    let mut programs: Vec<_> = gained
        .filter(|(_, _, runs)| *runs > 0.0)
        .map(|(program, ns, runs)| ProgramTime {
            program: program.clone(),
            cores: ns / 1e9 / seconds,
            runs_per_s: runs / seconds,
            ns_per_run: ns / runs,
        })
        .collect();
    programs.sort_by(|a, b| b.cores.total_cmp(&a.cores));
    programs
}

/// Whether there is a figure to be had at all.
pub(crate) fn can_take_part(contender: Contender) -> bool {
    tool::is_installed(contender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_by_what_they_gained_the_dearest_first() {
        let runs =
            |of: &[(&str, u64, u64)]| of.iter().map(|(name, ns, runs)| ((*name).to_owned(), (*ns, *runs))).collect();
        let before: Runs = runs(&[("a", 1000, 10), ("idle", 5, 1)]);
        let after: Runs = runs(&[("a", 2000, 20), ("b", 2_000_000_000, 1000), ("idle", 5, 1)]);
        let told = programs(&before, &after, Duration::from_secs(2));
        let told: Vec<_> = told.iter().map(|p| (p.program.as_str(), p.cores, p.runs_per_s, p.ns_per_run)).collect();
        assert_eq!(told, [("b", 1.0, 500.0, 2_000_000.0), ("a", 5e-7, 5.0, 100.0)]);
    }

    #[test]
    fn every_second_round_goes_backwards() {
        let contenders = vec![Contender::Off, Contender::Default, Contender::OffAgain];
        let group =
            Group { loads: vec![Kind::Rest], contenders, rounds: 2, turn: Duration::ZERO, settle: Duration::ZERO };
        assert_eq!(group.order(0), [Contender::Off, Contender::Default, Contender::OffAgain]);
        assert_eq!(group.order(1), [Contender::OffAgain, Contender::Default, Contender::Off]);
    }
}
