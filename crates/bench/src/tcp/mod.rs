//! What the TCP probe costs: a request, a run of each hook, its start and its memory.

mod bulk;
mod contenders;
mod echo;
mod hooks;
mod lines;
mod loads;
mod requests;

use crate::report::Baseline;
use anyhow::Result;
use bulk::StartResult;
use contenders::Contenders;
use hooks::{HookPlan, HookResult};
use netrig_probes::tcp::{TcpProbe, TcpSizes};
use netrig_testkit::NetNs;
use requests::{RequestPlan, RequestResult};
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
    let mut contenders = Contenders::load(sizes(plan.kernel_bytes)?)?;
    let near = NetNs::new("bench-near");
    // Whoever connects ten thousand times a second runs out of ports that are not waiting.
    near.run("sysctl -qw net.ipv4.tcp_max_tw_buckets=1000");
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
    println!("\n{}", lines::HOOKS_HEAD);
    let hooks = if plan.quick {
        HookPlan { requests: 20_000, connections: 2000 }
    } else {
        HookPlan { requests: 100_000, connections: 10_000 }
    };
    report.hooks = hooks::measure(hooks, &mut contenders, &near)?;
    report.hooks.iter().for_each(|hook| println!("{}", lines::hook(hook, baseline)));
    Ok(report)
}

/// Instructions the verifier walked to accept each program.
pub(crate) fn verified_instructions(kernel_bytes: u64) -> Result<BTreeMap<String, u32>> {
    let probe = TcpProbe::load(&contenders::options(sizes(kernel_bytes)?)?)?;
    Ok(probe.verified_instructions().into_iter().filter(|(_, instructions)| *instructions > 0).collect())
}

fn sizes(kernel_bytes: u64) -> Result<TcpSizes> {
    Ok(TcpSizes::within(kernel_bytes, u32::try_from(libbpf_rs::num_possible_cpus()?)?))
}
