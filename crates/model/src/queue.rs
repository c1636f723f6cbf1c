//! Queues: what waits in front of a device, and how busy those are who empty them.

use crate::Direction;
use serde::{Deserialize, Serialize};

/// One queueing discipline, one transmit queue or one receive queue. Counts are the kernel's own, since it began to count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Interface name.
    pub iface: String,
    /// Which way.
    pub direction: Option<Direction>,
    /// Number of the device's queue; none for what stands in front of them all.
    pub queue: Option<u32>,
    /// The queueing discipline: `tbf 8001:`, `pfifo_fast 0:`.
    pub qdisc: Option<String>,
    /// Octets that wait in it.
    pub backlog_bytes: Option<u64>,
    /// Packets that wait in it.
    pub backlog_packets: Option<u64>,
    /// The most octets that were seen waiting in the last 60 s, looked at several times a second.
    pub backlog_bytes_max: Option<u64>,
    /// How long what waits now will take at the rate of the last second.
    pub delay_ns: Option<u64>,
    /// The longest such time in the last 60 s.
    pub delay_ns_max: Option<u64>,
    /// Octets that left it.
    pub sent_bytes: Option<u64>,
    /// Packets that left it.
    pub sent_packets: Option<u64>,
    /// Packets it dropped.
    pub dropped_packets: Option<u64>,
    /// Packets that had to wait for its limit of rate.
    pub overlimit_packets: Option<u64>,
    /// Packets that the device sent back.
    pub requeued_packets: Option<u64>,
    /// Byte queue limit: octets that the device may hold now.
    pub bql_limit_bytes: Option<u64>,
    /// Octets it holds.
    pub bql_inflight_bytes: Option<u64>,
    /// Times the queue stalled (`dql_stall_detected`; counted by the kernel where its threshold is set).
    pub bql_stalls: Option<u64>,
    /// The longest stall.
    pub bql_stall_ns_max: Option<u64>,
    /// Slots of the device's ring.
    pub ring_slots: Option<u32>,
    /// The most slots it could have.
    pub ring_slots_max: Option<u32>,
}

/// NAPI polls of one interface, counted for a slice of every period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollStatus {
    /// Interface name; `backlog` for what has no device of its own.
    pub iface: String,
    /// Polls looked at.
    pub polls: u64,
    /// Packets they took.
    pub packets: u64,
    /// Polls that used their whole budget: more was waiting.
    pub exhausted: u64,
}

/// One CPU's receive work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SoftirqStatus {
    /// Which CPU.
    pub cpu: u32,
    /// Share of the last seconds it spent in softirqs, 0 to 1.
    pub softirq_share: f64,
    /// Packets it received, since boot.
    pub processed: u64,
    /// Packets its backlog had no room for, since boot.
    pub dropped: u64,
    /// Times it had to stop with work left, since boot.
    pub squeezed: u64,
}

/// The queues' picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueuesStatus {
    /// Every queue of every watched interface.
    pub queues: Vec<QueueStatus>,
    /// Polls by interface.
    pub polls: Vec<PollStatus>,
    /// Share of time in which polls were counted, 0 to 1.
    pub polls_looked_at: f64,
    /// Every CPU.
    pub cpus: Vec<SoftirqStatus>,
}
