//! What `netrig queues` prints, as golden files.

mod common;

use common::golden;
use netrig_model::{Direction, PollStatus, QueueStatus, QueuesStatus, SoftirqStatus};
use netrig_view::{Style, list_queues, queue_lines};

fn discipline(iface: &str, qdisc: &str, queue: Option<u32>) -> QueueStatus {
    QueueStatus {
        iface: iface.into(),
        direction: Some(Direction::Egress),
        queue,
        qdisc: Some(qdisc.into()),
        backlog_bytes: Some(0),
        backlog_packets: Some(0),
        backlog_bytes_max: Some(0),
        delay_ns: Some(0),
        delay_ns_max: Some(0),
        sent_bytes: Some(1_234_567_890),
        sent_packets: Some(1_000_000),
        dropped_packets: Some(0),
        overlimit_packets: Some(0),
        requeued_packets: Some(3),
        ..QueueStatus::default()
    }
}

fn status() -> QueuesStatus {
    let full = QueueStatus {
        backlog_bytes: Some(62_500),
        backlog_packets: Some(50),
        backlog_bytes_max: Some(625_000),
        delay_ns: Some(50_000_000),
        delay_ns_max: Some(500_000_000),
        dropped_packets: Some(1234),
        overlimit_packets: Some(56_789),
        ..discipline("wan0", "tbf 8001:", None)
    };
    let begun = QueueStatus { delay_ns: None, delay_ns_max: None, ..discipline("eth1", "htb 1:", None) };
    let transmit = QueueStatus {
        iface: "eth0".into(),
        direction: Some(Direction::Egress),
        queue: Some(1),
        bql_limit_bytes: Some(62_000),
        bql_inflight_bytes: Some(1514),
        bql_stalls: Some(2),
        bql_stall_ns_max: Some(120_000_000),
        ..QueueStatus::default()
    };
    let ring = QueueStatus {
        iface: "eth0".into(),
        direction: Some(Direction::Ingress),
        ring_slots: Some(512),
        ring_slots_max: Some(4096),
        ..QueueStatus::default()
    };
    let polls = |iface: &str, polls, packets, exhausted| PollStatus { iface: iface.into(), polls, packets, exhausted };
    let cpu =
        |cpu, softirq_share, squeezed| SoftirqStatus { cpu, softirq_share, processed: 987_654, dropped: 0, squeezed };
    QueuesStatus {
        queues: vec![
            discipline("eth0", "mq 0:", None),
            discipline("eth0", "fq_codel 0:", Some(0)),
            begun,
            full,
            ring,
            transmit,
        ],
        polls: vec![polls("backlog", 100, 150, 0), polls("eth0", 2000, 60_000, 500)],
        polls_looked_at: 0.031,
        cpus: vec![cpu(0, 0.012, 0), cpu(1, 0.87, 42)],
    }
}

fn shown(status: &QueuesStatus, all: bool, style: Style) -> String {
    let mut text = String::new();
    list_queues(status, all, style, &mut |line| text.push_str(&format!("{line}\n")));
    text
}

#[test]
fn the_longest_waits_come_first_and_then_who_empties_them() {
    golden("queues.txt", &shown(&status(), false, Style::default()));
    let narrow = shown(&status(), false, Style { width: Some(80), color: false });
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    golden("queues-80.txt", &narrow);
    golden("queues.jsonl", &format!("{}\n", queue_lines(&status()).expect("json").join("\n")));
}

#[test]
fn of_many_only_the_worst_are_shown_unless_all_are_asked_for() {
    let queues = (0..30).map(|n| discipline("eth0", "fq_codel 0:", Some(n))).collect();
    let many = QueuesStatus { queues, ..QueuesStatus::default() };
    let text = shown(&many, false, Style::default());
    assert!(text.ends_with("… and 10 more: --all\n") && text.lines().count() == 22, "{text}");
    assert_eq!(shown(&many, true, Style::default()).lines().count(), 31);
}

#[test]
fn what_has_nothing_to_say_is_left_out() {
    assert_eq!(shown(&QueuesStatus::default(), true, Style::default()), "");
}
