//! From the TCP probe's picture to samples.

use crate::bound::{Bound, OTHER};
use crate::exporter::Caps;
use crate::families::{Families, Value};
use crate::listeners::{self, ListenerTotals};
use crate::names::{self, Metric};
use netrig_model::{
    ConnectionEnd, Histogram, ListenerStatus, Role, ServiceStatus, TcpState, TcpStatus, TcpTableStatus,
};

/// The role of a sum over services: of either part.
const ROLE_ANY: &str = "any";

/// The most errors, and the most reasons for resets, that get series of their own. The kernel's lists are shorter.
pub const WORDS_MAX: usize = 64;

/// What is remembered between scrapes: names that are settled, and counts of listeners that are gone.
#[derive(Debug)]
pub(crate) struct TcpMemory {
    services: Bound,
    listeners: Bound,
    errors: Bound,
    reasons: Bound,
    listener_totals: ListenerTotals,
}

impl TcpMemory {
    pub(crate) fn new(caps: &Caps) -> Self {
        Self {
            services: Bound::new(caps.services, &[]),
            listeners: Bound::new(caps.listeners, &[]),
            errors: Bound::new(WORDS_MAX, &[]),
            reasons: Bound::new(WORDS_MAX, &[]),
            listener_totals: ListenerTotals::default(),
        }
    }

    /// Its bounds, by what they give names to.
    pub(crate) fn bounds(&self) -> [(&'static str, &Bound); 4] {
        [
            ("service", &self.services),
            ("listener", &self.listeners),
            ("error", &self.errors),
            ("reset_reason", &self.reasons),
        ]
    }

    /// To be called with every picture before [`gather`].
    pub(crate) fn admit(&mut self, tcp: &TcpStatus) {
        let services: Vec<_> = tcp.services.iter().filter(|s| s.role.is_some()).map(|s| (s.name(), s)).collect();
        self.services.admit(services.iter().map(|(name, s)| (name.as_str(), s.connections)));
        let listeners: Vec<_> = tcp.listeners.iter().map(|l| (listener_name(l), l)).collect();
        self.listeners.admit(listeners.iter().map(|(name, l)| (name.as_str(), l.drops)));
        self.errors.admit(tcp.errors.iter().map(|(error, count)| (error.as_str(), *count)));
        self.reasons.admit(tcp.resets_sent.iter().map(|(reason, count)| (reason.as_str(), *count)));
        self.listener_totals.advance(&tcp.listeners, &self.listeners);
    }
}

fn listener_name(listener: &ListenerStatus) -> String {
    listeners::name(listener.addr, listener.port)
}

/// Everything the picture holds, with the labels that the memory allows.
pub(crate) fn gather(out: &mut Families, tcp: &TcpStatus, memory: &TcpMemory) {
    connections(out, tcp);
    troubles(out, tcp, memory);
    for service in &tcp.services {
        distributions(out, service, &memory.services);
    }
    queues(out, tcp, memory);
    kernel(out, tcp);
    table(out, &tcp.table);
}

fn connections(out: &mut Families, tcp: &TcpStatus) {
    for ((role, opened), established) in Role::ALL.iter().zip(tcp.opened).zip(tcp.established) {
        out.count(&names::TCP_OPENED, &[role.as_str()], opened);
        out.count(&names::TCP_ESTABLISHED, &[role.as_str()], established);
    }
    // At 0 too: rates see the first of a kind only if its counter was there before it.
    for end in ConnectionEnd::ALL.iter().filter(|end| **end != ConnectionEnd::Open) {
        out.count(&names::TCP_ENDED, &[end.as_str()], 0);
    }
    for (end, count) in &tcp.ended {
        out.count(&names::TCP_ENDED, &[end], *count);
    }
    for state in TcpState::ALL {
        out.count(&names::TCP_CONNECTIONS, &[state.as_str()], 0);
    }
    for (state, count) in &tcp.open {
        out.count(&names::TCP_CONNECTIONS, &[state.as_str()], *count);
    }
    out.count(&names::TCP_HALF_OPEN, &[], tcp.half_open);
}

fn troubles(out: &mut Families, tcp: &TcpStatus, memory: &TcpMemory) {
    for (error, count) in &tcp.errors {
        out.count(&names::TCP_ERRORS, &[memory.errors.label(error)], *count);
    }
    for (reason, count) in &tcp.resets_sent {
        out.count(&names::TCP_RESETS_SENT, &[memory.reasons.label(reason)], *count);
    }
    out.count(&names::TCP_RESETS_RECEIVED, &[], tcp.resets_received);
    for (cause, count) in &tcp.retransmits {
        out.count(&names::TCP_RETRANSMITS, &[cause], *count);
    }
}

/// A distribution without values has no series: most services have no pure round trips, and each would cost 26 lines.
fn distributions(out: &mut Families, service: &ServiceStatus, services: &Bound) {
    let name = service.name();
    let (role, name) = match (service.role, services.label(&name)) {
        (None, _) | (_, OTHER) => (ROLE_ANY, OTHER),
        (Some(role), name) => (role.as_str(), name),
    };
    let mut add = |metric: &'static Metric, labels: &[&str], values: &Histogram| {
        if !values.buckets.is_empty() {
            out.distribution(metric, labels, values);
        }
    };
    add(&names::TCP_RTT, &[role, name, "all"], &service.rtt);
    add(&names::TCP_RTT, &[role, name, "pure"], &service.rtt_pure);
    add(&names::TCP_CONNECT, &[role, name], &service.connect);
}

fn queues(out: &mut Families, tcp: &TcpStatus, memory: &TcpMemory) {
    for listener in &tcp.listeners {
        let name = listener_name(listener);
        let labels = [memory.listeners.label(&name)];
        out.count(&names::TCP_ACCEPT_QUEUE, &labels, listener.accept_queue.into());
        out.count(&names::TCP_ACCEPT_QUEUE_CAPACITY, &labels, listener.accept_queue_max.into());
        out.count(&names::TCP_SYN_QUEUE, &labels, listener.syn_queue.into());
    }
    for (label, counts) in memory.listener_totals.totals() {
        out.count(&names::TCP_LISTENER_DROPS, &[label], counts.drops);
        out.count(&names::TCP_SYN_ACK_RETRANSMITS, &[label], counts.syn_ack_retransmits);
    }
}

fn kernel(out: &mut Families, tcp: &TcpStatus) {
    let Some(kernel) = &tcp.kernel else { return };
    for (metric, value) in [
        (&names::TCP_LISTEN_OVERFLOWS, kernel.listen_overflows),
        (&names::TCP_LISTEN_DROPS, kernel.listen_drops),
        (&names::TCP_SYN_QUEUE_DROPS, kernel.syn_queue_drops),
        (&names::TCP_SYN_COOKIES, kernel.syn_cookies),
        (&names::TCP_TIME_WAIT, kernel.time_wait),
        (&names::TCP_ORPHANS, kernel.orphans),
        (&names::TCP_MEMORY, kernel.memory_bytes),
        (&names::TCP_KERNEL_RETRANSMITS, kernel.retransmits),
    ] {
        out.count(metric, &[], value);
    }
}

fn table(out: &mut Families, table: &TcpTableStatus) {
    for (metric, value) in [
        (&names::TCP_TABLE_ENTRIES, table.entries),
        (&names::TCP_TABLE_CAPACITY, table.capacity),
        (&names::TCP_TABLE_MEMORY, table.bytes),
        (&names::TCP_ADOPTED, table.adopted),
        (&names::TCP_EVICTED, table.evicted),
        (&names::TCP_UNTRACKED, table.untracked),
        (&names::TCP_LOST, table.lost),
        (&names::TCP_WALKS, table.walks),
    ] {
        out.count(metric, &[], value);
    }
    out.add(&names::TCP_WALK_CPU, &[], Value::Real(table.walk_cpu_ns as f64 / 1e9));
}
