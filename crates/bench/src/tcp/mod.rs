//! What the TCP probe costs: a request, a run of each hook, its start and its memory.

mod bulk;
mod contenders;
mod hooks;
mod lines;
mod requests;

pub(crate) use contenders::Tcp;

use crate::hooks::{HEAD as HOOKS_HEAD, HookPlan, HookResult};
use crate::loads;
use crate::report::Baseline;
use crate::requests::RequestPlan;
use anyhow::Result;
use bulk::StartResult;
use contenders::TcpContenders;
use netrig_probes::tcp::{TcpProbe, TcpSizes};
use requests::RequestResult;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpPlan {
    pub(crate) quick: bool,
    /// Memory of the probe's tables.
    pub(crate) kernel_bytes: u64,
}

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TcpReport {
    pub(crate) requests: Vec<RequestResult>,
    pub(crate) hooks: Vec<HookResult>,
    pub(crate) starts: Vec<StartResult>,
}

pub(crate) fn measure(plan: TcpPlan, baseline: &Baseline) -> Result<TcpReport> {
    let mut report = TcpReport::default();
    println!("{}", lines::STARTS_HEAD);
    bulk::measure(plan.kernel_bytes, &mut |start| {
        println!("{}", lines::start(&start));
        report.starts.push(start);
    })?;
    let mut contenders = TcpContenders::load(sizes(plan.kernel_bytes)?)?;
    let near = loads::namespace("bench-near");
    let requests = if plan.quick {
        RequestPlan { rounds: 25, turn: Duration::from_millis(15) }
    } else {
        RequestPlan { rounds: 151, turn: Duration::from_millis(40) }
    };
    println!("\n{}", lines::REQUESTS_HEAD);
    near.inside(|| {
        requests::measure(requests, &mut contenders, &mut |result| {
            println!("{}", lines::request(&result, baseline));
            report.requests.push(result);
        })
    })?;
    println!("\n{}", HOOKS_HEAD);
    let hooks = if plan.quick {
        HookPlan { requests: 20_000, connections: 2000 }
    } else {
        HookPlan { requests: 100_000, connections: 10_000 }
    };
    report.hooks = hooks::measure(hooks, &mut contenders, &near)?;
    for hook in &report.hooks {
        println!("{}", hook.line(Some(hooks::HOOK_NS_MAX), baseline.tcp_hooks_ns.get(&hook.key()).copied()));
    }
    Ok(report)
}

/// Instructions the verifier walked to accept each program.
pub(crate) fn verified_instructions(kernel_bytes: u64) -> Result<BTreeMap<String, u32>> {
    let probe = TcpProbe::load(&contenders::options(sizes(kernel_bytes)?)?)?;
    Ok(probe.verified_instructions().into_iter().filter(|(_, instructions)| *instructions > 0).collect())
}

pub(crate) fn sizes(kernel_bytes: u64) -> Result<TcpSizes> {
    Ok(TcpSizes::within(kernel_bytes, u32::try_from(libbpf_rs::num_possible_cpus()?)?))
}
