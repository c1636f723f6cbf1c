//! From the queues' picture to samples.

use crate::bound::{Bound, OTHER};
use crate::exporter::Caps;
use crate::families::{Families, Value};
use crate::names::{self, Metric};
use netrig_model::{Direction, QueueStatus, QueuesStatus};
use std::collections::BTreeMap;

/// The most CPUs that get series of their own.
pub const CPUS_MAX: usize = 256;

/// Polls of what has no device of its own. Their name is theirs whatever interfaces come by.
const BACKLOG: &str = "backlog";

/// What the kernel counts of a queue, and forgets with it.
type Counts = [Option<u64>; COUNTERS.len()];

static COUNTERS: [&Metric; 6] = [
    &names::QUEUE_SENT_BYTES,
    &names::QUEUE_SENT_PACKETS,
    &names::QUEUE_DROPPED,
    &names::QUEUE_OVERLIMIT,
    &names::QUEUE_REQUEUED,
    &names::QUEUE_BQL_STALLS,
];

/// In the order of [`COUNTERS`].
fn counts(queue: &QueueStatus) -> Counts {
    [
        queue.sent_bytes,
        queue.sent_packets,
        queue.dropped_packets,
        queue.overlimit_packets,
        queue.requeued_packets,
        queue.bql_stalls,
    ]
}

/// Interface, direction, number and discipline; empty, which is the same as none, for what a queue has not.
type Labels = [String; 4];

fn name(queue: &QueueStatus) -> Labels {
    let direction = queue.direction.map_or("", Direction::as_str).to_owned();
    let number = queue.queue.map_or_else(String::new, |number| number.to_string());
    [queue.iface.clone(), direction, number, queue.qdisc.clone().unwrap_or_default()]
}

/// What the bound knows a queue by.
fn whole(name: &Labels) -> String {
    name.join("/")
}

/// What is remembered between scrapes: names that are settled, and counts of queues that are gone.
#[derive(Debug)]
pub(crate) struct QueueMemory {
    queues: Bound,
    cpus: Bound,
    latest: BTreeMap<Labels, Counts>,
    totals: BTreeMap<Labels, Counts>,
}

impl QueueMemory {
    pub(crate) fn new(caps: &Caps) -> Self {
        Self {
            queues: Bound::new(caps.queues, &[]),
            cpus: Bound::new(CPUS_MAX, &[]),
            latest: BTreeMap::new(),
            totals: BTreeMap::new(),
        }
    }

    /// Its bounds, by what they give names to.
    pub(crate) fn bounds(&self) -> [(&'static str, &Bound); 2] {
        [("queue", &self.queues), ("cpu", &self.cpus)]
    }

    /// To be called once with every picture, before [`gather`].
    pub(crate) fn admit(&mut self, queues: &QueuesStatus, interfaces: &mut Bound) {
        let all = &queues.queues;
        interfaces.admit(all.iter().map(|queue| (queue.iface.as_str(), queue.sent_bytes.unwrap_or(0))));
        let polls = queues.polls.iter().filter(|poll| poll.iface != BACKLOG);
        interfaces.admit(polls.map(|poll| (poll.iface.as_str(), poll.packets)));
        let names: Vec<_> = all.iter().map(|queue| (whole(&name(queue)), queue.sent_bytes.unwrap_or(0))).collect();
        self.queues.admit(names.iter().map(|(name, bytes)| (name.as_str(), *bytes)));
        let cpus: Vec<_> = queues.cpus.iter().map(|cpu| (cpu.cpu.to_string(), cpu.processed)).collect();
        self.cpus.admit(cpus.iter().map(|(cpu, processed)| (cpu.as_str(), *processed)));
        self.advance(all, interfaces);
    }

    /// The labels of a queue's series.
    fn labels(&self, name: Labels, interfaces: &Bound) -> Labels {
        let named = self.queues.is_named(&whole(&name));
        let [iface, direction, number, qdisc] = name;
        let iface = interfaces.label(&iface).to_owned();
        if named && iface != OTHER {
            [iface, direction, number, qdisc]
        } else {
            [iface, direction, OTHER.to_owned(), OTHER.to_owned()]
        }
    }

    /// Adds what the kernel counted since the last picture.
    fn advance(&mut self, queues: &[QueueStatus], interfaces: &Bound) {
        let mut now: BTreeMap<Labels, Counts> = BTreeMap::new();
        for queue in queues {
            add(now.entry(name(queue)).or_default(), counts(queue));
        }
        for (name, counts) in now.clone() {
            let before = self.latest.entry(name.clone()).or_default();
            let gained = gained(counts, *before);
            for (before, count) in before.iter_mut().zip(counts) {
                *before = count.or(*before);
            }
            let labels = self.labels(name, interfaces);
            add(self.totals.entry(labels).or_default(), gained);
        }
        // A queue that one look did not show is not told again when the next one does.
        self.latest.retain(|name, _| now.contains_key(name) || self.queues.is_named(&whole(name)));
    }
}

fn add(sum: &mut Counts, counts: Counts) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        if let Some(count) = count {
            *sum = Some(sum.unwrap_or(0).saturating_add(count));
        }
    }
}

/// What was counted since `before`. A counter that is less is another queue's of the same name, or the kernel's 32 bits were
/// full: from 0 either way.
fn gained(now: Counts, before: Counts) -> Counts {
    let mut gained = now;
    for (now, before) in gained.iter_mut().zip(before) {
        *now = now.map(|now| now.checked_sub(before.unwrap_or(0)).unwrap_or(now));
    }
    gained
}

/// Everything the picture holds, with the labels that the memory allows.
pub(crate) fn gather(out: &mut Families, queues: &QueuesStatus, memory: &QueueMemory, interfaces: &Bound) {
    for queue in &queues.queues {
        let labels = memory.labels(name(queue), interfaces);
        gauges(out, queue, &labels.each_ref().map(String::as_str));
    }
    for (labels, counts) in &memory.totals {
        let labels = labels.each_ref().map(String::as_str);
        for (metric, count) in COUNTERS.iter().zip(counts) {
            if let Some(count) = count {
                out.count(metric, &labels, *count);
            }
        }
    }
    polls(out, queues, interfaces);
    for cpu in &queues.cpus {
        let number = cpu.cpu.to_string();
        let labels = [memory.cpus.label(&number)];
        out.highest(&names::SOFTIRQ_TIME, &labels, Value::Real(cpu.softirq_share));
        out.count(&names::SOFTIRQ_PACKETS, &labels, cpu.processed);
        out.count(&names::SOFTIRQ_DROPPED, &labels, cpu.dropped);
        out.count(&names::SOFTIRQ_SQUEEZED, &labels, cpu.squeezed);
    }
}

/// What is unknown has no series. What waits in several queues adds up, and times and peaks do not.
fn gauges(out: &mut Families, queue: &QueueStatus, labels: &[&str; 4]) {
    let slots = |slots: Option<u32>| slots.map(u64::from);
    for (metric, value) in [
        (&names::QUEUE_BACKLOG, queue.backlog_bytes),
        (&names::QUEUE_BACKLOG_PACKETS, queue.backlog_packets),
        (&names::QUEUE_BQL_LIMIT, queue.bql_limit_bytes),
        (&names::QUEUE_BQL_INFLIGHT, queue.bql_inflight_bytes),
        (&names::QUEUE_RING, slots(queue.ring_slots)),
        (&names::QUEUE_RING_MAX, slots(queue.ring_slots_max)),
    ] {
        if let Some(value) = value {
            out.count(metric, labels, value);
        }
    }
    for (metric, value) in [
        (&names::QUEUE_BACKLOG_MAX, queue.backlog_bytes_max.map(Value::Count)),
        (&names::QUEUE_DELAY, queue.delay_ns.map(Value::Time)),
        (&names::QUEUE_DELAY_MAX, queue.delay_ns_max.map(Value::Time)),
        (&names::QUEUE_BQL_STALL_MAX, queue.bql_stall_ns_max.map(Value::Time)),
    ] {
        if let Some(value) = value {
            out.highest(metric, labels, value);
        }
    }
}

fn polls(out: &mut Families, queues: &QueuesStatus, interfaces: &Bound) {
    for poll in &queues.polls {
        let iface = if poll.iface == BACKLOG { BACKLOG } else { interfaces.label(&poll.iface) };
        out.count(&names::NAPI_POLLS, &[iface], poll.polls);
        out.count(&names::NAPI_PACKETS, &[iface], poll.packets);
        out.count(&names::NAPI_EXHAUSTED, &[iface], poll.exhausted);
    }
    if queues.polls_looked_at > 0.0 {
        out.add(&names::NAPI_LOOKED_AT, &[], Value::Real(queues.polls_looked_at));
    }
}
