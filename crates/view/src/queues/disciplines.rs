//! What waits in front of devices, and what they hold.

use super::table_of;
use crate::group::dashed;
use crate::table::{Column, Table};
use crate::units::{bytes, count, nanoseconds};
use netrig_model::{Direction, QueueStatus, QueuesStatus};
use std::cmp::Reverse;

fn shown<T>(value: Option<T>, write: impl Fn(T) -> String) -> String {
    dashed(value.map(write).unwrap_or_default())
}

fn number(value: Option<u32>) -> String {
    shown(value, |n| n.to_string())
}

/// Those first in which packets waited longest, then those that held most.
pub(super) fn disciplines(queues: &QueuesStatus, rows: usize) -> Option<Table> {
    let mut all: Vec<&QueueStatus> = queues.queues.iter().filter(|queue| queue.qdisc.is_some()).collect();
    all.sort_by_key(|q| {
        (Reverse(q.delay_ns_max.max(q.delay_ns)), Reverse(q.backlog_bytes_max), &q.iface, q.queue, &q.qdisc)
    });
    let table = Table::new(vec![
        Column::text("IFACE", 4).good_at(12),
        Column::text("DISCIPLINE", 6).good_at(16),
        Column::number("QUEUE").optional(),
        Column::number("WAITS"),
        Column::number("PACKETS").optional_before(3),
        Column::number("DELAY"),
        Column::number("MOST WAITED"),
        Column::number("LONGEST"),
        Column::number("SENT").optional_before(1),
        Column::number("DROPPED"),
        Column::number("HELD BACK").optional_before(2),
        Column::number("SENT BACK").optional_before(4),
    ]);
    table_of(table, &all, rows, |queue| {
        vec![
            queue.iface.clone(),
            queue.qdisc.clone().unwrap_or_default(),
            number(queue.queue),
            shown(queue.backlog_bytes, bytes),
            shown(queue.backlog_packets, count),
            shown(queue.delay_ns, nanoseconds),
            shown(queue.backlog_bytes_max, bytes),
            shown(queue.delay_ns_max, nanoseconds),
            shown(queue.sent_bytes, bytes),
            shown(queue.dropped_packets, count),
            shown(queue.overlimit_packets, count),
            shown(queue.requeued_packets, count),
        ]
    })
}

/// Those first that stalled, then in order of names.
pub(super) fn devices(queues: &QueuesStatus, rows: usize) -> Option<Table> {
    let mut all: Vec<&QueueStatus> = queues.queues.iter().filter(|queue| queue.qdisc.is_none()).collect();
    all.sort_by_key(|q| (Reverse(q.bql_stalls), &q.iface, q.direction, q.queue));
    let table = Table::new(vec![
        Column::text("DEVICE", 4).good_at(12),
        Column::text("WAY", 0),
        Column::number("QUEUE"),
        Column::number("HOLDS"),
        Column::number("LIMIT"),
        Column::number("STALLS").optional_before(1),
        Column::number("LONGEST").optional_before(1),
        Column::number("RING").optional_before(0),
        Column::number("RING MAX").optional_before(0),
    ]);
    table_of(table, &all, rows, |queue| {
        vec![
            queue.iface.clone(),
            shown(queue.direction, |way| Direction::as_str(way).to_owned()),
            number(queue.queue),
            shown(queue.bql_inflight_bytes, bytes),
            shown(queue.bql_limit_bytes, bytes),
            shown(queue.bql_stalls, count),
            shown(queue.bql_stall_ns_max, nanoseconds),
            number(queue.ring_slots),
            number(queue.ring_slots_max),
        ]
    })
}
