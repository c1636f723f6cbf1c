//! What the keeper and the loop have in common: the policy in force, its counts, and packets that were looked at.

use crate::policy::action_of;
use netrig_aggregate::PolicyEventTeller;
use netrig_drain::policy::PolicyDrain;
use netrig_model::{
    PolicyInForce, PolicyInterface, PolicyMode, PolicyRuleStatus, PolicySource, PolicyStatus, Timestamp, TrafficCounts,
};
use netrig_policy::compile::{ALWAYS, MANAGEMENT};
use netrig_policy::words::Mode;
use netrig_policy::{Compiled, Policy, Slots};
use netrig_probes::TickClock;
use netrig_probes::meter::Parts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sources shown of each rule.
const SOURCES_SHOWN: usize = 5;

/// A rule as it is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RuleInForce {
    pub(super) slot: u16,
    shown: PolicyRuleStatus,
}

/// A policy as it is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InForce {
    pub(super) shown: PolicyInForce,
    pub(super) rules: Vec<RuleInForce>,
}

impl InForce {
    /// As it is from `shown.since` on.
    pub(super) fn of(policy: &Policy, compiled: &Compiled, mut shown: PolicyInForce) -> Self {
        shown.rows = compiled.tables.rows.len() as u64;
        let built_in = [(ALWAYS, Slots::ALWAYS), (MANAGEMENT, Slots::MANAGEMENT)].map(|(id, slot)| RuleInForce {
            slot,
            shown: PolicyRuleStatus {
                id: id.to_owned(),
                action: netrig_model::PolicyAction::Pass,
                ..PolicyRuleStatus::default()
            },
        });
        let own = policy.rules.iter().filter_map(|rule| {
            let ttl_ns = rule.ttl.map(|ttl| i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX));
            Some(RuleInForce {
                slot: compiled.slots.get(&rule.id)?,
                shown: PolicyRuleStatus {
                    id: rule.id.clone(),
                    action: action_of(&rule.action),
                    mode: if rule.mode == Mode::Shadow { PolicyMode::Shadow } else { PolicyMode::Enforce },
                    comment: rule.comment.clone(),
                    owner: rule.owner.clone(),
                    expires: ttl_ns.map(|ttl_ns| shown.since.plus_ns(ttl_ns)),
                    ..PolicyRuleStatus::default()
                },
            })
        });
        Self { rules: built_in.into_iter().chain(own).collect(), shown }
    }

    /// Whether it has a rule of this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.shown.id == id)
    }

    /// The id of the rule that is counted in a slot.
    pub(super) fn rule_in(&self, slot: u16) -> Option<&str> {
        self.rules.iter().find(|rule| rule.slot == slot).map(|rule| rule.shown.id.as_str())
    }
}

/// An interface that has the door, or should have.
#[derive(Clone, Debug, Default)]
pub(super) struct Door {
    pub(super) ifindex: u32,
    pub(super) hook: &'static str,
    pub(super) detail: String,
}

/// All of it.
pub(super) struct Shared {
    pub(super) drain: Option<(PolicyDrain, TickClock)>,
    /// The door's program and maps, for whoever meters them.
    pub(super) parts: Option<Arc<Parts>>,
    /// What former probes took, by interface: an interface's account goes on when a policy is removed and another one comes.
    gone: BTreeMap<u32, TrafficCounts>,
    pub(super) in_force: Option<InForce>,
    pub(super) doors: BTreeMap<String, Door>,
    pub(super) warnings: Vec<String>,
    pub(super) teller: PolicyEventTeller,
    /// Why there is no probe although a policy was asked for.
    pub(super) failed: Option<String>,
}

impl Shared {
    pub(super) fn new(host: &str) -> Self {
        Self {
            drain: None,
            parts: None,
            gone: BTreeMap::new(),
            in_force: None,
            doors: BTreeMap::new(),
            warnings: Vec::new(),
            teller: PolicyEventTeller::new(Some(host.to_owned())),
            failed: None,
        }
    }

    /// How things stand; none before any policy was asked for.
    pub(super) fn status(&mut self, taken: Timestamp) -> Option<PolicyStatus> {
        let (drain, clock) = self.drain.as_mut()?;
        let mut sources: BTreeMap<u16, Vec<PolicySource>> = drain.top_sources(SOURCES_SHOWN);
        let rules = self.in_force.iter().flat_map(|policy| &policy.rules).map(|rule| {
            let count = drain.count(rule.slot, clock);
            PolicyRuleStatus {
                packets: count.matched.packets,
                bytes: count.matched.bytes,
                over_packets: count.over.packets,
                over_bytes: count.over.bytes,
                last_hit: count.last_hit,
                top_sources: sources.remove(&rule.slot).unwrap_or_default(),
                ..rule.shown.clone()
            }
        });
        let rules = rules.collect();
        let removed = drain.removed();
        let interfaces = self.doors.iter().map(|(name, door)| {
            let of_door = removed.iter().find(|each| each.ifindex == Some(door.ifindex));
            PolicyInterface {
                iface: name.clone(),
                ifindex: door.ifindex,
                asked: "xdp-native".into(),
                hook: door.hook.into(),
                detail: door.detail.clone(),
                dropped: of_door.map_or_else(TrafficCounts::default, |each| each.dropped),
                redirected: of_door.map_or_else(TrafficCounts::default, |each| each.redirected),
            }
        });
        Some(PolicyStatus {
            taken,
            in_force: self.in_force.as_ref().map(|policy| policy.shown.clone()),
            interfaces: interfaces.collect(),
            rules,
            warnings: self.warnings.clone(),
            events_lost: drain.events_lost() + self.teller.not_kept(),
            limit_sources_lost: drain.buckets_lost(),
            fell_back_packets: drain.fell_back(),
        })
    }

    /// What was taken from the stack on an interface before the flow probe's hook saw it; none where no policy is asked.
    pub(super) fn removed(&self, ifindex: u32) -> Option<TrafficCounts> {
        let now = self.drain.iter().flat_map(|(drain, _)| drain.removed()).find(|each| each.ifindex == Some(ifindex));
        let gone = self.gone.get(&ifindex).copied();
        if now.is_none() && gone.is_none() {
            return None;
        }
        let mut sum = gone.unwrap_or_default();
        for part in now.iter().flat_map(|each| [each.dropped, each.redirected]) {
            sum.add(part);
        }
        Some(sum)
    }

    /// The probe goes, and with it all that it counted.
    pub(super) fn close(&mut self) {
        if let Some((drain, _)) = self.drain.take() {
            for each in drain.removed() {
                let Some(ifindex) = each.ifindex else { continue };
                let sum = self.gone.entry(ifindex).or_default();
                sum.add(each.dropped);
                sum.add(each.redirected);
            }
        }
        self.parts = None;
        self.in_force = None;
        self.doors.clear();
        self.warnings.clear();
    }
}
