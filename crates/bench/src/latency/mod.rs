//! What the latency probe costs: a message, a core's share, throughput, a run of each hook.

mod contenders;
mod hooks;
mod lines;
mod requests;
mod transfers;
mod whole;

use crate::hooks::{HEAD as HOOKS_HEAD, HookPlan, HookResult};
use crate::loads;
use crate::report::Baseline;
use crate::requests::RequestPlan;
use anyhow::Result;
use contenders::LatencyContenders;
use netrig_probes::latency::LatencyProbe;
use requests::RequestResult;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use transfers::TransferResult;
use whole::{WholePlan, WholeResult};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencyPlan {
    pub(crate) quick: bool,
    /// Memory of each probe's tables.
    pub(crate) kernel_bytes: u64,
}

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LatencyReport {
    pub(crate) requests: Vec<RequestResult>,
    pub(crate) whole: Vec<WholeResult>,
    pub(crate) transfers: Vec<TransferResult>,
    pub(crate) hooks: Vec<HookResult>,
}

/// How much of each.
struct Plans {
    requests: RequestPlan,
    whole: WholePlan,
    transfers: RequestPlan,
    hooks: HookPlan,
}

impl Plans {
    fn of(quick: bool) -> Self {
        let ms = Duration::from_millis;
        if quick {
            Self {
                requests: RequestPlan { rounds: 9, turn: ms(15) },
                whole: WholePlan { rounds: 3, turn: ms(1600) },
                transfers: RequestPlan { rounds: 9, turn: ms(15) },
                hooks: HookPlan { requests: 20_000, connections: 2000 },
            }
        } else {
            Self {
                requests: RequestPlan { rounds: 101, turn: ms(40) },
                // Two periods.
                whole: WholePlan { rounds: 15, turn: ms(3200) },
                transfers: RequestPlan { rounds: 51, turn: ms(40) },
                hooks: HookPlan { requests: 100_000, connections: 10_000 },
            }
        }
    }
}

pub(crate) fn measure(plan: LatencyPlan, baseline: &Baseline) -> Result<LatencyReport> {
    let mut report = LatencyReport::default();
    let plans = Plans::of(plan.quick);
    let mut contenders = LatencyContenders::load(plan.kernel_bytes)?;
    let near = loads::namespace("bench-near");
    println!("{}", lines::REQUESTS_HEAD);
    near.inside(|| {
        requests::measure(plans.requests, &mut contenders, &mut |result| {
            println!("{}", lines::request(&result, baseline));
            report.requests.push(result);
        })
    })?;
    println!("\n{}", lines::WHOLE_HEAD);
    near.inside(|| {
        whole::measure(plans.whole, &mut contenders, &mut |result| {
            println!("{}", lines::whole(&result));
            report.whole.push(result);
        })
    })?;
    println!("\n{}", lines::TRANSFERS_HEAD);
    report.transfers = near.inside(|| transfers::measure(plans.transfers, &mut contenders))?;
    report.transfers.iter().for_each(|result| println!("{}", lines::transfer(result, baseline)));
    println!("\n{HOOKS_HEAD}");
    report.hooks = hooks::measure(plans.hooks, &mut contenders, &near)?;
    for hook in &report.hooks {
        println!("{}", hook.line(None, baseline.latency_hooks_ns.get(&hook.key()).copied()));
    }
    Ok(report)
}

/// Instructions the verifier walked to accept each program.
pub(crate) fn verified_instructions(kernel_bytes: u64) -> Result<BTreeMap<String, u32>> {
    let probe = LatencyProbe::load(&contenders::options(kernel_bytes)?)?;
    Ok(probe.verified_instructions().into_iter().filter(|(_, instructions)| *instructions > 0).collect())
}
