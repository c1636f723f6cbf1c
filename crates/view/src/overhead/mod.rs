//! What the rig costs, as tables and as lines of JSON.

mod lines;
mod tables;

pub use lines::overhead_lines;

use crate::table::Style;
use netrig_model::{CostMethod, OverheadStatus};

/// A sentence that sums it up, then tables: probes in the kernel, threads, memory, and what can be turned down.
pub fn list_overhead(overhead: &OverheadStatus, style: Style, sink: &mut dyn FnMut(&str)) {
    for sentence in sentences(overhead) {
        sink(&sentence);
    }
    let tables = [
        tables::probes(overhead),
        tables::threads(overhead),
        tables::memory(&overhead.memory),
        tables::steps(&overhead.governor),
    ];
    for table in tables {
        sink("");
        table.render_lines(style, sink);
    }
}

fn sentences(overhead: &OverheadStatus) -> Vec<String> {
    let budget = share(overhead.cpu_budget_ratio);
    let cpus = match overhead.cpus {
        1 => "1 CPU".to_owned(),
        many => format!("{many} CPUs"),
    };
    let first = match overhead.ratio {
        Some(ratio) => format!(
            "{} of the machine ({cpus}), {} of its budget of {budget}",
            share(ratio),
            share(part(ratio, overhead.cpu_budget_ratio))
        ),
        None => format!("not measured yet; the budget is {budget} of the machine ({cpus})"),
    };
    let how = match overhead.method {
        CostMethod::Slices => format!(
            "kernel time is measured in slices; {:.0} ns a run, which measuring adds, are taken off",
            overhead.bias_ns
        ),
        CostMethod::Always => format!(
            "kernel.bpf_stats_enabled is 1: all is measured; {:.0} ns a run, which measuring adds, are taken off",
            overhead.bias_ns
        ),
        CostMethod::None if overhead.detail.is_empty() => "kernel time has not been measured yet".to_owned(),
        CostMethod::None => format!("kernel time is not known: {}", overhead.detail),
    };
    let mut all = vec![first, how];
    if overhead.governor.exhausted {
        all.push("all is turned down, and it is still too much".to_owned());
    }
    all
}

/// `value` of `whole`.
fn part(value: f64, whole: f64) -> f64 {
    if whole > 0.0 { value / whole } else { 0.0 }
}

/// A share in percent, also where it is a small one: `0.012 %`, `3.40 %`, `87 %`.
fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent {
        percent if percent >= 10.0 => format!("{percent:.0} %"),
        percent if percent >= 1.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.3} %"),
    }
}
