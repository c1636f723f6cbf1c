//! A packet as a policy sees it, and what a policy says of it, word for word: the judge of the tables.

use netrig_policy::tables::{Checks, PortClasses, Row, Tables};
use netrig_policy::words::{Action, Family, FragmentTest, Match, Mode, Policy, Unreadable, VlanTest};
use netrig_policy::{Key, World};
use std::net::IpAddr;

/// One packet.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    /// `None`: it is not IP, and the addresses do not count.
    pub(crate) protocol: Option<u8>,
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    pub(crate) icmp_type: u8,
    pub(crate) tcp_flags: u8,
    pub(crate) fragment: FragmentTest,
    /// Cut before its ports or its ICMP type.
    pub(crate) cut: bool,
    /// Cut after them, before its flags.
    pub(crate) flags_cut: bool,
    pub(crate) length: u32,
    pub(crate) vlan: Option<u16>,
    pub(crate) iface: &'static str,
    pub(crate) ethertype: u16,
    pub(crate) src_mac: [u8; 6],
    pub(crate) dst_mac: [u8; 6],
}

/// What is to be known of whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holds {
    No,
    /// All that can be read does.
    Unread,
    Yes,
}

impl Subject {
    pub(crate) fn is_v4(&self) -> bool {
        self.src.is_ipv4()
    }

    pub(crate) fn kind(&self) -> usize {
        self.protocol.map_or(512, |protocol| usize::from(protocol) + if self.is_v4() { 0 } else { 256 })
    }

    /// Passes before all rules.
    pub(crate) fn always_passes(&self) -> bool {
        let read = self.protocol.is_some() && !self.unread();
        let dhcp = read && self.protocol == Some(17) && [67, 68, 546, 547].contains(&self.dst_port);
        let discovery = read && self.kind() == 256 + 58 && (133..=137).contains(&self.icmp_type);
        dhcp || discovery || self.protocol.is_none() && self.ethertype == 0x0806
    }

    fn has_ports(&self) -> bool {
        self.protocol.is_some_and(|protocol| [6, 17, 33, 132, 136].contains(&protocol))
    }

    fn has_type(&self) -> bool {
        self.kind() == 1 || self.kind() == 256 + 58
    }

    /// What stands behind the IP header is not there.
    fn unread(&self) -> bool {
        (self.has_ports() || self.has_type()) && (self.cut || self.fragment == FragmentTest::Later)
    }

    fn flags_unread(&self) -> bool {
        self.unread() || self.flags_cut
    }

    fn port(&self, port: u16) -> usize {
        match (self.has_ports(), self.unread()) {
            (false, _) => PortClasses::NONE,
            (true, true) => PortClasses::UNREADABLE,
            (true, false) => port.into(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        let address = |address| self.protocol.map(|_| address);
        Key {
            kind: self.kind(),
            src: address(self.src),
            dst: address(self.dst),
            src_port: self.port(self.src_port),
            dst_port: self.port(self.dst_port),
        }
    }

    /// Whether a conjunction holds, criterion by criterion.
    pub(crate) fn fulfils(&self, m: &Match) -> Holds {
        let ip = self.protocol.is_some();
        let address = |set: &netrig_policy::words::Addresses, address| match address {
            IpAddr::V4(address) => set.contains_v4(address),
            IpAddr::V6(address) => set.contains_v6(address),
        };
        let readable = [
            m.src.as_ref().is_none_or(|set| ip && address(set, self.src)),
            m.dst.as_ref().is_none_or(|set| ip && address(set, self.dst)),
            m.protocol.as_ref().is_none_or(|all| {
                let family = if self.is_v4() { Family::V4 } else { Family::V6 };
                all.iter().any(|p| self.protocol == Some(p.number) && [Family::Any, family].contains(&p.family))
            }),
            m.length.as_ref().is_none_or(|all| all.iter().any(|range| range.contains(&self.length))),
            m.vlan.as_ref().is_none_or(|all| {
                all.iter().any(|test| match (test, &self.vlan) {
                    (VlanTest::Untagged, vlan) => vlan.is_none(),
                    (VlanTest::Ids(ids), vlan) => vlan.is_some_and(|vlan| ids.contains(&vlan)),
                })
            }),
            m.fragment.is_none_or(|test| ip && is_fragment(test, self.fragment)),
            m.iface.as_ref().is_none_or(|all| all.iter().any(|name| name == self.iface)),
            m.ethertype.as_ref().is_none_or(|all| all.contains(&self.ethertype)),
            m.src_mac.as_ref().is_none_or(|all| all.contains(&self.src_mac)),
            m.dst_mac.as_ref().is_none_or(|all| all.contains(&self.dst_mac)),
            // Of nothing, not even what cannot be read is one.
            [&m.src_port, &m.dst_port].into_iter().flatten().all(|ports| !ports.is_empty()),
            m.icmp_type.as_ref().is_none_or(|types| !types.is_empty()),
            m.tcp_flags.as_ref().is_none_or(|tests| tests.iter().any(|test| test.value & !test.mask == 0)),
            // Whether it is of the right kind is readable, whatever else is not.
            m.src_port.is_none() && m.dst_port.is_none() || self.has_ports(),
            m.icmp_type.is_none() || self.has_type(),
            m.tcp_flags.is_none() || self.protocol == Some(6),
        ];
        let ports = |set: &Option<_>, port| {
            set.as_ref().map(|set: &std::sync::Arc<netrig_policy::Ranges<u16>>| set.contains(port))
        };
        let unread = [
            (ports(&m.src_port, self.src_port), self.unread()),
            (ports(&m.dst_port, self.dst_port), self.unread()),
            (m.icmp_type.as_ref().map(|all| all.iter().any(|range| range.contains(&self.icmp_type))), self.unread()),
            (
                m.tcp_flags.as_ref().map(|all| all.iter().any(|test| self.tcp_flags & test.mask == test.value)),
                self.flags_unread(),
            ),
        ];
        let unread = unread.into_iter().map(|(holds, unread)| match holds {
            None => Holds::Yes,
            Some(_) if unread => Holds::Unread,
            Some(true) => Holds::Yes,
            Some(false) => Holds::No,
        });
        if readable.into_iter().all(|holds| holds) { unread.min().unwrap_or(Holds::Yes) } else { Holds::No }
    }

    /// Whether the checks of a row hold.
    fn passes(&self, row: &Row, world: &World) -> Holds {
        let Checks { length, vlan, icmp_type, tcp_flags, fragment, ifindex, ethertype, src_mac, dst_mac } = &row.checks;
        let readable = length.is_none_or(|(first, last)| (first..=last).contains(&self.length))
            && vlan.is_none_or(|ids| match (ids, self.vlan) {
                (None, vlan) => vlan.is_none(),
                (Some((first, last)), vlan) => vlan.is_some_and(|vlan| (first..=last).contains(&vlan)),
            })
            && fragment.is_none_or(|test| is_fragment(test, self.fragment))
            && ifindex.is_none_or(|ifindex| world.interfaces[self.iface] == ifindex)
            && ethertype.is_none_or(|ethertype| ethertype == self.ethertype)
            && src_mac.is_none_or(|mac| mac == self.src_mac)
            && dst_mac.is_none_or(|mac| mac == self.dst_mac);
        let types = self.unread() || icmp_type.is_none_or(|(first, last)| (first..=last).contains(&self.icmp_type));
        let flags = self.flags_unread() || tcp_flags.is_none_or(|(mask, value)| self.tcp_flags & mask == value);
        let unread = row.needs_transport && (self.unread() || self.flags_unread() && tcp_flags.is_some());
        match (readable && types && flags, unread) {
            (false, _) => Holds::No,
            (true, true) => Holds::Unread,
            (true, false) => Holds::Yes,
        }
    }
}

fn is_fragment(test: FragmentTest, fragment: FragmentTest) -> bool {
    match test {
        FragmentTest::Any => fragment != FragmentTest::Whole,
        test => test == fragment,
    }
}

/// Whether packets may end by it.
pub(crate) fn acts(action: &Action) -> bool {
    !matches!(action, Action::Pass | Action::Count | Action::Sample { .. })
}

/// Whether a rule that holds like this has matched.
fn matches(holds: Holds, acts: bool, unreadable: Unreadable) -> bool {
    holds == Holds::Yes || holds == Holds::Unread && acts && unreadable == Unreadable::Drop
}

/// The rules of a policy that match a packet up to the one that decides, by their places, and whether it was unreadable
/// there: as the policy says it.
pub(crate) fn by_words(policy: &Policy, allowed: bool, packet: &Subject) -> Vec<(usize, bool)> {
    if allowed {
        return vec![(1, false)];
    }
    let mut matched = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate() {
        let acts = acts(&rule.action);
        let mut alternatives = rule.alternatives.iter().map(|alternative| packet.fulfils(alternative));
        if let Some(holds) = alternatives.find(|holds| matches(*holds, acts, policy.fragments)) {
            matched.push((place + 2, holds == Holds::Unread));
            if rule.mode == Mode::Enforce && !matches!(rule.action, Action::Count | Action::Sample { .. }) {
                break;
            }
        }
    }
    matched
}

/// The same as the tables say it.
pub(crate) fn by_tables(tables: &Tables, world: &World, packet: &Subject) -> Vec<(usize, bool)> {
    use netrig_policy::tables::Act;
    let mut matched: Vec<(usize, bool)> = Vec::new();
    for row in tables.candidates(&packet.key()) {
        let row = &tables.rows[row];
        let place = usize::from(row.rule);
        let rule = &tables.rules[place];
        let acts = !matches!(rule.act, Act::Pass | Act::Count | Act::Sample(_));
        let holds = packet.passes(row, world);
        if matched.last().is_some_and(|(last, _)| *last == place) || !matches(holds, acts, tables.unreadable) {
            continue;
        }
        matched.push((place, holds == Holds::Unread));
        if rule.mode == Mode::Enforce && !matches!(rule.act, Act::Count | Act::Sample(_)) {
            break;
        }
    }
    matched
}

/// What is left of a policy some seconds after it was applied: rules whose time is over match nothing.
pub(crate) fn after(policy: &Policy, seconds: u64) -> Policy {
    let mut policy = policy.clone();
    let over = |rule: &&mut netrig_policy::words::Rule| rule.ttl.is_some_and(|ttl| ttl.as_secs() <= seconds);
    policy.rules.iter_mut().filter(over).for_each(|rule| rule.alternatives.clear());
    policy
}

/// Whether a packet's source is in a set.
pub(crate) fn is_from(packet: &Subject, set: &netrig_policy::words::Addresses) -> bool {
    packet.protocol.is_some()
        && match packet.src {
            IpAddr::V4(src) => set.contains_v4(src),
            IpAddr::V6(src) => set.contains_v6(src),
        }
}
