//! Queues as JSON Lines.

use netrig_model::{PollStatus, QueueStatus, QueuesStatus, SoftirqStatus};
use serde::Serialize;

#[derive(Serialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Line<'a> {
    Queue(&'a QueueStatus),
    Polls {
        #[serde(flatten)]
        polls: &'a PollStatus,
        looked_at: f64,
    },
    Softirq(&'a SoftirqStatus),
}

/// A line of JSON for each queue, each device's polls and each CPU, without line feeds. `record` says which it is; `looked_at`
/// is the share of time in which polls were counted.
///
/// # Errors
/// When one cannot be serialised, which none is known to do.
pub fn queue_lines(queues: &QueuesStatus) -> serde_json::Result<Vec<String>> {
    let each = queues.queues.iter().map(Line::Queue);
    let polls = queues.polls.iter().map(|polls| Line::Polls { polls, looked_at: queues.polls_looked_at });
    let all = each.chain(polls).chain(queues.cpus.iter().map(Line::Softirq));
    all.map(|line| serde_json::to_string(&line)).collect()
}
