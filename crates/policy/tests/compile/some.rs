//! Policies, packets and sets at random, close enough together that they meet.

use crate::subject::Subject;
use netrig_policy::words::{
    Action, Addresses, Family, FlagTest, FragmentTest, Limit, LimitPer, LimitUnit, Management, Match, Mode, Policy,
    Protocol, Rule, Target, Unreadable, VlanTest,
};
use netrig_policy::{Ranges, World};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

const IFACES: [&str; 2] = ["eth0", "eth1"];
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

pub(crate) fn world(management: Arc<Addresses>) -> World {
    let interfaces = IFACES.iter().zip(3..).map(|(name, index)| ((*name).to_owned(), index)).collect();
    World { interfaces, cpus: 2, management, ..World::default() }
}

/// An IPv4 address that sets of [`addresses`] often begin, end or touch at.
pub(crate) fn v4() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => (0..6_u32, 0..3_u32).prop_map(|(a, b)| 0x0a00_0000 + (a << 16) + b),
        1 => select(vec![0, 1, u32::MAX - 1, u32::MAX]),
        1 => any::<u32>(),
    ]
}

/// The same of IPv6: often within one /64.
pub(crate) fn v6() -> impl Strategy<Value = u128> {
    const BASE: u128 = 0x2001_0db8 << 96;
    prop_oneof![
        4 => (0..3_u128, 0..4_u128).prop_map(|(a, b)| BASE + (a << 64) + b),
        1 => (0..3_u128).prop_map(|a| BASE + (a << 64) + u128::from(u64::MAX)),
        1 => (0..4_u128).prop_map(|a| (0x2001 + a) << 112),
        1 => select(vec![0, 1, u128::MAX - 1, u128::MAX, 1 << 64, (u64::MAX as u128) << 64]),
        1 => any::<u128>(),
    ]
}

fn ranges<T: netrig_policy::Number + std::fmt::Debug>(
    number: impl Strategy<Value = T>,
    all_bits: u32,
    block: impl Fn(T, u32) -> (T, T),
) -> impl Strategy<Value = Vec<(T, T)>> {
    let bits = prop_oneof![3 => Just(0), 2 => 0..=all_bits / 2, 1 => 0..=all_bits];
    let (one, two) = ((number, bits), any::<bool>());
    vec((one, two), 0..5).prop_map(move |all| all.into_iter().map(|((at, bits), _)| block(at, bits)).collect())
}

fn block4(at: u32, bits: u32) -> (u32, u32) {
    let mask = if bits == 32 { u32::MAX } else { (1 << bits) - 1 };
    (at & !mask, at | mask)
}

fn block6(at: u128, bits: u32) -> (u128, u128) {
    let mask = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
    (at & !mask, at | mask)
}

pub(crate) fn addresses() -> impl Strategy<Value = Addresses> {
    let some = (ranges(v4(), 32, block4), ranges(v6(), 128, block6), 0..8_u8);
    some.prop_map(|(v4, v6, shape)| {
        let (v4, v6) = (Ranges::of(v4), Ranges::of(v6));
        match shape {
            0 => Addresses { v4: v4.complement(), v6: v6.complement() },
            1 => Addresses { v4, v6: Ranges::default() },
            2 => Addresses { v4: Ranges::default(), v6 },
            _ => Addresses { v4, v6 },
        }
    })
}

pub(crate) fn ports() -> impl Strategy<Value = Ranges<u16>> {
    let end = || prop_oneof![4 => 20..30_u16, 1 => select(vec![0, 1, 65534, 65535]), 1 => any::<u16>()];
    let range = prop_oneof![end().prop_map(|port| (port, port)), (end(), end())];
    vec(range, 0..4).prop_map(Ranges::of)
}

fn list<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = values.len().min(3);
    subsequence(values, 0..=most)
}

fn rarely<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.2, value)
}

fn range<T: Ord + Copy + std::fmt::Debug>(end: impl Strategy<Value = T>) -> impl Strategy<Value = RangeInclusive<T>> {
    vec(end, 2).prop_map(|ends| ends[0].min(ends[1])..=ends[0].max(ends[1]))
}

const PROTOCOLS: [u8; 7] = [1, 6, 17, 33, 58, 47, 0];

/// A conjunction; its sets are often among those given.
pub(crate) fn criteria(sets: Vec<Arc<Addresses>>) -> impl Strategy<Value = Match> {
    let set = move || prop::option::weighted(0.4, select(sets.clone()));
    let port = || rarely(ports().prop_map(Arc::new));
    let protocol = (select(PROTOCOLS.to_vec()), select(vec![Family::Any, Family::Any, Family::V4, Family::V6]));
    let protocol = protocol.prop_map(|(number, family)| Protocol { number, family });
    let flags =
        (0..32_u8, 0..32_u8).prop_map(|(mask, value)| FlagTest { mask: mask | value & 16, value: value & (mask | 17) });
    let vlan = prop_oneof![Just(VlanTest::Untagged), range(1..5_u16).prop_map(VlanTest::Ids)];
    let fragment = select(vec![FragmentTest::Whole, FragmentTest::Any, FragmentTest::First, FragmentTest::Later]);
    let of_ip = (set(), set(), port(), port(), prop::option::of(vec(protocol, 0..3)));
    let within = (
        rarely(vec(flags, 0..3)),
        rarely(vec(range(58..66_u32), 1..3)),
        rarely(vec(vlan, 1..3)),
        rarely(vec(range(0..8_u8), 0..3)),
        rarely(fragment),
    );
    let around = (
        rarely(list(IFACES.map(str::to_owned).to_vec())),
        rarely(list(vec![0x0800, 0x86dd, 0x0806])),
        rarely(list(MACS.to_vec())),
        rarely(list(MACS.to_vec())),
    );
    (of_ip, within, around).prop_map(|(of_ip, within, around)| {
        let (src, dst, src_port, dst_port, protocol) = of_ip;
        let (tcp_flags, length, vlan, icmp_type, fragment) = within;
        let (iface, ethertype, src_mac, dst_mac) = around;
        Match {
            src,
            dst,
            src_port,
            dst_port,
            protocol,
            tcp_flags,
            length,
            vlan,
            icmp_type,
            fragment,
            iface,
            ethertype,
            src_mac,
            dst_mac,
        }
    })
}

pub(crate) fn limit() -> Limit {
    let per = LimitPer::Source { v4_bits: 32, v6_bits: 64 };
    Limit { unit: LimitUnit::Packets, per_second: 10, burst: 10, per, sources: 1000 }
}

fn action() -> impl Strategy<Value = Action> {
    select(vec![
        Action::Drop,
        Action::Drop,
        Action::Pass,
        Action::Count,
        Action::Sample { one_in: 10 },
        Action::Limit(limit()),
        Action::Redirect(Target::Interface("eth1".to_owned())),
        Action::Redirect(Target::Cpu(1)),
        Action::SynGuard { above_per_second: 100 },
    ])
}

/// A rule of this name.
pub(crate) fn rule(id: &str, action: Action, alternatives: Vec<Match>) -> Rule {
    Rule {
        id: id.to_owned(),
        comment: None,
        owner: None,
        ttl: None,
        mode: Mode::Enforce,
        action,
        alternatives,
        line: 1,
    }
}

/// A policy of these rules; each stands on the line of its place, from 10.
pub(crate) fn policy_of(mut rules: Vec<Rule>) -> Policy {
    rules.iter_mut().zip((1..).map(|place| place * 10)).for_each(|(rule, line)| rule.line = line);
    let management = Management { auto: false, allow: Arc::default() };
    Policy { rules, fragments: Unreadable::Pass, persist: false, management, interfaces: Vec::new() }
}

/// A policy of up to so many rules, and its management allow-list.
pub(crate) fn policy(rules_max: usize) -> impl Strategy<Value = Policy> {
    let shared = vec(addresses().prop_map(Arc::new), 1..5);
    let rules = shared.prop_flat_map(move |sets| {
        let mode = select(vec![Mode::Enforce, Mode::Enforce, Mode::Enforce, Mode::Shadow]);
        let ttl = rarely((1..4_u64).prop_map(Duration::from_secs));
        vec((action(), mode, ttl, vec(criteria(sets), 1..4)), 0..=rules_max)
    });
    let management = prop_oneof![3 => Just(Addresses::default()), 1 => addresses()];
    (rules, any::<bool>(), management).prop_map(|(rules, drop, allow)| {
        let rules = rules.into_iter().enumerate().map(|(place, (action, mode, ttl, alternatives))| Rule {
            mode,
            ttl,
            ..rule(&format!("r{place}"), action, alternatives)
        });
        let fragments = if drop { Unreadable::Drop } else { Unreadable::Pass };
        let management = Management { auto: false, allow: Arc::new(allow) };
        Policy { fragments, management, ..policy_of(rules.collect()) }
    })
}

pub(crate) fn packet() -> impl Strategy<Value = Subject> {
    let addresses = prop_oneof![
        (v4(), v4()).prop_map(|(a, b)| (IpAddr::V4(Ipv4Addr::from(a)), IpAddr::V4(Ipv4Addr::from(b)))),
        (v6(), v6()).prop_map(|(a, b)| (IpAddr::V6(Ipv6Addr::from(a)), IpAddr::V6(Ipv6Addr::from(b)))),
    ];
    let port = || prop_oneof![4 => 18..32_u16, 1 => select(vec![0, 65535])];
    let protocol = prop::option::weighted(0.85, prop_oneof![4 => select(PROTOCOLS.to_vec()), 1 => any::<u8>()]);
    let fragment = select(vec![FragmentTest::Whole, FragmentTest::Whole, FragmentTest::First, FragmentTest::Later]);
    let of_ip = (addresses, protocol, port(), port(), 0..8_u8, 0..64_u8, fragment);
    let cut = (0..10_u8, 57..67_u32, prop::option::of(1..6_u16));
    let around =
        (select(IFACES.to_vec()), select(vec![0x0806, 0x0800, 0x88cc]), select(MACS.to_vec()), select(MACS.to_vec()));
    (of_ip, cut, around).prop_map(|(of_ip, (cut, length, vlan), (iface, ethertype, src_mac, dst_mac))| {
        let ((src, dst), protocol, src_port, dst_port, icmp_type, tcp_flags, fragment) = of_ip;
        let ip = if src.is_ipv4() { 0x0800 } else { 0x86dd };
        // What is cut is not a fragment too, for the sake of few cases; nor is what is not IP.
        let whole = cut < 2 || protocol.is_none();
        Subject {
            src,
            dst,
            protocol,
            src_port,
            dst_port,
            icmp_type,
            tcp_flags,
            fragment: if whole { FragmentTest::Whole } else { fragment },
            cut: cut == 0,
            flags_cut: cut == 1 && protocol == Some(6),
            length,
            vlan,
            iface,
            ethertype: if protocol.is_some() { ip } else { ethertype },
            src_mac,
            dst_mac,
        }
    })
}
