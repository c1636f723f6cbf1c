//! What the rig itself costs.

use crate::families::{Families, Value};
use crate::names;
use netrig_model::{OverheadStatus, StepState};

pub(crate) fn gather(out: &mut Families, status: &OverheadStatus) {
    for probe in &status.probes {
        let labels = [probe.probe.as_str()];
        out.add(&names::PROBE_CPU, &labels, Value::Time(probe.cpu_ns));
        out.count(&names::PROBE_RUNS, &labels, probe.runs);
        if probe.kernel_bytes > 0 {
            out.count(&names::PROBE_MEMORY, &labels, probe.kernel_bytes);
        }
    }
    out.add(&names::PROCESS_CPU, &[], Value::Time(status.process_cpu_ns));
    for thread in &status.threads {
        out.add(&names::THREAD_CPU, &[&thread.thread], Value::Time(thread.cpu_ns));
    }
    if let Some(ratio) = status.ratio {
        out.add(&names::OVERHEAD, &[], Value::Real(ratio));
    }
    out.add(&names::CPU_BUDGET, &[], Value::Real(status.cpu_budget_ratio));
    out.count(&names::KERNEL_MEMORY, &[], status.memory.kernel_bytes);
    out.count(&names::MEMORY_BUDGET, &["rig"], status.memory.budget_bytes);
    out.count(&names::MEMORY_BUDGET, &["kernel"], status.memory.kernel_budget_bytes);
    governor(out, status);
}

fn governor(out: &mut Families, status: &OverheadStatus) {
    let governor = &status.governor;
    out.count(&names::GOVERNOR_LEVEL, &[], governor.level);
    out.count(&names::GOVERNOR_STEPS, &["down"], governor.downs);
    out.count(&names::GOVERNOR_STEPS, &["up"], governor.ups);
    for step in governor.steps.iter().filter(|step| step.state != StepState::Absent) {
        out.count(&names::GOVERNOR_STEP, &[&step.step], u64::from(step.state == StepState::Down));
    }
    out.count(&names::GOVERNOR_EXHAUSTED, &[], u64::from(governor.exhausted));
}
