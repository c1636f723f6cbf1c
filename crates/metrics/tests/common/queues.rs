//! The queues' picture.

use netrig_model::*;

/// A queueing discipline.
pub(crate) fn discipline(iface: &str, qdisc: &str, sent: u64) -> QueueStatus {
    QueueStatus {
        iface: iface.to_owned(),
        direction: Some(Direction::Egress),
        qdisc: Some(qdisc.to_owned()),
        backlog_bytes: Some(30_000),
        backlog_packets: Some(20),
        backlog_bytes_max: Some(64_000),
        delay_ns: Some(24_000_000),
        delay_ns_max: Some(51_200_000),
        sent_bytes: Some(sent),
        sent_packets: Some(sent / 1000),
        dropped_packets: Some(13),
        overlimit_packets: Some(77),
        requeued_packets: Some(1),
        ..QueueStatus::default()
    }
}

pub(crate) fn status() -> QueuesStatus {
    let poll = |iface: &str, polls| PollStatus { iface: iface.to_owned(), polls, packets: polls * 9, exhausted: 2 };
    QueuesStatus {
        queues: vec![
            discipline("eth0", "tbf 8001:", 5_000_000),
            QueueStatus {
                iface: "eth0".to_owned(),
                direction: Some(Direction::Egress),
                queue: Some(0),
                bql_limit_bytes: Some(12_000),
                bql_inflight_bytes: Some(3028),
                bql_stalls: Some(2),
                bql_stall_ns_max: Some(1_500_000_000),
                ring_slots: Some(256),
                ring_slots_max: Some(4096),
                ..QueueStatus::default()
            },
            QueueStatus {
                iface: "eth0".to_owned(),
                direction: Some(Direction::Ingress),
                queue: Some(0),
                ring_slots: Some(512),
                ..QueueStatus::default()
            },
        ],
        polls: vec![poll("eth0", 400), poll("backlog", 30)],
        polls_looked_at: 0.03125,
        cpus: vec![
            SoftirqStatus { cpu: 0, softirq_share: 0.25, processed: 9000, dropped: 17, squeezed: 5 },
            SoftirqStatus { cpu: 1, softirq_share: 0.0, processed: 10, dropped: 0, squeezed: 0 },
        ],
    }
}
