//! Policies and frames at random, close enough together that they meet.

use super::rig::{IFACE, OTHER_IFACE};
use super::words::{block4, block6, policy as policy_of, rule};
use crate::packets::*;
use netrig_policy::Ranges;
use netrig_policy::words::{
    Action, Addresses, Family, FlagTest, FragmentTest, Limit, LimitPer, LimitUnit, Management, Match, Mode, Policy,
    Protocol, Rule, Target, Unreadable, VlanTest,
};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Those of [`ethernet`], and one of neither end.
const MACS: [[u8; 6]; 3] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0xff, 3]];
const PORTS: [u16; 8] = [0, 53, 67, 80, 443, 4789, 40_000, 65_535];
const PROTOCOLS: [u8; 11] = [1, 6, 6, 17, 17, 33, 44, 47, 58, 132, 136];
const ETHERTYPES: [u16; 5] = [IPV4, IPV6, 0x0806, 0x88cc, 0x8847];

fn v4() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => (0..2_u32, 1..5_u32).prop_map(|(a, b)| 0x0a00_0000 + (a << 16) + b),
        1 => any::<u32>(),
        1 => select(vec![0, 1, u32::MAX]),
    ]
}

fn v6() -> impl Strategy<Value = u128> {
    const BASE: u128 = 0x2001_0db8 << 96;
    prop_oneof![
        4 => (0..2_u128, 1..5_u128).prop_map(|(a, b)| BASE + (a << 64) + b),
        1 => any::<u128>(),
        1 => select(vec![0, 1, u128::MAX, 1 << 64, u128::from(u64::MAX) << 64]),
    ]
}

fn addresses() -> impl Strategy<Value = Addresses> {
    let bits4 = prop_oneof![4 => 0..3_u32, 2 => 8..20_u32, 1 => 0..=32_u32];
    let bits6 = prop_oneof![4 => 0..3_u32, 2 => 60..100_u32, 1 => 0..=128_u32];
    let v4 = vec((v4(), bits4).prop_map(|(at, bits)| block4(at, bits)), 0..5);
    let v6 = vec((v6(), bits6).prop_map(|(at, bits)| block6(at, bits)), 0..5);
    (v4, v6, 0..6_u8).prop_map(|(v4, v6, shape)| {
        let (v4, v6) = (Ranges::of(v4), Ranges::of(v6));
        match shape {
            0 => Addresses { v4: v4.complement(), v6: v6.complement() },
            1 => Addresses { v4, v6: Ranges::default() },
            2 => Addresses { v4: Ranges::default(), v6 },
            _ => Addresses { v4, v6 },
        }
    })
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => select(PORTS.to_vec()), 1 => any::<u16>()]
}

fn ports() -> impl Strategy<Value = Arc<Ranges<u16>>> {
    let one = prop_oneof![
        3 => port().prop_map(|port| (port, port)),
        2 => (port(), port()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ];
    vec(one, 1..4).prop_map(|all| Arc::new(Ranges::of(all)))
}

fn rarely<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    weighted(0.1, value)
}

fn list<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    vec(value, 1..3)
}

fn range<T: Ord + Copy + std::fmt::Debug>(end: impl Strategy<Value = T>) -> impl Strategy<Value = RangeInclusive<T>> {
    vec(end, 2).prop_map(|ends| ends[0].min(ends[1])..=ends[0].max(ends[1]))
}

fn criteria(sets: Vec<Arc<Addresses>>) -> impl Strategy<Value = Match> {
    let set = move || weighted(0.25, select(sets.clone()));
    let family = select(vec![Family::Any, Family::Any, Family::V4, Family::V6]);
    let protocol = (select(PROTOCOLS.to_vec()), family).prop_map(|(number, family)| Protocol { number, family });
    let flags = (any::<u8>(), any::<u8>(), 0..4_u8).prop_map(|(mask, value, few)| {
        let mask = if few > 0 { mask & 0x12 } else { mask };
        FlagTest { mask, value: value & mask }
    });
    let vlan =
        prop_oneof![Just(VlanTest::Untagged), range(0..6_u16).prop_map(VlanTest::Ids), Just(VlanTest::Ids(5..=4095))];
    let fragment = select(vec![FragmentTest::Whole, FragmentTest::Any, FragmentTest::First, FragmentTest::Later]);
    let length = prop_oneof![3 => range(14..120_u32), 1 => (60..1500_u32).prop_map(|least| least..=u32::MAX)];
    let kind = prop_oneof![range(any::<u8>()), select(vec![0, 8, 128, 132, 138]).prop_map(|kind| kind..=kind)];
    let of_ip = (set(), set(), rarely(ports()), weighted(0.2, ports()), weighted(0.25, list(protocol)));
    let within = (rarely(list(flags)), rarely(list(length)), rarely(list(vlan)), rarely(list(kind)), rarely(fragment));
    let mac = || rarely(list(select(MACS.to_vec())));
    let iface = select(vec![IFACE.to_owned(), IFACE.to_owned(), OTHER_IFACE.to_owned()]);
    let around = (rarely(list(iface)), rarely(list(select(ETHERTYPES.to_vec()))), mac(), mac());
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

fn limit() -> impl Strategy<Value = Limit> {
    let unit = prop_oneof![(Just(LimitUnit::Packets), 1..8_u64), (Just(LimitUnit::Bytes), 60..2000_u64)];
    let bits = select(vec![(32, 128), (24, 64), (8, 33), (0, 0), (31, 127), (16, 96)]);
    let bits = bits.prop_map(|(v4_bits, v6_bits)| LimitPer::Source { v4_bits, v6_bits });
    let per = prop_oneof![Just(LimitPer::Rule), bits];
    // A packet or a byte a second: nothing comes back while a test runs.
    (unit, per).prop_map(|((unit, burst), per)| Limit { unit, per_second: 1, burst, per, sources: 4096 })
}

fn action(cpus: u32) -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Drop),
        2 => Just(Action::Pass),
        2 => Just(Action::Count),
        1 => (1..4_u32).prop_map(|one_in| Action::Sample { one_in }),
        3 => limit().prop_map(Action::Limit),
        1 => Just(Action::Redirect(Target::Interface(IFACE.to_owned()))),
        1 => (0..cpus).prop_map(|cpu| Action::Redirect(Target::Cpu(cpu))),
    ]
}

/// Policies of few rules, and now and then of many.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get().min(2)) as u32;
    let size = prop_oneof![5 => 1..12_usize, 3 => 12..60_usize, 2 => 120..=200_usize];
    let rules = (vec(addresses().prop_map(Arc::new), 1..6), size).prop_flat_map(move |(sets, size)| {
        let mode = select(vec![Mode::Enforce, Mode::Enforce, Mode::Shadow]);
        vec((action(cpus), mode, vec(criteria(sets), 1..4)), size)
    });
    let management = prop_oneof![3 => Just(Addresses::default()), 1 => v4().prop_map(|one| Addresses {
        v4: Ranges::of(vec![(one, one)]),
        v6: Ranges::default(),
    })];
    (rules, any::<bool>(), management).prop_map(|(rules, drop, allow)| {
        // In a long policy few rules decide: packets are to come as far as its end.
        let long = rules.len() > 60;
        let rules: Vec<_> = (0..)
            .zip(rules)
            .map(|(place, (action, mode, alternatives))| {
                let mode = if long && place % 20 > 0 { Mode::Shadow } else { mode };
                Rule { mode, ..rule(&format!("r{place}"), action, alternatives) }
            })
            .collect();
        let fragments = if drop { Unreadable::Drop } else { Unreadable::Pass };
        let management = Management { auto: false, allow: Arc::new(allow) };
        Policy { fragments, management, ..policy_of(rules) }
    })
}

/// An IP packet that rules ask for: its EtherType and octets.
fn asked_for() -> BoxedStrategy<(u16, Vec<u8>)> {
    let payload = || prop_oneof![20 => vec(any::<u8>(), 0..60), 1 => Just(vec![7; 9_000])];
    let pair = || (port(), port());
    let flags = prop_oneof![select(vec![2, 16, 18, 17, 4]), any::<u8>()];
    let kind = prop_oneof![select(vec![0, 8, 128, 132, 138]), 133..138_u8, any::<u8>()];
    let carried = prop_oneof![
        4 => (pair(), flags, payload()).prop_map(|(ports, flags, rest)| (6, tcp(ports, flags, &rest))),
        4 => (pair(), payload()).prop_map(|(ports, rest)| (17, udp(ports, &rest))),
        1 => (pair(), payload(), select(vec![33, 132, 136])).prop_map(|(ports, rest, n)| (n, sctp(ports, &rest))),
        2 => (kind, select(vec![1, 58])).prop_map(|(kind, number)| (number, icmp(kind, 0, &[]))),
        1 => (select(vec![4, 41, 47, 50, 89, 255]), payload()),
    ];
    let fragment = select(vec![0, 0, 0, 0, 0, 0x4000, 0x2000, 0x2005, 0x0100]);
    let options = prop_oneof![5 => Just(0), 1 => 1..11_u8];
    let v4 = (v4(), v4(), options, fragment).prop_map(|(src, dst, options, fragment)| V4 {
        src: src.into(),
        dst: dst.into(),
        tos: 0,
        options,
        fragment,
    });
    let extension = prop_oneof![
        (select(vec![0, 43, 60]), 0..3_u8).prop_map(|(number, more)| Extension::Plain(number, more)),
        select(vec![0, 1, 8, 0xfff9]).prop_map(Extension::Fragment),
    ];
    let v6 = (v6(), v6(), prop_oneof![3 => Just(0..1_usize), 1 => Just(1..4_usize)])
        .prop_flat_map(move |(src, dst, count)| (Just((src, dst)), vec(extension.clone(), count)))
        .prop_map(|((src, dst), extensions)| V6 { src: src.into(), dst: dst.into(), class: 0, extensions });
    (carried, v4, v6, any::<bool>())
        .prop_map(
            |((protocol, rest), v4, v6, is_v6)| {
                if is_v6 { (IPV6, ipv6(&v6, protocol, &rest)) } else { (IPV4, ipv4(&v4, protocol, &rest)) }
            },
        )
        .boxed()
}

fn tagged((mut ethertype, mut rest): (u16, Vec<u8>), tags: &[u16]) -> (u16, Vec<u8>) {
    for tag in tags {
        rest = vlan(*tag, ethertype, &rest);
        ethertype = 0x8100;
    }
    (ethertype, rest)
}

/// A frame that a test run takes: at least an Ethernet header.
pub(crate) fn packet() -> impl Strategy<Value = Vec<u8>> {
    let tags = prop_oneof![4 => Just(Vec::new()), 1 => vec(prop_oneof![0..7_u16, any::<u16>()], 1..4)];
    let near = (asked_for(), tags).prop_map(|(typed, tags)| {
        let (ethertype, rest) = tagged(typed, &tags);
        ethernet(ethertype, &rest)
    });
    let end = prop_oneof![4 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    let near = (near, end).prop_map(|(mut frame, end)| {
        // Where headers are, not somewhere in nine thousand octets.
        let most = frame.len().min(120) + 1;
        if let Some(end) = end {
            frame.truncate(end.index(most));
        }
        frame
    });
    let all = prop_oneof![3 => near, 2 => frame()];
    let macs = (select(MACS.to_vec()), select(MACS.to_vec()));
    (all, macs).prop_map(|(mut frame, (src, dst))| {
        if frame.len() < 14 {
            frame.resize(14, 0);
        }
        frame[..6].copy_from_slice(&dst);
        frame[6..12].copy_from_slice(&src);
        frame
    })
}

/// Addresses as they are told.
#[test]
fn blocks_are_aligned() {
    assert_eq!(block4(u32::from(Ipv4Addr::new(10, 0, 0, 7)), 2), (0x0a00_0004, 0x0a00_0007));
    assert_eq!(block6(u128::from(Ipv6Addr::LOCALHOST), 128), (0, u128::MAX));
}
