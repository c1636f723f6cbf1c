//! One host: what its network does.

use super::{WINDOW, which_interfaces, which_rigs};
use crate::grafana::{Dashboard, Panel, Unit, row};
use crate::promql::{Selector, chosen};
use netrig_metrics::names::{self, Metric};

const LINE: &str = "{{instance}} {{iface}} {{direction}}";
const QUEUE: &str = "{{instance}} {{iface}} {{direction}} {{queue}} {{qdisc}}";
const BY_LINE: &[&str] = &["job", "instance", "iface", "direction"];

pub(super) fn dashboard() -> Dashboard {
    let mut variables = which_rigs();
    variables.push(which_interfaces());
    Dashboard {
        uid: "netrig-host",
        title: "netrig: host",
        description: "What does this host's network do?",
        variables,
        rows: vec![
            row("Interfaces", interfaces()),
            row("Milliseconds and queues", queues()),
            row("Processors that receive", receiving()),
            row("TCP", tcp()),
            row("Listeners", listeners()),
            row("Requests", requests()),
            row("Ledger: is everything told?", ledger()),
        ],
    }
}

/// Of the interfaces that are chosen.
fn of_interfaces(metric: &'static Metric) -> Selector {
    chosen(metric).like("iface", "$iface")
}

fn interfaces() -> Vec<Panel> {
    let packets = of_interfaces(&names::FLOW_BYTES).rate(WINDOW).times(8.0);
    vec![
        Panel::lines("Traffic", "How much passes each interface? Layer-2 octets as on the wire.", Unit::BitsPerSecond)
            .query(of_interfaces(&names::INTERFACE_BYTES).rate(WINDOW).times(8.0), LINE),
        Panel::lines("Packets", "How many packets is that?", Unit::PacketsPerSecond)
            .query(of_interfaces(&names::INTERFACE_PACKETS).rate(WINDOW), LINE),
        Panel::lines(
            "Transports",
            "What is it made of? A packet that passes several interfaces is in each of them: choose one.",
            Unit::BitsPerSecond,
        )
        .query(packets, "{{instance}} {{iface}} {{direction}} {{transport}}"),
        Panel::lines("Dropped by the interface", "Does the device or its driver drop?", Unit::PacketsPerSecond)
            .query(of_interfaces(&names::INTERFACE_KERNEL_DROPPED).rate(WINDOW), LINE)
            .leads_to("netrig-drops"),
    ]
}

fn queues() -> Vec<Panel> {
    let peak = of_interfaces(&names::BURST_PEAK)
        .now()
        .binary("/ ignoring (direction) group_left ()", of_interfaces(&names::INTERFACE_SPEED).now());
    let length = |q| of_interfaces(&names::BURST_LENGTH).quantile(q, WINDOW, BY_LINE);
    vec![
        Panel::lines(
            "Fullest millisecond",
            "How fast was the busiest millisecond of the last minute, beside the average above?",
            Unit::BitsPerSecond,
        )
        .query(of_interfaces(&names::BURST_PEAK).now(), LINE),
        Panel::lines(
            "… of the link's speed",
            "How full was the link then? Speeds that are not known are missing.",
            Unit::Share,
        )
        .query(peak, LINE)
        .up_to(1.0),
        Panel::lines("Bursts", "How often does traffic burst?", Unit::PerSecond)
            .query(of_interfaces(&names::BURSTS).rate(WINDOW), LINE),
        Panel::lines("Length of bursts, p90", "How long are bursts?", Unit::Seconds).query(length(0.9), LINE),
        Panel::lines(
            "Longest wait in queues",
            "How long did what left have to wait at worst? A queueing discipline's counts contain those within it.",
            Unit::Seconds,
        )
        .query(of_interfaces(&names::QUEUE_DELAY_MAX).now(), QUEUE),
        Panel::lines("Largest backlog", "How much waited?", Unit::Bytes)
            .query(of_interfaces(&names::QUEUE_BACKLOG_MAX).now(), QUEUE),
    ]
}

fn receiving() -> Vec<Panel> {
    let exhausted = chosen(&names::NAPI_EXHAUSTED).rate(WINDOW).per(chosen(&names::NAPI_POLLS).rate(WINDOW));
    vec![
        Panel::lines("Time in softirqs", "Which processor is busy with the network?", Unit::Share)
            .query(chosen(&names::SOFTIRQ_TIME).now().top(10), "{{instance}} cpu {{cpu}}")
            .up_to(1.0)
            .wide(8),
        Panel::lines("Out of time", "Which processor stopped receiving with work left?", Unit::PerSecond)
            .query(chosen(&names::SOFTIRQ_SQUEEZED).rate(WINDOW).top(10), "{{instance}} cpu {{cpu}}")
            .wide(8),
        Panel::lines("Polls that ran out of budget", "Which device has more than a poll may take?", Unit::Share)
            .query(exhausted, "{{instance}} {{iface}}")
            .up_to(1.0)
            .wide(8),
    ]
}

fn tcp() -> Vec<Panel> {
    let host = &["job", "instance"];
    vec![
        Panel::stack("Open connections", "How many connections are open, and in which state?", Unit::Count)
            .query(chosen(&names::TCP_CONNECTIONS).now().sum(&["state"]), "{{state}}"),
        Panel::lines("Opened and established", "How many are opened, by whom, and how many succeed?", Unit::PerSecond)
            .query(chosen(&names::TCP_OPENED).rate(WINDOW).sum(&["role"]), "{{role}} opened")
            .query(chosen(&names::TCP_ESTABLISHED).rate(WINDOW).sum(&["role"]), "{{role}} established"),
        Panel::stack("How they end", "Why do connections end?", Unit::PerSecond)
            .query(chosen(&names::TCP_ENDED).rate(WINDOW).sum(&["end"]), "{{end}}"),
        Panel::lines("Errors", "Why do connections fail?", Unit::PerSecond)
            .query(chosen(&names::TCP_ERRORS).rate(WINDOW).sum(&["error"]), "{{error}}"),
        Panel::stack("Segments sent again", "Is TCP losing, and what told it so?", Unit::PacketsPerSecond)
            .query(chosen(&names::TCP_RETRANSMITS).rate(WINDOW).sum(&["cause"]), "{{cause}}"),
        Panel::lines("Resets", "Who resets connections, and why?", Unit::PerSecond)
            .query(chosen(&names::TCP_RESETS_SENT).rate(WINDOW).sum(&["reason"]), "sent: {{reason}}")
            .query(chosen(&names::TCP_RESETS_RECEIVED).rate(WINDOW).sum(host), "{{instance}} received"),
    ]
}

fn listeners() -> Vec<Panel> {
    let fill = chosen(&names::TCP_ACCEPT_QUEUE).now().per(chosen(&names::TCP_ACCEPT_QUEUE_CAPACITY).now());
    vec![
        Panel::lines("Accept queues", "Which application accepts too slowly?", Unit::Share)
            .query(fill.top(10), "{{instance}} {{listener}}")
            .bad_from(0.8),
        Panel::lines("Dropped by listeners", "Which listeners turn connections away?", Unit::PerSecond)
            .query(chosen(&names::TCP_LISTENER_DROPS).rate(WINDOW).top(10), "{{instance}} {{listener}}"),
    ]
}

fn requests() -> Vec<Panel> {
    let kind = &["kind"];
    let failed = chosen(&names::REQUESTS_FAILED).rate(WINDOW).sum(kind);
    vec![
        Panel::lines("Requests", "How many requests pass?", Unit::RequestsPerSecond)
            .query(chosen(&names::REQUESTS).rate(WINDOW).sum(kind), "{{kind}}"),
        Panel::lines("Share that failed", "How many of them get no answer, or an error?", Unit::Share)
            .query(failed.per(chosen(&names::REQUESTS).rate(WINDOW).sum(kind)), "{{kind}}")
            .up_to(1.0)
            .leads_to("netrig-latency"),
    ]
}

fn ledger() -> Vec<Panel> {
    let unseen = of_interfaces(&names::LEDGER_UNACCOUNTED).now();
    vec![
        Panel::lines(
            "What became of packets",
            "Is what was seen told? extrapolated is what sampled flows stand for; policy was removed before the hook and \
             comes on top of what was seen.",
            Unit::PacketsPerSecond,
        )
        .query(of_interfaces(&names::LEDGER_PACKETS).rate(WINDOW).sum(&["fate"]), "{{fate}}")
        .wide(8),
        Panel::lines("Imbalance", "Has the rig a bug? Anything but 0 is one.", Unit::Count)
            .query(of_interfaces(&names::LEDGER_IMBALANCE).now(), LINE)
            .wide(8),
        Panel::lines("Not seen by a hook", "Did packets pass that no hook saw and nothing explains?", Unit::Count)
            .query(unseen, LINE)
            .wide(8),
    ]
}
