//! What `netrig overhead` prints, as golden files.

mod common;

use common::golden;
use netrig_model::{
    CostMethod, GovernorStatus, MemoryCost, OverheadStatus, ProbeCost, StepState, StepStatus, ThreadCost,
};
use netrig_view::{Style, list_overhead, overhead_lines};

fn probe(probe: &str, runs_per_second: f64, ns_per_run: f64, by_packets: bool) -> ProbeCost {
    ProbeCost {
        probe: probe.into(),
        cpu_ns: (runs_per_second * ns_per_run * 600.0) as u64,
        runs: (runs_per_second * 600.0) as u64,
        by_packets,
        runs_per_second,
        ns_per_run,
        core_ratio: runs_per_second * ns_per_run / 1e9,
        kernel_bytes: if probe == "meter" { 0 } else { 4 << 20 },
    }
}

fn status() -> OverheadStatus {
    let step = |step: &str, gives_up: &str, state| StepStatus { step: step.into(), gives_up: gives_up.into(), state };
    OverheadStatus {
        cpu_budget_ratio: 0.01,
        cpus: 4,
        ratio: Some(0.0083),
        method: CostMethod::Slices,
        bias_ns: 23.4,
        statistics_ns: 81.0,
        slices: 120,
        probes: vec![
            probe("tcp", 9_000.0, 310.0, false),
            probe("flow", 150_000.0, 92.0, true),
            probe("meter", 3_000.0, 81.0, false),
            probe("recorder", 0.0, 0.0, true),
        ],
        threads: vec![
            ThreadCost { thread: "netrig-store".into(), cpu_ns: 900_000_000, core_ratio: 0.0015 },
            ThreadCost { thread: "netrig".into(), cpu_ns: 8_000_000_000, core_ratio: 0.0142 },
        ],
        process_cpu_ns: 8_900_000_000,
        process_core_ratio: 0.0157,
        memory: MemoryCost {
            budget_bytes: 64 << 20,
            kernel_budget_bytes: 56 << 20,
            kernel_bytes: 41_000_000,
            resident_bytes: 52_000_000,
            own_bytes: 9_500_000,
        },
        governor: GovernorStatus {
            level: 1,
            steps: vec![
                step("recorder", "no packets are kept for the flight recorder's files", StepState::Down),
                step("latency_256", "latency is told of 1 message in 256", StepState::Up),
                step("flows_4", "flows are told of 1 packet in 4", StepState::Absent),
            ],
            downs: 3,
            ups: 2,
            exhausted: false,
        },
        ..OverheadStatus::default()
    }
}

fn shown(status: &OverheadStatus, style: Style) -> String {
    let mut text = String::new();
    list_overhead(status, style, &mut |line| text.push_str(&format!("{line}\n")));
    text
}

#[test]
fn probes_threads_memory_and_steps_stand_below_a_sentence() {
    golden("overhead.txt", &shown(&status(), Style::default()));
    let narrow = shown(&status(), Style { width: Some(80), color: false });
    let tables = narrow.lines().skip_while(|line| !line.is_empty());
    assert!(tables.clone().count() > 10 && tables.clone().all(|line| line.chars().count() <= 80), "{narrow}");
    golden("overhead.jsonl", &format!("{}\n", overhead_lines(&status()).expect("json").join("\n")));
}

#[test]
fn what_is_not_known_is_said() {
    let unknown = OverheadStatus {
        ratio: None,
        method: CostMethod::None,
        detail: "run-time statistics cannot be switched on".into(),
        ..status()
    };
    let text = shown(&unknown, Style::default());
    assert!(text.starts_with("not measured yet"), "{text}");
    assert!(text.contains("kernel time is not known: run-time statistics cannot be switched on"), "{text}");
    let exhausted = GovernorStatus { exhausted: true, ..status().governor };
    let text = shown(&OverheadStatus { governor: exhausted, ..status() }, Style::default());
    assert!(text.contains("all is turned down, and it is still too much"), "{text}");
}
