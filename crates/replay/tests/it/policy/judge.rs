//! What a policy decides of packets, word for word: it reads what people wrote, not what was compiled of it.
//!
//! Time stands still here: buckets are never filled again, and nothing expires.

use super::subject::{Subject, Transport};
use netrig_model::TrafficCounts;
use netrig_policy::Slots;
use netrig_policy::words::{
    Action, Addresses, Family, FragmentTest, Limit, LimitPer, LimitUnit, Match, Mode, Policy, Target, Unreadable,
    VlanTest,
};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(crate) const XDP_DROP: u32 = 1;
pub(crate) const XDP_PASS: u32 = 2;
pub(crate) const XDP_REDIRECT: u32 = 4;

/// What a rule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) matched: TrafficCounts,
    /// Of them, what it removed, or would have removed.
    pub(crate) over: TrafficCounts,
}

/// All that is counted: rules by their slots, those that matched nothing left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) rules: BTreeMap<u16, Counts>,
    pub(crate) dropped: TrafficCounts,
    pub(crate) redirected: TrafficCounts,
}

/// Whether a conjunction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    No,
    /// All that can be read does.
    AsFarAsRead,
    Yes,
}

/// What has a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    Rule,
    V4(u32),
    V6(u128),
    NotIp,
}

/// A policy in force, and what it has counted.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    policy: &'a Policy,
    slots: &'a Slots,
    /// By whose name `iface` is told: all packets come in there.
    iface: &'a str,
    used: BTreeMap<(usize, Bucket), u64>,
    pub(crate) ledger: Ledger,
}

impl<'a> Judge<'a> {
    /// The allow-list is the policy's own.
    pub(crate) fn new(policy: &'a Policy, slots: &'a Slots, iface: &'a str) -> Self {
        Self { policy, slots, iface, used: BTreeMap::new(), ledger: Ledger::default() }
    }

    /// The verdict, and the rules that matched.
    pub(crate) fn judge(&mut self, frame: &[u8]) -> (u32, Vec<&'a str>) {
        let subject = Subject::of(frame);
        if is_vital(&subject) {
            self.count(Slots::ALWAYS, &subject, false);
            return (XDP_PASS, vec!["netrig:always"]);
        }
        if subject.ip.as_ref().is_some_and(|ip| holds_address(&self.policy.management.allow, ip.src)) {
            self.count(Slots::MANAGEMENT, &subject, false);
            return (XDP_PASS, vec!["netrig:management"]);
        }
        let mut trail = Vec::new();
        let policy = self.policy;
        for (place, rule) in policy.rules.iter().enumerate() {
            let acts = !matches!(rule.action, Action::Pass | Action::Count | Action::Sample { .. });
            let blindly = acts && policy.fragments == Unreadable::Drop;
            let held = rule.alternatives.iter().map(|alternative| self.holds(&subject, alternative));
            let first = held.into_iter().find(|holds| *holds == Holds::Yes || blindly && *holds == Holds::AsFarAsRead);
            let Some(holds) = first else { continue };
            trail.push(rule.id.as_str());
            let unread = holds == Holds::AsFarAsRead;
            let removed = match &rule.action {
                _ if unread => true,
                Action::Limit(limit) => !self.take(place, limit, &subject),
                _ => acts,
            };
            self.count(self.slots.get(&rule.id).expect("it was compiled"), &subject, removed);
            if rule.mode == Mode::Shadow || matches!(rule.action, Action::Count | Action::Sample { .. }) {
                continue;
            }
            return (self.decide(&rule.action, unread, removed, &subject), trail);
        }
        (XDP_PASS, trail)
    }

    fn decide(&mut self, action: &Action, unread: bool, removed: bool, subject: &Subject) -> u32 {
        let (verdict, account) = match action {
            // On another CPU the stack sees it all the same: it is not taken from it.
            Action::Redirect(Target::Cpu(_)) if !unread => return XDP_REDIRECT,
            Action::Redirect(_) if !unread => (XDP_REDIRECT, &mut self.ledger.redirected),
            _ if removed => (XDP_DROP, &mut self.ledger.dropped),
            _ => return XDP_PASS,
        };
        account.add(of(subject));
        verdict
    }

    fn count(&mut self, slot: u16, subject: &Subject, removed: bool) {
        let counts = self.ledger.rules.entry(slot).or_default();
        counts.matched.add(of(subject));
        if removed {
            counts.over.add(of(subject));
        }
    }

    /// Takes what the packet costs out of its bucket, if it is there.
    fn take(&mut self, place: usize, limit: &Limit, subject: &Subject) -> bool {
        let bucket = match (limit.per, subject.ip.as_ref().map(|ip| ip.src)) {
            (LimitPer::Rule, _) => Bucket::Rule,
            (LimitPer::Source { .. }, None) => Bucket::NotIp,
            (LimitPer::Source { v4_bits, .. }, Some(IpAddr::V4(src))) => {
                Bucket::V4(u32::from(src).checked_shr(32 - u32::from(v4_bits)).unwrap_or(0))
            }
            (LimitPer::Source { v6_bits, .. }, Some(IpAddr::V6(src))) => {
                Bucket::V6(u128::from(src).checked_shr(128 - u32::from(v6_bits)).unwrap_or(0))
            }
        };
        let cost = if limit.unit == LimitUnit::Bytes { subject.length.into() } else { 1 };
        let used = self.used.entry((place, bucket)).or_default();
        let within = *used + cost <= limit.burst;
        *used += if within { cost } else { 0 };
        within
    }

    fn holds(&self, subject: &Subject, m: &Match) -> Holds {
        if !self.holds_around(subject, m) || !holds_of_ip(subject, m) {
            return Holds::No;
        }
        let (mut holds, mut unread) = (true, false);
        let mut ask = |answer: Option<bool>| match answer {
            Some(answer) => holds &= answer,
            None => unread = true,
        };
        let transport = subject.transport();
        // What cannot be read could only hold where the protocol has it.
        let protocol = subject.ip.as_ref().map(|ip| ip.protocol);
        let has_ports = matches!(protocol, Some(6 | 17 | 33 | 132 | 136));
        let (src_port, dst_port, kind, flags) = match transport {
            Transport::Other => (Some(None), Some(None), Some(None), Some(None)),
            Transport::Unreadable if has_ports => (None, None, Some(None), None),
            Transport::Unreadable => (Some(None), Some(None), None, Some(None)),
            Transport::Ports { src, dst } => (Some(Some(src)), Some(Some(dst)), Some(None), Some(None)),
            Transport::Tcp { src, dst, flags } => (Some(Some(src)), Some(Some(dst)), Some(None), flags.map(Some)),
            Transport::Icmp(kind) => (Some(None), Some(None), Some(Some(kind)), Some(None)),
        };
        let flags = if protocol == Some(6) { flags } else { Some(None) };
        if let Some(ports) = &m.src_port {
            ask(src_port.map(|port| port.is_some_and(|port| ports.contains(port))));
        }
        if let Some(ports) = &m.dst_port {
            ask(dst_port.map(|port| port.is_some_and(|port| ports.contains(port))));
        }
        if let Some(kinds) = &m.icmp_type {
            ask(kind.map(|kind| kind.is_some_and(|kind| kinds.iter().any(|range| range.contains(&kind)))));
        }
        if let Some(tests) = &m.tcp_flags {
            ask(flags.map(|flags| flags.is_some_and(|flags| tests.iter().any(|t| flags & t.mask == t.value))));
        }
        match (holds, unread) {
            (false, _) => Holds::No,
            (true, true) => Holds::AsFarAsRead,
            (true, false) => Holds::Yes,
        }
    }

    fn holds_around(&self, subject: &Subject, m: &Match) -> bool {
        let vlan = |test: &VlanTest| match (test, subject.vlan) {
            (VlanTest::Untagged, vlan) => vlan.is_none(),
            (VlanTest::Ids(ids), vlan) => vlan.is_some_and(|vlan| ids.contains(&vlan)),
        };
        m.length.as_ref().is_none_or(|all| all.iter().any(|range| range.contains(&subject.length)))
            && m.vlan.as_ref().is_none_or(|all| all.iter().any(vlan))
            && m.iface.as_ref().is_none_or(|all| all.iter().any(|name| name == self.iface))
            && m.ethertype.as_ref().is_none_or(|all| all.contains(&subject.ethertype))
            && m.src_mac.as_ref().is_none_or(|all| all.contains(&subject.src_mac))
            && m.dst_mac.as_ref().is_none_or(|all| all.contains(&subject.dst_mac))
    }
}

fn of(subject: &Subject) -> TrafficCounts {
    TrafficCounts { packets: 1, bytes: subject.length.into() }
}

fn holds_address(set: &Addresses, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => set.v4.as_slice().iter().any(|(first, last)| (first..=last).contains(&&address.into())),
        IpAddr::V6(address) => set.v6.as_slice().iter().any(|(first, last)| (first..=last).contains(&&address.into())),
    }
}

fn holds_of_ip(subject: &Subject, m: &Match) -> bool {
    let Some(ip) = &subject.ip else {
        return m.src.is_none() && m.dst.is_none() && m.protocol.is_none() && m.fragment.is_none();
    };
    let family = if ip.src.is_ipv4() { Family::V4 } else { Family::V6 };
    m.src.as_ref().is_none_or(|set| holds_address(set, ip.src))
        && m.dst.as_ref().is_none_or(|set| holds_address(set, ip.dst))
        && m.protocol.as_ref().is_none_or(|all| {
            all.iter().any(|p| p.number == ip.protocol && (p.family == Family::Any || p.family == family))
        })
        && m.fragment.is_none_or(|test| match test {
            FragmentTest::Any => ip.fragment != FragmentTest::Whole,
            test => ip.fragment == test,
        })
}

/// ARP, neighbour discovery, DHCP.
fn is_vital(subject: &Subject) -> bool {
    let Some(ip) = &subject.ip else { return subject.ethertype == 0x0806 };
    match (ip.protocol, ip.transport) {
        (17, Transport::Ports { dst, .. }) => matches!(dst, 67 | 68 | 546 | 547),
        (58, Transport::Icmp(kind)) => (133..=137).contains(&kind),
        _ => false,
    }
}
