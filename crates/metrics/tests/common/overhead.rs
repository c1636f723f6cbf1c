//! What a rig costs that has had to turn something down.

use netrig_model::*;

pub(crate) fn status() -> OverheadStatus {
    let probe = |probe: &str, cpu_ns, runs, kernel_bytes| ProbeCost {
        probe: probe.to_owned(),
        cpu_ns,
        runs,
        kernel_bytes,
        ..ProbeCost::default()
    };
    let step = |step: &str, state| StepStatus { step: step.to_owned(), gives_up: String::new(), state };
    OverheadStatus {
        cpu_budget_ratio: 0.01,
        cpus: 2,
        ratio: Some(0.0075),
        method: CostMethod::Slices,
        probes: vec![probe("flow", 1_500_000_000, 20_000_000, 33_554_432), probe("meter", 12_000_000, 20_000_000, 0)],
        threads: vec![ThreadCost { thread: "netrig".to_owned(), cpu_ns: 1_250_000_000, core_ratio: 0.004 }],
        process_cpu_ns: 1_400_000_000,
        memory: MemoryCost {
            budget_bytes: 67_108_864,
            kernel_budget_bytes: 58_720_256,
            kernel_bytes: 41_943_040,
            resident_bytes: 20_971_520,
            own_bytes: 9_437_184,
        },
        governor: GovernorStatus {
            level: 1,
            steps: vec![
                step("recorder", StepState::Down),
                step("payload", StepState::Up),
                step("flows_4", StepState::Absent),
            ],
            downs: 3,
            ups: 2,
            exhausted: false,
        },
        ..OverheadStatus::default()
    }
}
