//! Where a rig can lose what it should tell, and what it can run out of: for the alert and the dashboard alike.

use crate::promql::{Expr, Selector};
use netrig_metrics::names::{self, Metric};

/// A place between kernel and user space that may be full, and then counts what it lost.
#[derive(Debug)]
pub struct Loss {
    /// What it is called.
    pub ring: &'static str,
    /// What is missing then, for people.
    pub missing: &'static str,
    metric: &'static Metric,
    more: Vec<&'static Metric>,
    only: Option<(&'static str, &'static str)>,
}

impl Loss {
    /// What is lost a second, of each host; `series` says of which.
    #[must_use]
    pub fn rate(&self, series: fn(&'static Metric) -> Selector, window: &str) -> Expr {
        let of = |metric: &'static Metric| {
            let one = series(metric);
            let one = match self.only {
                Some((label, value)) => one.eq(label, value),
                None => one,
            };
            let rate = one.rate(window);
            if metric.labels.is_empty() { rate } else { rate.sum_over(metric.labels) }
        };
        self.more.iter().fold(of(self.metric), |sum, metric| sum.binary("+", of(metric)))
    }
}

fn loss(ring: &'static str, metric: &'static Metric, missing: &'static str) -> Loss {
    Loss { ring, missing, metric, more: Vec::new(), only: None }
}

/// All of them.
#[must_use]
pub fn losses() -> Vec<Loss> {
    vec![
        loss("flow outboxes", &names::TABLE_OVERFLOWS, "flows; interfaces' totals have them, as fate overflow"),
        Loss { only: Some(("fate", "lost")), ..loss("payload", &names::PAYLOAD_PACKETS, "requests, or their answers") },
        Loss {
            more: vec![&names::TCP_EVICTED, &names::TCP_LOST],
            ..loss("connections", &names::TCP_UNTRACKED, "connections; totals have them")
        },
        loss("drops", &names::DROPS_UNCOUNTED, "drops during drops: they are in no reason"),
        loss("drop examples", &names::DROP_EXAMPLES_LOST, "examples of dropped packets; counts have them"),
        loss("bursts", &names::BURST_BUCKETS_LOST, "bursts in buckets that were overwritten"),
        loss("policy events", &names::POLICY_EVENTS_LOST, "packets that rules wanted looked at; counts have them"),
        loss("flight recorder", &names::RECORDER_OVERWRITTEN, "packets of files that were being written"),
    ]
}

/// A table of a bounded size.
#[derive(Debug)]
pub struct Table {
    /// What it is called.
    pub table: &'static str,
    /// What it is called in a legend, with the host.
    pub legend: &'static str,
    /// What becomes of what finds no room.
    pub beyond: &'static str,
    used: &'static Metric,
    room: &'static Metric,
}

impl Table {
    /// How full it is, of each host: 1 is full.
    #[must_use]
    pub fn fill(&self, series: fn(&'static Metric) -> Selector) -> Expr {
        series(self.used).now().per(series(self.room).now())
    }
}

/// Those that should have room. The kernel's table of flows is not among them: it is full as a rule, and what it lets go is
/// told, not lost.
#[must_use]
pub fn tables() -> Vec<Table> {
    vec![
        Table {
            table: "flows",
            legend: "{{instance}} flows",
            beyond: "flows are told early",
            used: &names::FLOWS_TRACKED,
            room: &names::FLOWS_CAPACITY,
        },
        Table {
            table: "connections",
            legend: "{{instance}} connections",
            beyond: "connections are in the totals only",
            used: &names::TCP_TABLE_ENTRIES,
            room: &names::TCP_TABLE_CAPACITY,
        },
        Table {
            table: "latency",
            legend: "{{instance}} latency",
            beyond: "services are summed as other",
            used: &names::LATENCY_PLACES,
            room: &names::LATENCY_PLACES_MAX,
        },
        Table {
            table: "drops",
            legend: "{{instance}} drops",
            beyond: "reasons are summed as OTHER",
            used: &names::DROP_PLACES,
            room: &names::DROP_PLACES_MAX,
        },
    ]
}
