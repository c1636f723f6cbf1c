//! Nanoseconds a run of each of a probe's programs, by the kernel's run-time statistics.
//!
//! These read a clock twice a run and count what lies between: a part of that is the clock itself, which a program that
//! does nothing shows.

use crate::echo::{CLIENT_CPU, SERVER_CPU, Server};
use crate::report::{change, within};
use crate::statistics::Statistics;
use crate::{loads, sys};
use anyhow::Result;
use libbpf_rs::query::ProgInfoIter;
use netrig_testkit::NetNs;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One program under one load.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct HookResult {
    pub(crate) program: String,
    pub(crate) load: String,
    pub(crate) runs: u64,
    /// Of a round trip, or of whatever the load consists of.
    pub(crate) runs_each: f64,
    /// As the statistics say.
    pub(crate) told_ns: f64,
    /// Without what they say of an empty program.
    pub(crate) ns: f64,
}

impl HookResult {
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.program, self.load)
    }

    /// With the most that a run may cost, and what it was before.
    pub(crate) fn line(&self, max_ns: Option<f64>, before: Option<f64>) -> String {
        let bar = max_ns.map_or_else(String::new, |max| format!("{max:>5.0} {}", within(self.ns, max)));
        format!(
            "{:<16} {:<20} {:>8} {:>9.3} {:>7.0} {:>7.0} {bar:<10} {:>9}",
            self.program,
            self.load,
            self.runs,
            self.runs_each,
            self.told_ns,
            self.ns,
            change(self.ns, before),
        )
    }
}

pub(crate) const HEAD: &str = "\
Nanoseconds a run of each program, by the kernel's statistics, less what they say of an empty program

program          load                     runs      each    told      ns   bar       baseline";

/// How much of each load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HookPlan {
    pub(crate) requests: u32,
    pub(crate) connections: u32,
}

/// Of the echo with an empty program.
const EMPTY_PASSES: u32 = 5;
/// Fewer runs tell nothing.
const RUNS_MIN: u64 = 100;

/// The statistics, switched on until this is dropped, and what they have told.
pub(crate) struct Hooks<'a> {
    near: &'a NetNs,
    empty_ns: f64,
    pub(crate) results: Vec<HookResult>,
    _on: Statistics,
}

impl<'a> Hooks<'a> {
    /// Loads run in `near`. What the statistics say of a program that does nothing is found by an echo: a program called
    /// `empty_ops` is attached. Of a few passes the quickest: what the machine does beside it, it did to that one least.
    pub(crate) fn measure_empty(near: &'a NetNs, requests: u32) -> Result<Self> {
        let mut hooks = Self { near, empty_ns: 0.0, results: Vec::new(), _on: Statistics::on()? };
        for _ in 0..EMPTY_PASSES {
            let requests = requests / EMPTY_PASSES;
            hooks.under("echo", requests, &mut || loads::echo(&Server::start(SERVER_CPU)?, requests))?;
        }
        let told = std::mem::take(&mut hooks.results);
        let of_empty = told.iter().filter(|result| result.program == "empty_ops").map(|result| result.told_ns);
        hooks.empty_ns = of_empty.reduce(f64::min).unwrap_or(0.0);
        Ok(hooks)
    }

    /// What each of this process' programs took while `work` did its `operations`.
    pub(crate) fn under(
        &mut self,
        load: &str,
        operations: u32,
        work: &mut (dyn FnMut() -> Result<()> + Send),
    ) -> Result<()> {
        let before = runs_of_own()?;
        self.near.inside(|| {
            sys::measure_on(CLIENT_CPU)?;
            work()
        })?;
        self.results.extend(since(&before, &runs_of_own()?, load, operations, self.empty_ns));
        Ok(())
    }
}

fn since(before: &Runs, after: &Runs, load: &str, operations: u32, empty_ns: f64) -> Vec<HookResult> {
    let mut results = Vec::new();
    for (program, (ns, runs)) in after {
        let (ns_before, runs_before) = before.get(program).copied().unwrap_or_default();
        let runs = runs - runs_before;
        if runs < RUNS_MIN {
            continue;
        }
        let told_ns = (ns - ns_before) as f64 / runs as f64;
        let (program, load) = (program.clone(), load.to_owned());
        let runs_each = runs as f64 / f64::from(operations);
        results.push(HookResult { program, load, runs, runs_each, told_ns, ns: told_ns - empty_ns });
    }
    results
}

/// Nanoseconds and runs, by program.
type Runs = BTreeMap<String, (u64, u64)>;

fn runs_of_own() -> Result<Runs> {
    runs_of(std::process::id())
}

/// Nanoseconds and runs of a process' programs, by name; those that are loaded twice are one.
pub(crate) fn runs_of(pid: u32) -> Result<BTreeMap<String, (u64, u64)>> {
    let own = program_ids_of(pid)?;
    let mut sums = Runs::new();
    for program in ProgInfoIter::default().filter(|program| own.contains(&program.id)) {
        let (ns, runs) = sums.entry(program.name.to_string_lossy().into_owned()).or_default();
        *ns += program.run_time_ns;
        *runs += program.run_cnt;
    }
    Ok(sums)
}

fn program_ids_of(pid: u32) -> Result<BTreeSet<u32>> {
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // The one by which the folder is read is gone by now.
        let Ok(text) = std::fs::read_to_string(entry?.path()) else { continue };
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
        ids.extend(id.and_then(|id| id.trim().parse::<u32>().ok()));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_of_each_operation_and_beyond_an_empty_program() {
        let runs = |ns, runs| Runs::from([("read".to_owned(), (ns, runs)), ("rare".to_owned(), (7, runs / 1000))]);
        let results = since(&runs(1_000, 10), &runs(101_000, 1_010), "echo", 500, 40.0);
        let told: Vec<_> = results.iter().map(|r| (r.key(), r.runs, r.runs_each, r.told_ns, r.ns)).collect();
        assert_eq!(told, [("read echo".to_owned(), 1_000, 2.0, 100.0, 60.0)]);
    }
}
