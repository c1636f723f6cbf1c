//! What is dropped, where, and whether it matters.

use super::{WINDOW, which_interfaces, which_rigs};
use crate::grafana::{Dashboard, Panel, Unit, row};
use crate::promql::{Expr, chosen};
use netrig_metrics::names;

pub(super) fn dashboard() -> Dashboard {
    let mut variables = which_rigs();
    variables.push(which_interfaces());
    Dashboard {
        uid: "netrig-drops",
        title: "netrig: drops",
        description: "What is dropped, where, and does it matter?",
        variables,
        rows: vec![
            row("Packets the kernel dropped, each once", kernel()),
            row("What others counted: sources overlap with one another and with the above", sources()),
            row("Listeners and receivers", receivers()),
            row("Is the count whole?", truth()),
        ],
    }
}

fn reasons(class: &str) -> Expr {
    chosen(&names::DROPS).eq("class", class).rate(WINDOW).sum(&["reason"]).top(10)
}

fn kernel() -> Vec<Panel> {
    let hurting = chosen(&names::DROPS).ne("class", "harmless").rate(WINDOW);
    let share = chosen(&names::DROPS).like("class", "resource|error").rate(WINDOW).sum(&["job", "instance"]);
    let received = chosen(&names::INTERFACE_PACKETS).eq("direction", "ingress").rate(WINDOW).sum(&["job", "instance"]);
    let pps = Unit::PacketsPerSecond;
    vec![
        Panel::stack("By class", "Are packets lost that should not be? Harmless ends of life are left out.", pps)
            .query(hurting.clone().sum(&["class"]), "{{class}}"),
        Panel::lines("By host", "On which hosts?", pps)
            .query(hurting.sum(&["job", "instance"]).top(10), "{{instance}}")
            .leads_to("netrig-host"),
        Panel::lines("For want of resources", "Which buffer, queue or memory is too small?", pps)
            .query(reasons("resource"), "{{reason}}"),
        Panel::lines("By error", "What is broken: checksums, headers, hardware?", pps)
            .query(reasons("error"), "{{reason}}"),
        Panel::lines("By protocol", "What does a protocol throw away by its rules?", pps)
            .query(reasons("protocol"), "{{reason}}"),
        Panel::lines("By policy", "What do firewalls, filters and policies refuse?", pps)
            .query(reasons("policy"), "{{reason}}"),
        Panel::lines(
            "Lost of what was received",
            "How large is the loss? Drops for want of resources and by error, divided by packets that came in. A packet \
             that passes several interfaces came in at each, and drops are of all of the host's namespaces: a measure, not \
             a proof.",
            Unit::Share,
        )
        .query(share.per(received), "{{instance}}"),
        Panel::lines("Harmless, and unknown", "Is what is left out as large as usual?", pps)
            .query(reasons("harmless"), "{{reason}}")
            .query(reasons("unknown"), "unknown: {{reason}}"),
    ]
}

/// One source at a time: a packet that several of them dropped is in each.
fn source(source: &'static str, title: &'static str, question: &'static str, of_interfaces: bool) -> Panel {
    let all = chosen(&names::DROP_EVENTS).eq("source", source);
    let all = if of_interfaces { all.like("iface", "$iface") } else { all };
    Panel::lines(title, question, Unit::PacketsPerSecond)
        .query(all.rate(WINDOW).sum(&["instance", "iface", "reason"]).top(10), "{{instance}} {{iface}} {{reason}}")
        .wide(8)
}

fn sources() -> Vec<Panel> {
    vec![
        source("socket", "Sockets", "Which sockets' buffers are full?", false),
        source("xdp", "XDP", "What do XDP programs drop, before there is a packet of the stack?", true),
        source("device", "Devices", "What do drivers and hardware drop, before the kernel sees it?", true),
        source("qdisc", "Queueing disciplines", "Which queues drop?", true),
        source("softnet", "Backlogs", "Which processors' backlogs are full?", false),
        source("table", "Tables", "Are tables of connections or neighbours full?", false),
        source("refused", "Refused", "Which sockets refuse without a dropped packet?", false),
    ]
}

fn receivers() -> Vec<Panel> {
    let kernel = |metric| chosen(metric).rate(WINDOW);
    vec![
        Panel::lines("Dropped by listeners", "Which listeners turn connections away?", Unit::PerSecond)
            .query(chosen(&names::TCP_LISTENER_DROPS).rate(WINDOW).top(10), "{{instance}} {{listener}}"),
        Panel::lines("Handshakes lost", "Why, by the kernel's own counts? Overflows are among drops.", Unit::PerSecond)
            .query(kernel(&names::TCP_LISTEN_OVERFLOWS), "{{instance}} accept queue full")
            .query(kernel(&names::TCP_SYN_QUEUE_DROPS), "{{instance}} SYN queue full")
            .query(kernel(&names::TCP_SYN_COOKIES), "{{instance}} SYN cookies sent"),
    ]
}

fn truth() -> Vec<Panel> {
    let places = chosen(&names::DROP_PLACES).now().per(chosen(&names::DROP_PLACES_MAX).now());
    vec![
        Panel::lines(
            "Not counted",
            "Were packets dropped while another drop was being counted?",
            Unit::PacketsPerSecond,
        )
        .query(chosen(&names::DROPS_UNCOUNTED).rate(WINDOW), "{{instance}}")
        .wide(8),
        Panel::lines("Examples lost", "Is the ring of examples too small? Counts are not touched.", Unit::PerSecond)
            .query(chosen(&names::DROP_EXAMPLES_LOST).rate(WINDOW), "{{instance}}")
            .wide(8),
        Panel::lines("Table of groups", "Is the table full, so that reasons are summed as OTHER?", Unit::Share)
            .query(places, "{{instance}}")
            .up_to(1.0)
            .wide(8),
    ]
}
