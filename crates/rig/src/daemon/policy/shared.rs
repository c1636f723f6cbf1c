//! What the keeper and the loop have in common: the policy in force, its counts, and packets that were looked at.

use crate::policy::action_of;
use netrig_aggregate::PolicyEventTeller;
use netrig_drain::policy::PolicyDrain;
use netrig_model::{
    PolicyInForce, PolicyInterface, PolicyMode, PolicyRuleStatus, PolicySource, PolicyStatus, RingStatus, Timestamp,
    TrafficCounts,
};
use netrig_policy::compile::{ALWAYS, MANAGEMENT};
use netrig_policy::words::Mode;
use netrig_policy::{Compiled, Policy, Slots};
use netrig_probes::meter::Parts;
use netrig_probes::{HighWater, TickClock};
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

/// Counts of probes that are gone: were they to go with them, nobody would see what passed when the last policy lapsed.
#[derive(Clone, Copy, Debug, Default)]
struct Former {
    fell_back: u64,
    events_lost: u64,
    buckets_lost: u64,
}

impl Former {
    fn plus(self, drain: Option<&PolicyDrain>) -> Self {
        let Some(drain) = drain else { return self };
        Self {
            fell_back: self.fell_back + drain.fell_back(),
            events_lost: self.events_lost + drain.events_lost(),
            buckets_lost: self.buckets_lost + drain.buckets_lost(),
        }
    }
}

/// All of it.
pub(super) struct Shared {
    pub(super) drain: Option<(PolicyDrain, TickClock)>,
    /// The door's program and maps, for whoever meters them.
    pub(super) parts: Option<Arc<Parts>>,
    /// What former probes took, by interface: an interface's account goes on when a policy is removed and another one comes.
    gone: BTreeMap<u32, TrafficCounts>,
    /// What else they counted; none before the first of them has gone.
    former: Option<Former>,
    pub(super) in_force: Option<InForce>,
    pub(super) doors: BTreeMap<String, Door>,
    pub(super) warnings: Vec<String>,
    pub(super) teller: PolicyEventTeller,
    /// Octets that waited in the ring of packets that were looked at, and that it has room for; none where there is no probe.
    events: Option<(HighWater, u64)>,
    /// Why there is no probe although a policy was asked for.
    pub(super) failed: Option<String>,
}

impl Shared {
    pub(super) fn new(host: &str) -> Self {
        Self {
            drain: None,
            parts: None,
            gone: BTreeMap::new(),
            former: None,
            in_force: None,
            doors: BTreeMap::new(),
            warnings: Vec::new(),
            teller: PolicyEventTeller::new(Some(host.to_owned())),
            events: None,
            failed: None,
        }
    }

    /// So many octets waited in that ring, of so many.
    pub(super) fn see_events(&mut self, (waited, capacity): (u64, u64)) {
        self.events.get_or_insert((HighWater::default(), capacity)).0.see(waited);
    }

    /// How full that ring was.
    pub(super) fn fullest(&self) -> Option<RingStatus> {
        self.events.map(|(waited, capacity)| waited.status("policy_events", capacity))
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub(super) fn end_window(&mut self) {
        self.events.iter_mut().for_each(|(waited, _)| waited.end_window());
    }

    /// How things stand; none before any policy was asked for.
    pub(super) fn status(&mut self, taken: Timestamp) -> Option<PolicyStatus> {
        let counts = self.former.or(self.drain.is_some().then(Former::default))?;
        let counts = counts.plus(self.drain.as_ref().map(|(drain, _)| drain));
        let beside = PolicyStatus {
            taken,
            warnings: self.warnings.clone(),
            events_lost: counts.events_lost + self.teller.not_kept(),
            limit_sources_lost: counts.buckets_lost,
            fell_back_packets: counts.fell_back,
            ..PolicyStatus::default()
        };
        let Some((drain, clock)) = self.drain.as_mut() else { return Some(beside) };
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
            in_force: self.in_force.as_ref().map(|policy| policy.shown.clone()),
            interfaces: interfaces.collect(),
            rules,
            ..beside
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

    /// The probe goes, and with it the counts of its rules.
    pub(super) fn close(&mut self) {
        if let Some((drain, _)) = self.drain.take() {
            self.former = Some(self.former.unwrap_or_default().plus(Some(&drain)));
            for each in drain.removed() {
                let Some(ifindex) = each.ifindex else { continue };
                let sum = self.gone.entry(ifindex).or_default();
                sum.add(each.dropped);
                sum.add(each.redirected);
            }
        }
        self.parts = None;
        self.events = None;
        self.in_force = None;
        self.doors.clear();
        self.warnings.clear();
    }
}
