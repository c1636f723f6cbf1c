//! `netrig overhead`

use crate::fixture::*;
use netrig_model::{CostMethod, OverheadStatus, ProbeCost, StepState, StepStatus, ThreadCost, Timestamp};
use serde_json::Value;

fn overhead() -> OverheadStatus {
    let flow = ProbeCost {
        probe: "flow".to_owned(),
        runs_per_second: 12_345.0,
        ns_per_run: 87.0,
        core_ratio: 0.0011,
        by_packets: true,
        ..ProbeCost::default()
    };
    let step = StepStatus { step: "recorder".to_owned(), gives_up: "no packets".to_owned(), state: StepState::Down };
    let mut status = OverheadStatus {
        cpu_budget_ratio: 0.01,
        cpus: 2,
        ratio: Some(0.004),
        method: CostMethod::Slices,
        probes: vec![flow],
        threads: vec![ThreadCost { thread: "netrig".to_owned(), cpu_ns: 1_000_000_000, core_ratio: 0.002 }],
        ..OverheadStatus::default()
    };
    status.governor.steps.push(step);
    status.governor.level = 1;
    status
}

#[test]
fn the_running_rigs_cost_is_shown_as_tables_or_lines() {
    let rig = rig_of_overhead(overhead());
    let url = format!("http://{}", rig.address());
    let text = stdout(&run(&["overhead", "--url", &url]));
    assert!(text.starts_with("0.400 % of the machine (2 CPUs), 40 % of its budget of 1.00 %"), "{text}");
    assert!(text.contains("87 ns") && text.contains("recorder") && text.contains("1 turned down now"), "{text}");
    let json = stdout(&run(&["overhead", "--json", "--url", &url]));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("json")).collect();
    let records: Vec<_> = lines.iter().map(|line| line["record"].as_str().expect("record")).collect();
    assert_eq!(records, ["overhead", "overhead_probe", "overhead_thread", "overhead_memory", "overhead_step"]);
    assert_eq!((&lines[1]["probe"], &lines[1]["ns_per_run"]), (&Value::from("flow"), &Value::from(87.0)));
    assert_eq!(lines[4]["state"], "down");
}

#[test]
fn where_cost_is_not_told_or_nobody_answers_that_is_said() {
    let older = rig(Vec::new(), Timestamp(0), None);
    let said = stderr(&run(&["overhead", "--url", &format!("http://{}", older.address())]));
    assert!(said.contains("does not tell what it costs"), "{said}");
    let output = run(&["overhead"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no rig answers at"), "{}", stderr(&output));
}
