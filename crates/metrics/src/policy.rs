//! From the policies' picture to samples.

use crate::bound::Bound;
use crate::exporter::Caps;
use crate::families::{Families, Value};
use crate::names::{self, Metric};
use netrig_model::{PolicyRuleStatus, PolicyStatus};
use std::collections::{BTreeMap, BTreeSet};

/// The built-in rules always have series of their own.
const BUILT_IN: &[&str] = &["netrig:always", "netrig:management"];

/// In the order of [`counts`].
static COUNTERS: [&Metric; 4] =
    [&names::POLICY_PACKETS, &names::POLICY_BYTES, &names::POLICY_REMOVED_PACKETS, &names::POLICY_REMOVED_BYTES];

type Counts = [u64; COUNTERS.len()];

/// Rule, action and mode.
type Labels = [String; 3];

fn counts(rule: &PolicyRuleStatus) -> Counts {
    [rule.packets, rule.bytes, rule.over_packets, rule.over_bytes]
}

/// What is remembered between scrapes: names that are settled, and what rules had counted that are gone.
#[derive(Debug)]
pub(crate) struct PolicyMemory {
    rules: Bound,
    /// Of the rules in force, as they were told last.
    latest: BTreeMap<String, Counts>,
    totals: BTreeMap<Labels, Counts>,
}

impl PolicyMemory {
    pub(crate) fn new(caps: &Caps) -> Self {
        Self { rules: Bound::new(caps.policy_rules, BUILT_IN), latest: BTreeMap::new(), totals: BTreeMap::new() }
    }

    /// Its bounds, by what they give names to.
    pub(crate) fn bounds(&self) -> [(&'static str, &Bound); 1] {
        [("policy_rule", &self.rules)]
    }

    /// To be called once with every picture, before [`gather`].
    pub(crate) fn admit(&mut self, policy: &PolicyStatus, interfaces: &mut Bound) {
        let of = |packets: u64, more: u64| packets.saturating_add(more);
        let removed = policy.interfaces.iter();
        interfaces.admit(removed.map(|i| (i.iface.as_str(), of(i.dropped.packets, i.redirected.packets))));
        self.rules.admit(policy.rules.iter().map(|rule| (rule.id.as_str(), rule.packets)));
        for rule in &policy.rules {
            let now = counts(rule);
            let before = self.latest.insert(rule.id.clone(), now).unwrap_or_default();
            // A counter that is less is of a rule that went and came again: from 0.
            let anew = now.iter().zip(before).any(|(now, before)| *now < before);
            let labels = [self.rules.label(&rule.id), rule.action.as_str(), rule.mode.as_str()].map(str::to_owned);
            let total = self.totals.entry(labels).or_default();
            for ((total, now), before) in total.iter_mut().zip(now).zip(before) {
                *total = total.saturating_add(if anew { now } else { now - before });
            }
        }
        let ids: BTreeSet<&str> = policy.rules.iter().map(|rule| rule.id.as_str()).collect();
        self.latest.retain(|id, _| ids.contains(id.as_str()));
    }
}

/// Everything the picture holds, with the labels that the memory allows.
pub(crate) fn gather(out: &mut Families, policy: &PolicyStatus, memory: &PolicyMemory, interfaces: &Bound) {
    for (labels, total) in &memory.totals {
        let labels = labels.each_ref().map(String::as_str);
        for (metric, count) in COUNTERS.into_iter().zip(total) {
            out.count(metric, &labels, *count);
        }
    }
    for interface in &policy.interfaces {
        let iface = interfaces.label(&interface.iface);
        for (verdict, removed) in [("dropped", interface.dropped), ("redirected", interface.redirected)] {
            out.count(&names::POLICY_INTERFACE_REMOVED_PACKETS, &[iface, verdict], removed.packets);
            out.count(&names::POLICY_INTERFACE_REMOVED_BYTES, &[iface, verdict], removed.bytes);
        }
    }
    out.count(&names::POLICY_RULES, &[], policy.rules.len() as u64);
    out.count(&names::POLICY_WARNINGS, &[], policy.warnings.len() as u64);
    out.count(&names::POLICY_MEMORY, &[], policy.in_force.as_ref().map_or(0, |policy| policy.bytes));
    let waits = policy.in_force.as_ref().and_then(|policy| policy.confirm_until);
    let left_ns = waits.map_or(0, |until| until.0.saturating_sub(policy.taken.0).max(0).unsigned_abs());
    out.add(&names::POLICY_CONFIRMATION, &[], Value::Time(left_ns));
    for (metric, count) in [
        (&names::POLICY_EVENTS_LOST, policy.events_lost),
        (&names::POLICY_LIMIT_SOURCES_LOST, policy.limit_sources_lost),
        (&names::POLICY_FELL_BACK, policy.fell_back_packets),
    ] {
        out.count(metric, &[], count);
    }
}
