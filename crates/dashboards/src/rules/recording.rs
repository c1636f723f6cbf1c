//! What Prometheus should remember.

use super::{Group, Recording, losses, tables};
use crate::promql::{Expr, Selector, all};
use netrig_metrics::names::{self, Metric};

/// The window of what is recorded for graphs.
const WINDOW: &str = "5m";

/// The window of what is held against last week: quantiles of fewer values would jump.
const LONG: &str = "15m";

/// A series that a rule makes: its name, and its labels beside those of the target.
pub(super) struct Recorded {
    name: &'static str,
    labels: &'static [&'static str],
}

impl Recorded {
    pub(super) fn now(&self) -> Expr {
        self.only(&[])
    }

    /// Only those series: labels, operators, values.
    pub(super) fn only(&self, matchers: &[(&str, &str, &str)]) -> Expr {
        Expr::recorded(self.name, self.labels).matching(matchers)
    }

    /// The mean of those series over a time that ended that long ago.
    pub(super) fn mean(&self, window: &str, ago: &str, matchers: &[(&str, &str, &str)]) -> Expr {
        self.only(matchers).wrap("avg_over_time(", &format!("[{window}] offset {ago})"))
    }
}

/// `form` is native or classic: quantiles of one are not held against those of the other.
pub(super) const STAGE_P99: Recorded =
    Recorded { name: "instance_stage:netrig_latency_seconds:p99_15m", labels: &["role", "service", "stage", "form"] };
/// Messages a second that were measured.
pub(super) const STAGE_VALUES: Recorded =
    Recorded { name: "instance_stage:netrig_latency_values:rate15m", labels: &["role", "service", "stage", "form"] };
pub(super) const DROPS: Recorded = Recorded { name: "instance_class:netrig_drops:rate5m", labels: &["class"] };
pub(super) const DROP_RATIO: Recorded = Recorded { name: "instance:netrig_drops:ratio_rate5m", labels: &[] };
pub(super) const RETRANSMIT_RATIO: Recorded =
    Recorded { name: "instance:netrig_tcp_retransmits:ratio_rate10m", labels: &[] };
pub(super) const LOST: Recorded = Recorded { name: "instance_ring:netrig_lost:rate5m", labels: &["ring"] };
pub(super) const FILL: Recorded = Recorded { name: "instance_table:netrig_table:fill_ratio", labels: &["table"] };

/// All groups.
#[must_use]
pub fn recording() -> Vec<Group> {
    vec![
        Group { name: "netrig-latency-native", interval: "1m", rules: latency_of_hosts(NATIVE) },
        Group { name: "netrig-latency-classic", interval: "1m", rules: latency_of_hosts(CLASSIC) },
        Group { name: "netrig-fleet", interval: "1m", rules: fleet() },
        Group { name: "netrig-hosts", interval: "30s", rules: hosts() },
    ]
}

fn rule(record: &'static str, expr: &Expr, meaning: &'static str) -> Recording {
    Recording { record, labels: Vec::new(), expr: expr.to_string(), meaning }
}

/// One of the two forms histograms are scraped in.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    of_hosts: fn(&Selector, &str) -> Expr,
    values: fn(&Selector, &str) -> Expr,
}

const NATIVE: Form = Form {
    name: "native",
    of_hosts: |selector, window| selector.part("", window),
    values: |selector, window| selector.part("", window).wrap("histogram_count(", ")"),
};

const CLASSIC: Form = Form {
    name: "classic",
    of_hosts: |selector, window| selector.part("_bucket", window),
    values: |selector, window| selector.part("_count", window),
};

/// Quantiles of each host, to be held against its own of another week. Their form is a label: buckets of the classic form are so
/// coarse that a quantile means something else there.
fn latency_of_hosts(form: Form) -> Vec<Recording> {
    let stage = all(&names::LATENCY_STAGE);
    let labels = vec![("form", form.name)];
    let p99 = (form.of_hosts)(&stage, LONG).wrap("histogram_quantile(0.99, ", ")");
    let values = (form.values)(&stage, LONG);
    vec![
        Recording {
            labels: labels.clone(),
            ..rule(STAGE_P99.name, &p99, "p99 of each stage of each host's services, seconds")
        },
        Recording {
            labels,
            ..rule(STAGE_VALUES.name, &values, "Messages a second whose time in the stage was measured")
        },
    ]
}

/// A distribution that is kept for all hosts together: what of, by which labels, and the names of what is kept.
struct OfFleet {
    histogram: Selector,
    by: &'static [&'static str],
    buckets: &'static str,
    p50: &'static str,
    p99: &'static str,
}

/// Of the classic form the buckets are kept, and quantiles are made of them. Native distributions are not kept: before 2.47
/// Prometheus refuses those whose rates do not add up to the last bit. Their quantiles are made of what is scraped.
fn fleet() -> Vec<Recording> {
    let kept = [
        OfFleet {
            histogram: all(&names::LATENCY_STAGE),
            by: &["job", "role", "service", "stage"],
            buckets: "service_stage:netrig_latency_stage_seconds_bucket:rate5m",
            p50: "service_stage:netrig_latency_stage_seconds:p50_5m",
            p99: "service_stage:netrig_latency_stage_seconds:p99_5m",
        },
        OfFleet {
            histogram: all(&names::TCP_RTT).eq("kind", "all"),
            by: &["job", "role", "service"],
            buckets: "service:netrig_tcp_rtt_seconds_bucket:rate5m",
            p50: "service:netrig_tcp_rtt_seconds:p50_5m",
            p99: "service:netrig_tcp_rtt_seconds:p99_5m",
        },
    ];
    kept.iter().flat_map(of_fleet).collect()
}

fn of_fleet(kept: &OfFleet) -> [Recording; 3] {
    let quantile = |q: f64| {
        let of = |form: Expr| form.wrap(&format!("histogram_quantile({q}, "), ")");
        of(kept.histogram.native(WINDOW, kept.by)).or(of(Expr::recorded(kept.buckets, &[])))
    };
    [
        rule(kept.buckets, &kept.histogram.classic(WINDOW, kept.by), "Distribution, all hosts together, classic form"),
        rule(kept.p50, &quantile(0.5), "p50, all hosts together, either form, seconds"),
        rule(kept.p99, &quantile(0.99), "p99, all hosts together, either form, seconds"),
    ]
}

fn hosts() -> Vec<Recording> {
    // A reason has a series from its first drop on, which may be the first of very many.
    let harmful = all(&names::DROPS).like("class", "resource|error").growth(WINDOW).sum_over(&["reason", "class"]);
    let received = all(&names::INTERFACE_PACKETS).eq("direction", "ingress").rate(WINDOW);
    let resent = all(&names::TCP_RETRANSMITS).rate("10m").sum_over(&["cause"]);
    let sent = all(&names::FLOW_PACKETS).eq("transport", "tcp").eq("direction", "egress").rate("10m");
    let cores = |metric: &'static Metric, label: &[&str]| all(metric).rate(WINDOW).sum_over(label);
    let cost = cores(&names::PROBE_CPU, &["probe"]).binary("+", all(&names::PROCESS_CPU).rate(WINDOW));
    let mut rules = vec![
        rule(
            DROPS.name,
            &all(&names::DROPS).growth(WINDOW).sum_over(&["reason"]),
            "Packets dropped a second, by class",
        ),
        rule(
            DROP_RATIO.name,
            &harmful.per(received.sum_over(&["iface", "direction"])),
            "Packets dropped for want of resources or by error, as a part of those received",
        ),
        rule(
            RETRANSMIT_RATIO.name,
            &resent.per(sent.sum_over(&["iface", "direction", "transport"])),
            "Segments sent again, as a part of TCP's packets sent",
        ),
        rule("instance:netrig_cost:cores_rate5m", &cost, "What the rig costs, kernel and user space, in cores"),
    ];
    rules.extend(losses().iter().map(|loss| Recording {
        labels: vec![("ring", loss.ring)],
        ..rule(LOST.name, &loss.rate(all, WINDOW), loss.missing)
    }));
    rules.extend(tables().iter().map(|table| Recording {
        labels: vec![("table", table.table)],
        ..rule(FILL.name, &table.fill(all), table.beyond)
    }));
    rules
}
