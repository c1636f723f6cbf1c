//! Nanoseconds a run of each of the probe's programs, by the kernel's run-time statistics.
//!
//! These read a clock twice a run and count what lies between: a part of that is the clock itself, which a program that
//! does nothing shows.

use super::contenders::{Attached, Contenders};
use super::echo::{CLIENT_CPU, SERVER_CPU, Server};
use super::loads;
use crate::statistics::Statistics;
use crate::sys;
use anyhow::Result;
use libbpf_rs::query::ProgInfoIter;
use netrig_testkit::NetNs;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// No hook may cost more.
pub(crate) const HOOK_NS_MAX: f64 = 150.0;

/// One program under one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HookResult {
    pub(crate) program: String,
    pub(crate) load: String,
    pub(crate) runs: u64,
    /// As the statistics say.
    pub(crate) told_ns: f64,
    /// Without what they say of an empty program.
    pub(crate) ns: f64,
}

impl HookResult {
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.program, self.load)
    }
}

/// How much of each load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HookPlan {
    pub(crate) requests: u32,
    pub(crate) connections: u32,
}

const RETRANSMITTING: usize = 200;
/// Fewer runs tell nothing.
const RUNS_MIN: u64 = 100;

pub(crate) fn measure(plan: HookPlan, contenders: &mut Contenders, near: &NetNs) -> Result<Vec<HookResult>> {
    let far = NetNs::new("bench-far");
    let _on = Statistics::on()?;
    let empty_ns = empty(plan, contenders, near)?;
    contenders.attach(Attached::Netrig)?;
    let mut results = Vec::new();
    let mut under = |load: &str, work: &mut (dyn FnMut() -> Result<()> + Send)| -> Result<()> {
        let before = runs_of_own()?;
        near.inside(|| {
            sys::measure_on(CLIENT_CPU)?;
            work()
        })?;
        contenders.drain();
        results.extend(since(&before, &runs_of_own()?, load, empty_ns));
        Ok(())
    };
    under("echo", &mut || loads::echo(&Server::start(SERVER_CPU)?, plan.requests))?;
    under("connections", &mut || loads::churn(&Server::start(SERVER_CPU)?, plan.connections))?;
    under("refused", &mut || loads::refused(plan.connections / 5))?;
    under("UDP sockets", &mut || loads::datagrams(plan.connections / 5))?;
    under("retransmits", &mut || loads::retransmits(near, &far, RETRANSMITTING))?;
    contenders.attach(Attached::Nothing)?;
    Ok(results)
}

/// What the statistics say of a program that does nothing, under the same load.
fn empty(plan: HookPlan, contenders: &mut Contenders, near: &NetNs) -> Result<f64> {
    contenders.attach(Attached::Empty)?;
    let before = runs_of_own()?;
    near.inside(|| {
        sys::measure_on(CLIENT_CPU)?;
        loads::echo(&Server::start(SERVER_CPU)?, plan.requests)
    })?;
    let results = since(&before, &runs_of_own()?, "echo", 0.0);
    let operations = results.iter().find(|result| result.program == "empty_ops");
    Ok(operations.map_or(0.0, |result| result.told_ns))
}

fn since(before: &Runs, after: &Runs, load: &str, empty_ns: f64) -> Vec<HookResult> {
    let mut results = Vec::new();
    for (program, (ns, runs)) in after {
        let (ns_before, runs_before) = before.get(program).copied().unwrap_or_default();
        let runs = runs - runs_before;
        if runs < RUNS_MIN {
            continue;
        }
        let told_ns = (ns - ns_before) as f64 / runs as f64;
        let (program, load) = (program.clone(), load.to_owned());
        results.push(HookResult { program, load, runs, told_ns, ns: told_ns - empty_ns });
    }
    results
}

/// Nanoseconds and runs, by program.
type Runs = BTreeMap<String, (u64, u64)>;

/// Of this process' own programs.
fn runs_of_own() -> Result<Runs> {
    let own = own_program_ids()?;
    let of_own = ProgInfoIter::default().filter(|program| own.contains(&program.id));
    Ok(of_own.map(|p| (p.name.to_string_lossy().into_owned(), (p.run_time_ns, p.run_cnt))).collect())
}

fn own_program_ids() -> Result<BTreeSet<u32>> {
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir("/proc/self/fdinfo")? {
        // The one by which the folder is read is gone by now.
        let Ok(text) = std::fs::read_to_string(entry?.path()) else { continue };
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
        ids.extend(id.and_then(|id| id.trim().parse::<u32>().ok()));
    }
    Ok(ids)
}
