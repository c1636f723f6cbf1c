//! `netrig queues`

use crate::fixture::*;
use netrig_model::{Direction, PollStatus, QueueStatus, QueuesStatus, SoftirqStatus, Timestamp};
use serde_json::Value;

fn queues() -> QueuesStatus {
    let full = QueueStatus {
        iface: "wan0".to_owned(),
        direction: Some(Direction::Egress),
        qdisc: Some("tbf 8001:".to_owned()),
        backlog_bytes: Some(62_500),
        delay_ns: Some(50_000_000),
        ..QueueStatus::default()
    };
    QueuesStatus {
        queues: vec![full],
        polls: vec![PollStatus { iface: "wan0".to_owned(), polls: 10, packets: 320, exhausted: 2 }],
        polls_looked_at: 0.03,
        cpus: vec![SoftirqStatus { cpu: 0, softirq_share: 0.5, processed: 7, ..SoftirqStatus::default() }],
    }
}

fn url(rig: &netrig_serve::Server) -> String {
    format!("http://{}", rig.address())
}

#[test]
fn the_running_rigs_queues_are_shown_as_tables_or_lines() {
    let rig = rig_of_queues(queues());
    let text = stdout(&run(&["queues", "--url", &url(&rig)]));
    assert!(text.contains("wan0   tbf 8001:") && text.contains("62.5 kB") && text.contains("50.0 ms"), "{text}");
    let json = stdout(&run(&["queues", "--json", "--url", &url(&rig)]));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("json")).collect();
    let records: Vec<_> = lines.iter().map(|line| line["record"].as_str().expect("record")).collect();
    assert_eq!(records, ["queue", "polls", "softirq"]);
    assert_eq!(lines[0]["delay_ns"], 50_000_000);
    assert_eq!((&lines[1]["exhausted"], &lines[1]["looked_at"]), (&Value::from(2), &Value::from(0.03)));
}

#[test]
fn where_queues_are_not_looked_at_or_nobody_answers_that_is_said() {
    let rig_without = rig(Vec::new(), Timestamp(0), None);
    let output = run(&["queues", "--url", &url(&rig_without)]);
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("[queue] enabled = true"), "{said}");
    let output = run(&["queues"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no rig answers at") && said.contains("netrig run"), "{said}");
    let empty = rig_of_queues(QueuesStatus::default());
    let output = run(&["queues", "--url", &url(&empty)]);
    assert!(output.status.success() && stderr(&output).contains("noqueue"), "{}", stderr(&output));
}
