//! The fleet: which host should be looked at first.

use super::{WINDOW, which_rigs};
use crate::grafana::{Dashboard, Panel, Unit, row};
use crate::promql::{Expr, chosen};
use netrig_metrics::names;

const HOST: &str = "netrig-host";
const COST: &str = "netrig-cost";

const BY_HOST: &[&str] = &["job", "instance"];

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "netrig-fleet",
        title: "netrig: fleet",
        description: "Which host should be looked at first?",
        variables: which_rigs(),
        rows: vec![
            row("At a glance", glance()),
            row("Hosts that stand out", hosts()),
            row("Services, all hosts together", services()),
            row("Is everything told?", truth()),
        ],
    }
}

fn glance() -> Vec<Panel> {
    vec![
        Panel::numbers("Rigs", "How many rigs are scraped?", Unit::Count)
            .query(chosen(&names::BUILD_INFO).now().aggregate("count", &[]), "rigs"),
        Panel::numbers("Probes that failed", "On how many hosts is part of the picture missing?", Unit::Count)
            .query(chosen(&names::PROBE_STATE).eq("state", "failed").now().sum(&[]), "failed")
            .bad_from(1.0),
        Panel::numbers("Stores that do not write", "Is history being lost?", Unit::Count)
            .query(chosen(&names::STORE_WRITING).now().wrap("", " == bool 0").sum(&[]), "not writing")
            .bad_from(1.0),
        Panel::numbers(
            "Rigs that turned something down",
            "How many give something up to keep their budget?",
            Unit::Count,
        )
        .query(chosen(&names::GOVERNOR_LEVEL).now().wrap("", " > bool 0").sum(&[]), "turned down"),
        Panel::numbers("Policies that wait", "Is a policy waiting to be confirmed?", Unit::Count)
            .query(chosen(&names::POLICY_CONFIRMATION).now().wrap("", " > bool 0").sum(&[]), "wait"),
        Panel::numbers("Versions", "Do all run the same version?", Unit::Count)
            .query(chosen(&names::BUILD_INFO).now().aggregate("count", &["version"]), "{{version}}"),
    ]
}

fn busiest() -> Expr {
    chosen(&names::INTERFACE_BYTES).rate(WINDOW).times(8.0).aggregate("max", BY_HOST)
}

fn hosts() -> Vec<Panel> {
    let harmful = chosen(&names::DROPS).like("class", "resource|error").rate(WINDOW).sum(BY_HOST);
    let resent = chosen(&names::TCP_RETRANSMITS).rate(WINDOW).sum(BY_HOST);
    let failed = chosen(&names::TCP_ERRORS).rate(WINDOW).sum(BY_HOST);
    let trip = chosen(&names::TCP_RTT).eq("kind", "all").quantile(0.99, WINDOW, BY_HOST);
    let peak = chosen(&names::BURST_PEAK)
        .now()
        .binary("/ ignoring (direction) group_left ()", chosen(&names::INTERFACE_SPEED).now());
    vec![
        Panel::lines(
            "Traffic of the busiest interface",
            "Which hosts carry most? The busiest interface and direction of each: a packet that passes several interfaces \
             of a host counts once.",
            Unit::BitsPerSecond,
        )
        .query(busiest().top(10), "{{instance}}")
        .leads_to(HOST),
        Panel::lines(
            "Fullest millisecond",
            "Whose links are full in their worst moment of the last minute, whatever the average says? Interfaces whose \
             speed is not known are missing.",
            Unit::Share,
        )
        .query(peak.aggregate("max", BY_HOST).top(10), "{{instance}}")
        .up_to(1.0)
        .leads_to(HOST),
        Panel::lines(
            "Drops that hurt",
            "Who drops packets for want of resources, or by error? The kernel's own count, each packet once; harmless \
             ends, protocol's and policies' are left out.",
            Unit::PacketsPerSecond,
        )
        .query(harmful.top(10), "{{instance}}")
        .leads_to("netrig-drops"),
        Panel::lines("Segments sent again", "Where is TCP losing?", Unit::PacketsPerSecond)
            .query(resent.top(10), "{{instance}}")
            .leads_to(HOST),
        Panel::lines("Errors of TCP", "Whose applications are told of errors?", Unit::PerSecond)
            .query(failed.top(10), "{{instance}}")
            .leads_to(HOST),
        Panel::lines("Round trips, p99", "Whose peers are far away or slow?", Unit::Seconds)
            .query(trip.top(10), "{{instance}}")
            .leads_to("netrig-latency"),
    ]
}

fn services() -> Vec<Panel> {
    let by = &["role", "service"];
    let total = |q| chosen(&names::LATENCY_STAGE).eq("stage", "total").quantile(q, WINDOW, by).top(10);
    let by_stage = &["role", "service", "stage"];
    let stage = chosen(&names::LATENCY_STAGE).ne("stage", "total").quantile(0.99, WINDOW, by_stage);
    vec![
        Panel::lines(
            "Whole way, p50",
            "Which services are slow as a rule? From a message's arrival to the answer's acknowledgement.",
            Unit::Seconds,
        )
        .query(total(0.5), "{{role}} {{service}}"),
        Panel::lines("Whole way, p99", "Which services are slow at their worst?", Unit::Seconds)
            .query(total(0.99), "{{role}} {{service}}"),
        Panel::lines(
            "Slowest stages, p99",
            "Which stage of which service is the slowest? Stages only, never with the whole that they are parts of.",
            Unit::Seconds,
        )
        .query(stage.top(15), "{{role}} {{service}} {{stage}}")
        .wide(24),
    ]
}

fn truth() -> Vec<Panel> {
    let imbalance = chosen(&names::LEDGER_IMBALANCE).now().wrap("abs(", ")").aggregate("max", BY_HOST);
    let unseen = chosen(&names::LEDGER_UNACCOUNTED).over("delta", "$__range").sum(BY_HOST);
    vec![
        Panel::table("Ledger's imbalance", "Has a rig a bug? Packets seen that no fate explains.", Unit::Count)
            .query(imbalance.above(0.0), "{{instance}}")
            .wide(8)
            .leads_to(HOST),
        Panel::table(
            "Packets no hook saw",
            "Did packets pass an interface that its rig did not see, in the time shown?",
            Unit::Count,
        )
        .query(unseen.above(0.0), "{{instance}}")
        .wide(8)
        .leads_to(HOST),
        Panel::lines("Cost of the rig", "What do the rigs cost, as a part of their machines?", Unit::Share)
            .query(chosen(&names::OVERHEAD).now().top(10), "{{instance}}")
            .wide(8)
            .leads_to(COST),
    ]
}
