//! The tables of `netrig overhead`.

use super::{part, share};
use crate::table::{Column, Table};
use crate::units::{bytes, count, duration, few_per_second};
use netrig_model::{GovernorStatus, MemoryCost, OverheadStatus, ProbeCost, StepState};
use std::cmp::Reverse;

/// Of a core, as a part of the budget of the whole machine.
fn of_budget(core_ratio: f64, overhead: &OverheadStatus) -> f64 {
    part(core_ratio, overhead.cpu_budget_ratio * overhead.cpus.max(1) as f64)
}

/// The dearest first; the sum last.
pub(super) fn probes(overhead: &OverheadStatus) -> Table {
    let mut table = Table::new(vec![
        Column::text("PROBE", 5),
        Column::number("RUNS"),
        Column::number("EACH"),
        Column::number("OF A CORE"),
        Column::number("OF BUDGET"),
        Column::number("SO FAR").optional(),
        Column::number("MEMORY").optional(),
    ]);
    let mut all: Vec<&ProbeCost> = overhead.probes.iter().collect();
    all.sort_by(|a, b| b.core_ratio.total_cmp(&a.core_ratio).then_with(|| a.probe.cmp(&b.probe)));
    for probe in &all {
        let guess = if probe.by_packets { "" } else { "~" };
        table.push(&[
            probe.probe.clone(),
            format!("{guess}{}", few_per_second(probe.runs_per_second)),
            format!("{:.0} ns", probe.ns_per_run),
            share(probe.core_ratio),
            share(of_budget(probe.core_ratio, overhead)),
            duration(i64::try_from(probe.cpu_ns).unwrap_or(i64::MAX)),
            if probe.kernel_bytes == 0 { "-".to_owned() } else { bytes(probe.kernel_bytes) },
        ]);
    }
    let sum: f64 = all.iter().map(|probe| probe.core_ratio).sum();
    let of = share(of_budget(sum, overhead));
    table.set_footer(format!("kernel: {} of a core, {of} of the budget; ~: extrapolated by time", share(sum)));
    table
}

/// Those that took most first.
pub(super) fn threads(overhead: &OverheadStatus) -> Table {
    let mut table = Table::new(vec![
        Column::text("THREAD", 6),
        Column::number("OF A CORE"),
        Column::number("OF BUDGET"),
        Column::number("SO FAR"),
    ]);
    let mut all: Vec<_> = overhead.threads.iter().collect();
    all.sort_by_key(|thread| (Reverse(thread.cpu_ns), &thread.thread));
    for thread in all {
        table.push(&[
            thread.thread.clone(),
            share(thread.core_ratio),
            share(of_budget(thread.core_ratio, overhead)),
            duration(i64::try_from(thread.cpu_ns).unwrap_or(i64::MAX)),
        ]);
    }
    let core = overhead.process_core_ratio;
    let of = share(of_budget(core, overhead));
    table.set_footer(format!("user space: {} of a core, {of} of the budget", share(core)));
    table
}

/// Against its budget.
pub(super) fn memory(memory: &MemoryCost) -> Table {
    let mut table = Table::new(vec![Column::text("MEMORY", 6), Column::number("NOW"), Column::number("AT MOST")]);
    let row =
        |what: &str, now, most: Option<u64>| [what.to_owned(), bytes(now), most.map_or_else(|| "-".to_owned(), bytes)];
    table.push(&row("kernel maps", memory.kernel_bytes, Some(memory.kernel_budget_bytes)));
    table.push(&row("the process' own", memory.own_bytes, None));
    table.push(&row("both", memory.kernel_bytes + memory.own_bytes, Some(memory.budget_bytes)));
    table.push(&row("resident, maps it reads included", memory.resident_bytes, None));
    table.set_footer("the budget is that of tables: the process itself comes on top".to_owned());
    table
}

/// In the order in which they are turned down.
pub(super) fn steps(governor: &GovernorStatus) -> Table {
    let mut table =
        Table::new(vec![Column::text("STEP", 8), Column::text("IS", 6), Column::text("TURNED DOWN", 20).sentence()]);
    for step in governor.steps.iter().filter(|step| step.state != StepState::Absent) {
        if step.state == StepState::Down {
            table.alarm();
        }
        table.push(&[step.step.clone(), step.state.as_str().to_owned(), step.gives_up.clone()]);
    }
    let (downs, ups) = (count(governor.downs), count(governor.ups));
    table.set_footer(format!("{} turned down now; since the start {downs} down, {ups} up", governor.level));
    table
}
