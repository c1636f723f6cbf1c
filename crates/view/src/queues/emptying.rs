//! Who empties receive queues: polls of devices, and CPUs.

use super::table_of;
use crate::group::dashed;
use crate::table::{Column, Table};
use crate::units::{count, percent};
use netrig_model::{PollStatus, QueuesStatus, SoftirqStatus};
use std::cmp::Reverse;

/// Those first that most often left something behind.
pub(super) fn polls(queues: &QueuesStatus, rows: usize) -> Option<Table> {
    let mut all: Vec<&PollStatus> = queues.polls.iter().collect();
    all.sort_by_key(|poll| (Reverse(poll.exhausted), Reverse(poll.packets), &poll.iface));
    let table = Table::new(vec![
        Column::text("POLLED", 4).good_at(12),
        Column::number("POLLS"),
        Column::number("PACKETS").optional(),
        Column::number("EACH"),
        Column::number("EXHAUSTED"),
        Column::number("OF POLLS"),
    ]);
    let mut table = table_of(table, &all, rows, |poll| {
        let share = |of: u64| if poll.polls == 0 { None } else { Some(of as f64 / poll.polls as f64) };
        vec![
            poll.iface.clone(),
            count(poll.polls),
            count(poll.packets),
            dashed(share(poll.packets).map(|each| format!("{each:.1}")).unwrap_or_default()),
            count(poll.exhausted),
            dashed(share(poll.exhausted).map(percent).unwrap_or_default()),
        ]
    })?;
    if all.len() <= rows {
        table.set_footer(format!("polls are counted for {} of the time", percent(queues.polls_looked_at)));
    }
    Some(table)
}

/// The busiest first.
pub(super) fn cpus(queues: &QueuesStatus, rows: usize) -> Option<Table> {
    let mut all: Vec<&SoftirqStatus> = queues.cpus.iter().collect();
    all.sort_by(|a, b| b.softirq_share.total_cmp(&a.softirq_share).then(a.cpu.cmp(&b.cpu)));
    let table = Table::new(vec![
        Column::number("CPU"),
        Column::number("IN SOFTIRQS"),
        Column::number("RECEIVED").optional(),
        Column::number("NO ROOM"),
        Column::number("CUT SHORT"),
    ]);
    table_of(table, &all, rows, |cpu| {
        vec![
            cpu.cpu.to_string(),
            percent(cpu.softirq_share),
            count(cpu.processed),
            count(cpu.dropped),
            count(cpu.squeezed),
        ]
    })
}
