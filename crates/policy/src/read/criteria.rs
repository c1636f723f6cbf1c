//! A conjunction on its way: what the keys of a match and of those around it demand together, until it is a [`Match`].

use super::names::{WITH_FLAGS, WITH_PORTS};
use crate::words::{Addresses, Family, FlagTest, FragmentTest, Match, Protocol, VlanTest};
use crate::{Number, Ranges};
use std::sync::Arc;

/// As [`Match`], in a form whose parts can be intersected.
#[derive(Clone, Debug, Default)]
pub(super) struct Criteria {
    pub(super) src: Option<Arc<Addresses>>,
    pub(super) dst: Option<Arc<Addresses>>,
    pub(super) src_port: Option<Arc<Ranges<u16>>>,
    pub(super) dst_port: Option<Arc<Ranges<u16>>>,
    pub(super) protocol: Option<Vec<Protocol>>,
    pub(super) tcp_flags: Option<Vec<FlagTest>>,
    pub(super) length: Option<Ranges<u32>>,
    pub(super) vlan: Option<Vlans>,
    pub(super) icmp_type: Option<IcmpTypes>,
    pub(super) fragment: Option<FragmentTest>,
    pub(super) iface: Option<Vec<String>>,
    pub(super) ethertype: Option<Vec<u16>>,
    pub(super) src_mac: Option<Vec<[u8; 6]>>,
    pub(super) dst_mac: Option<Vec<[u8; 6]>>,
}

/// VLANs that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vlans {
    pub(super) untagged: bool,
    pub(super) ids: Ranges<u16>,
}

/// Types of ICMP and of ICMPv6 that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IcmpTypes {
    pub(super) v4: Ranges<u8>,
    pub(super) v6: Ranges<u8>,
}

impl IcmpTypes {
    pub(super) fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }
}

/// Tests of flags that one conjunction may have.
const FLAG_TESTS_MAX: usize = 256;

/// Why two criteria of one kind do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clash {
    /// No packet can satisfy both.
    Nothing,
    /// Both together are too many.
    TooMany,
}

impl Criteria {
    /// Both at once; else the keys that do not go together.
    pub(super) fn and(&self, own: &Self) -> Result<Self, Vec<(&'static str, Clash)>> {
        let mut clashes = Vec::new();
        let mut keep = Keep { clashes: &mut clashes };
        let both = Self {
            src: keep.both("src", &self.src, &own.src, |a, b| Ok(both_addresses(a, b))),
            dst: keep.both("dst", &self.dst, &own.dst, |a, b| Ok(both_addresses(a, b))),
            src_port: keep.both("src_port", &self.src_port, &own.src_port, |a, b| Ok(both_ports(a, b))),
            dst_port: keep.both("dst_port", &self.dst_port, &own.dst_port, |a, b| Ok(both_ports(a, b))),
            protocol: keep.both("protocol", &self.protocol, &own.protocol, |a, b| some(both_protocols(a, b))),
            tcp_flags: keep.both("tcp_flags", &self.tcp_flags, &own.tcp_flags, |a, b| both_flags(a, b)),
            length: keep.both("length", &self.length, &own.length, |a, b| filled(a.intersection(b))),
            vlan: keep.both("vlan", &self.vlan, &own.vlan, |a, b| {
                let both = Vlans { untagged: a.untagged && b.untagged, ids: a.ids.intersection(&b.ids) };
                if both == Vlans::default() { Err(Clash::Nothing) } else { Ok(both) }
            }),
            icmp_type: keep.both("icmp_type", &self.icmp_type, &own.icmp_type, |a, b| {
                let both = IcmpTypes { v4: a.v4.intersection(&b.v4), v6: a.v6.intersection(&b.v6) };
                if both == IcmpTypes::default() { Err(Clash::Nothing) } else { Ok(both) }
            }),
            fragment: keep.both("fragment", &self.fragment, &own.fragment, |a, b| match (a, b) {
                (a, b) if a == b => Ok(*a),
                (FragmentTest::Any, part @ (FragmentTest::First | FragmentTest::Later))
                | (part @ (FragmentTest::First | FragmentTest::Later), FragmentTest::Any) => Ok(*part),
                _ => Err(Clash::Nothing),
            }),
            iface: keep.both("iface", &self.iface, &own.iface, |a, b| some(common(a, b))),
            ethertype: keep.both("ethertype", &self.ethertype, &own.ethertype, |a, b| some(common(a, b))),
            src_mac: keep.both("src_mac", &self.src_mac, &own.src_mac, |a, b| some(common(a, b))),
            dst_mac: keep.both("dst_mac", &self.dst_mac, &own.dst_mac, |a, b| some(common(a, b))),
        };
        if clashes.is_empty() { Ok(both) } else { Err(clashes) }
    }

    /// The keys whose addresses or ports are none at all.
    pub(super) fn empty_sets(&self) -> impl Iterator<Item = &'static str> {
        let addresses = |set: &Option<Arc<Addresses>>| set.as_ref().is_some_and(|set| set.is_empty());
        let ports = |set: &Option<Arc<Ranges<u16>>>| set.as_ref().is_some_and(|set| set.is_empty());
        let keys = [
            ("src", addresses(&self.src)),
            ("dst", addresses(&self.dst)),
            ("src_port", ports(&self.src_port)),
            ("dst_port", ports(&self.dst_port)),
        ];
        keys.into_iter().filter(|(_, empty)| *empty).map(|(key, _)| key)
    }

    /// What it is in the words of the policy: two where a name of an ICMP type stands for two numbers.
    ///
    /// # Errors
    /// A sentence when no packet can have all that is asked for.
    pub(super) fn into_matches(self) -> Result<Vec<Match>, String> {
        self.check_layers()?;
        let Some(types) = &self.icmp_type else {
            return Ok(vec![self.into_match(None)]);
        };
        let asked = self.protocol.as_deref();
        let of = |number, family| {
            let is = |p: &&Protocol| p.number == number && p.family != other(family);
            asked.is_none_or(|asked| asked.iter().any(|p| is(&p)))
        };
        let (v4, v6) = (of(1, Family::V4), of(58, Family::V6));
        let v4 = if v4 { types.v4.clone() } else { Ranges::default() };
        let v6 = if v6 { types.v6.clone() } else { Ranges::default() };
        if v4.is_empty() && v6.is_empty() {
            let families = "no such type is of the ICMP that `protocol` asks for";
            return Err(if asked.is_some() { families.to_owned() } else { "no type is left".to_owned() });
        }
        if v4 == v6 {
            return Ok(vec![self.into_match(Some(v4))]);
        }
        let mut matches = Vec::new();
        for (number, family, types) in [(1, Family::V4, v4), (58, Family::V6, v6)] {
            if !types.is_empty() {
                let one = Self { protocol: Some(vec![Protocol { number, family }]), ..self.clone() };
                matches.push(one.into_match(Some(types)));
            }
        }
        Ok(matches)
    }

    /// Whether one packet can have all that is asked for.
    fn check_layers(&self) -> Result<(), String> {
        let protocol_of = |wanted: &[u8]| {
            self.protocol.as_deref().is_none_or(|asked| asked.iter().any(|p| wanted.contains(&p.number)))
        };
        let ports = self.src_port.is_some() || self.dst_port.is_some();
        if ports && !protocol_of(WITH_PORTS) {
            return Err("only TCP, UDP, SCTP, DCCP and UDP-Lite have ports, and `protocol` is none of them".to_owned());
        }
        if self.tcp_flags.is_some() && !protocol_of(WITH_FLAGS) {
            return Err("only TCP has `tcp_flags`, and `protocol` is another".to_owned());
        }
        if self.icmp_type.is_some() && !protocol_of(&[1, 58]) {
            return Err("only ICMP and ICMPv6 have an `icmp_type`, and `protocol` is neither".to_owned());
        }
        if self.icmp_type.is_some() && (ports || self.tcp_flags.is_some()) {
            return Err("ICMP has neither ports nor TCP flags, and `icmp_type` asks for ICMP".to_owned());
        }
        let ip = ports
            || [self.src.is_some(), self.dst.is_some(), self.protocol.is_some(), self.tcp_flags.is_some()]
                .contains(&true)
            || self.icmp_type.is_some()
            || self.fragment.is_some();
        if ip && self.ethertype.as_ref().is_some_and(|asked| !asked.iter().any(|e| matches!(e, 0x0800 | 0x86dd))) {
            return Err("what other keys ask for only IP has, and `ethertype` is neither ipv4 nor ipv6".to_owned());
        }
        Ok(())
    }

    fn into_match(self, icmp_types: Option<Ranges<u8>>) -> Match {
        Match {
            src: self.src,
            dst: self.dst,
            src_port: self.src_port,
            dst_port: self.dst_port,
            protocol: self.protocol,
            tcp_flags: self.tcp_flags,
            length: self.length.map(|ranges| inclusive(&ranges)),
            vlan: self.vlan.map(|vlans| {
                let untagged = vlans.untagged.then_some(VlanTest::Untagged);
                untagged.into_iter().chain(inclusive(&vlans.ids).into_iter().map(VlanTest::Ids)).collect()
            }),
            icmp_type: icmp_types.map(|types| inclusive(&types)),
            fragment: self.fragment,
            iface: self.iface,
            ethertype: self.ethertype,
            src_mac: self.src_mac,
            dst_mac: self.dst_mac,
        }
    }
}

/// Collects the keys that clash.
struct Keep<'a> {
    clashes: &'a mut Vec<(&'static str, Clash)>,
}

impl Keep<'_> {
    fn both<T: Clone>(
        &mut self,
        key: &'static str,
        around: &Option<T>,
        own: &Option<T>,
        meet: impl Fn(&T, &T) -> Result<T, Clash>,
    ) -> Option<T> {
        let (Some(a), Some(b)) = (around, own) else { return around.clone().or_else(|| own.clone()) };
        meet(a, b).map_err(|clash| self.clashes.push((key, clash))).ok()
    }
}

fn other(family: Family) -> Family {
    if family == Family::V4 { Family::V6 } else { Family::V4 }
}

fn inclusive<T: Number>(ranges: &Ranges<T>) -> Vec<std::ops::RangeInclusive<T>> {
    ranges.as_slice().iter().map(|(first, last)| *first..=*last).collect()
}

fn filled<T: Number>(ranges: Ranges<T>) -> Result<Ranges<T>, Clash> {
    if ranges.is_empty() { Err(Clash::Nothing) } else { Ok(ranges) }
}

fn some<T>(values: Vec<T>) -> Result<Vec<T>, Clash> {
    if values.is_empty() { Err(Clash::Nothing) } else { Ok(values) }
}

/// Sets come from files that change: that nothing is common today is no error.
fn both_addresses(a: &Arc<Addresses>, b: &Arc<Addresses>) -> Arc<Addresses> {
    if Arc::ptr_eq(a, b) {
        return a.clone();
    }
    Arc::new(Addresses { v4: a.v4.intersection(&b.v4), v6: a.v6.intersection(&b.v6) })
}

fn both_ports(a: &Arc<Ranges<u16>>, b: &Arc<Ranges<u16>>) -> Arc<Ranges<u16>> {
    if Arc::ptr_eq(a, b) { a.clone() } else { Arc::new(a.intersection(b)) }
}

fn common<T: Clone + PartialEq>(a: &[T], b: &[T]) -> Vec<T> {
    a.iter().filter(|value| b.contains(value)).cloned().collect()
}

fn both_protocols(a: &[Protocol], b: &[Protocol]) -> Vec<Protocol> {
    let pairs = a.iter().flat_map(|a| b.iter().filter(|b| b.number == a.number).map(move |b| (a, b)));
    let mut both: Vec<_> = pairs
        .filter_map(|(a, b)| match (a.family, b.family) {
            (Family::Any, _) => Some(*b),
            (_, Family::Any) => Some(*a),
            (of_a, of_b) => (of_a == of_b).then_some(*a),
        })
        .collect();
    both.sort_unstable();
    both.dedup();
    both
}

fn both_flags(a: &[FlagTest], b: &[FlagTest]) -> Result<Vec<FlagTest>, Clash> {
    let mut both = Vec::new();
    for (a, b) in a.iter().flat_map(|a| b.iter().map(move |b| (a, b))) {
        let agree = a.mask & b.mask;
        let test = FlagTest { mask: a.mask | b.mask, value: a.value | b.value };
        if a.value & agree == b.value & agree && !both.contains(&test) {
            both.push(test);
        }
        if both.len() > FLAG_TESTS_MAX {
            return Err(Clash::TooMany);
        }
    }
    some(both)
}
