//! What the rig costs as JSON Lines.

use netrig_model::{GovernorStatus, MemoryCost, OverheadStatus, ProbeCost, StepStatus, ThreadCost};
use serde::Serialize;

#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Line<'a> {
    Overhead(Sum<'a>),
    OverheadProbe(&'a ProbeCost),
    OverheadThread(&'a ThreadCost),
    OverheadMemory(&'a MemoryCost),
    OverheadStep(&'a StepStatus),
}

/// What there is one of.
#[derive(Serialize)]
struct Sum<'a> {
    ratio: Option<f64>,
    cpu_budget_ratio: f64,
    cpus: u64,
    method: &'static str,
    detail: &'a str,
    bias_ns: f64,
    statistics_ns: f64,
    slices: u64,
    process_cpu_ns: u64,
    process_core_ratio: f64,
    level: u64,
    downs: u64,
    ups: u64,
    exhausted: bool,
}

impl<'a> Sum<'a> {
    fn of(overhead: &'a OverheadStatus) -> Self {
        let GovernorStatus { level, downs, ups, exhausted, .. } = overhead.governor;
        Self {
            ratio: overhead.ratio,
            cpu_budget_ratio: overhead.cpu_budget_ratio,
            cpus: overhead.cpus,
            method: overhead.method.as_str(),
            detail: &overhead.detail,
            bias_ns: overhead.bias_ns,
            statistics_ns: overhead.statistics_ns,
            slices: overhead.slices,
            process_cpu_ns: overhead.process_cpu_ns,
            process_core_ratio: overhead.process_core_ratio,
            level,
            downs,
            ups,
            exhausted,
        }
    }
}

/// A line of JSON for the whole, for each probe, each thread, memory, and each step of the governor, without line feeds. `record`
/// says which it is.
///
/// # Errors
/// When one cannot be serialised, which none is known to do.
pub fn overhead_lines(overhead: &OverheadStatus) -> serde_json::Result<Vec<String>> {
    let all = std::iter::once(Line::Overhead(Sum::of(overhead)))
        .chain(overhead.probes.iter().map(Line::OverheadProbe))
        .chain(overhead.threads.iter().map(Line::OverheadThread))
        .chain([Line::OverheadMemory(&overhead.memory)])
        .chain(overhead.governor.steps.iter().map(Line::OverheadStep));
    all.map(|line| serde_json::to_string(&line)).collect()
}
