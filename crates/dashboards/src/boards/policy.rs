//! Policies: what rules do, and would do.

use super::{WINDOW, label, which_rigs};
use crate::grafana::{Dashboard, Panel, Unit, row};
use crate::promql::{Selector, chosen};
use netrig_metrics::names::{self, Metric};

const RULE: &str = "{{rule}} {{action}}";
const BY_RULE: &[&str] = &["rule", "action"];

pub(super) fn dashboard() -> Dashboard {
    let mut variables = which_rigs();
    variables.push(label("rule", "Rule", &names::POLICY_PACKETS, "rule"));
    Dashboard {
        uid: "netrig-policy",
        title: "netrig: policy",
        description: "What do rules take away, and what would they?",
        variables,
        rows: vec![
            row("At a glance", glance()),
            row("In force", in_force()),
            row("In shadow: what they would do", shadow()),
            row("Interfaces", interfaces()),
            row("Is it whole?", truth()),
        ],
    }
}

fn glance() -> Vec<Panel> {
    vec![
        Panel::numbers("Rules", "How many rules are in force?", Unit::Count)
            .query(chosen(&names::POLICY_RULES).now(), "{{instance}}")
            .wide(6),
        Panel::numbers("Warnings", "Is something wrong with the policy? The rig's status says what.", Unit::Count)
            .query(chosen(&names::POLICY_WARNINGS).now(), "{{instance}}")
            .bad_from(1.0)
            .wide(6),
        Panel::numbers("Left to confirm", "Does a policy wait to be confirmed? 0: none does.", Unit::Seconds)
            .query(chosen(&names::POLICY_CONFIRMATION).now(), "{{instance}}")
            .wide(6),
        Panel::numbers("Memory", "What does the policy in force take of the kernel's memory?", Unit::Bytes)
            .query(chosen(&names::POLICY_MEMORY).now(), "{{instance}}")
            .wide(6),
    ]
}

fn of_rules(metric: &'static Metric, mode: &str) -> Selector {
    chosen(metric).like("rule", "$rule").eq("mode", mode)
}

fn in_force() -> Vec<Panel> {
    let matched = of_rules(&names::POLICY_PACKETS, "enforce").rate(WINDOW).sum(BY_RULE);
    let removed = of_rules(&names::POLICY_REMOVED_PACKETS, "enforce").rate(WINDOW).sum(BY_RULE);
    let octets = of_rules(&names::POLICY_REMOVED_BYTES, "enforce").rate(WINDOW).times(8.0).sum(BY_RULE);
    vec![
        Panel::lines(
            "Matched",
            "Which rules meet packets? A packet may match several: rules do not add up.",
            Unit::PacketsPerSecond,
        )
        .query(matched.top(15), RULE)
        .wide(8),
        Panel::lines("Removed", "Which rules take packets from the stack?", Unit::PacketsPerSecond)
            .query(removed.top(15), RULE)
            .wide(8),
        Panel::lines("Removed, in bits", "How much traffic is that?", Unit::BitsPerSecond)
            .query(octets.top(15), RULE)
            .wide(8),
    ]
}

fn shadow() -> Vec<Panel> {
    let matched = of_rules(&names::POLICY_PACKETS, "shadow").rate(WINDOW).sum(BY_RULE);
    let would = of_rules(&names::POLICY_REMOVED_PACKETS, "shadow").rate(WINDOW).sum(BY_RULE);
    vec![
        Panel::lines("Matched", "Which rules that are not in force yet meet packets?", Unit::PacketsPerSecond)
            .query(matched.top(15), RULE),
        Panel::lines("Would remove", "What would they take away, were they in force?", Unit::PacketsPerSecond)
            .query(would.top(15), RULE),
    ]
}

fn interfaces() -> Vec<Panel> {
    let packets = chosen(&names::POLICY_INTERFACE_REMOVED_PACKETS).rate(WINDOW);
    let octets = chosen(&names::POLICY_INTERFACE_REMOVED_BYTES).rate(WINDOW).times(8.0);
    vec![
        Panel::lines("Removed, each packet once", "Where do policies take packets away?", Unit::PacketsPerSecond)
            .query(packets.top(15), "{{instance}} {{iface}} {{verdict}}"),
        Panel::lines("Removed, in bits", "How much traffic is that?", Unit::BitsPerSecond)
            .query(octets.top(15), "{{instance}} {{iface}} {{verdict}}"),
    ]
}

fn truth() -> Vec<Panel> {
    let host = "{{instance}}";
    vec![
        Panel::lines(
            "Met no policy",
            "Did packets pass because none was in force or confirmed?",
            Unit::PacketsPerSecond,
        )
        .query(chosen(&names::POLICY_FELL_BACK).rate(WINDOW), host)
        .wide(8),
        Panel::lines("Sources forgotten", "Has a limit more sources than it remembers?", Unit::PerSecond)
            .query(chosen(&names::POLICY_LIMIT_SOURCES_LOST).rate(WINDOW), host)
            .wide(8),
        Panel::lines("Events lost", "Were packets to be looked at that found their ring full?", Unit::PerSecond)
            .query(chosen(&names::POLICY_EVENTS_LOST).rate(WINDOW), host)
            .wide(8),
    ]
}
