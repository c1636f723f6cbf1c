//! All kinds of packets, any of them inside any tunnel.

use super::build::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Few addresses and ports, so that flows meet again and the two ways of one pair up.
fn v4_address() -> impl Strategy<Value = Ipv4Addr> {
    (1..4u8).prop_map(|n| Ipv4Addr::new(10, 0, 0, n))
}

fn v6_address() -> impl Strategy<Value = Ipv6Addr> {
    (1..4u16).prop_map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n))
}

fn ports() -> impl Strategy<Value = (u16, u16)> {
    let port = || prop_oneof![select(&[53u16, 80, 443, 40_000, 4789, 6081][..]), any::<u16>()];
    (port(), port())
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..80)
}

/// A protocol number and what it carries.
type Carried = (u8, Vec<u8>);

fn transport() -> impl Strategy<Value = Carried> {
    prop_oneof![
        4 => (ports(), any::<u8>(), payload()).prop_map(|(p, flags, rest)| (6, tcp(p, flags, &rest))),
        4 => (ports(), payload()).prop_map(|(p, rest)| (17, udp(p, &rest))),
        1 => (ports(), payload(), select(&[132u8, 33, 136][..])).prop_map(|(p, rest, n)| (n, sctp(p, &rest))),
        2 => (any::<u8>(), 0..3u8, payload(), select(&[1u8, 58][..])).prop_map(|(k, c, rest, n)| (n, icmp(k, c, &rest))),
        // Anything, also what must not be mistaken for the headers its number promises.
        2 => (any::<u8>(), payload()),
    ]
}

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        4 => (select(&[0u8, 43, 60, 135, 139, 140][..]), 0..4u8).prop_map(|(n, more)| Extension::Plain(n, more)),
        1 => (1..6u8).prop_map(Extension::Authentication),
        2 => select(&[0u16, 1, 8, 0x0571, 0xfff8][..]).prop_map(Extension::Fragment),
    ]
}

/// An EtherType and what it carries.
type Typed = (u16, Vec<u8>);

fn ip_around(carried: impl Strategy<Value = Carried> + 'static) -> BoxedStrategy<Typed> {
    let fragment =
        prop_oneof![6 => Just(0u16), 1 => Just(0x4000), 1 => Just(0x2000), 1 => Just(0x2005), 1 => Just(0x0100)];
    let v4 = (v4_address(), v4_address(), any::<u8>(), prop_oneof![3 => Just(0u8), 1 => 1..11u8], fragment)
        .prop_map(|(src, dst, tos, options, fragment)| V4 { src, dst, tos, options, fragment });
    let v6 = (v6_address(), v6_address(), any::<u8>(), prop_oneof![2 => Just(0..1usize), 1 => Just(0..6usize)])
        .prop_flat_map(|(src, dst, class, count)| {
            vec(extension(), count).prop_map(move |extensions| V6 { src, dst, class, extensions })
        });
    let ah = option::weighted(0.1, 1..6u8);
    (carried, v4, v6, any::<bool>(), ah)
        .prop_map(|((protocol, rest), v4, v6, is_v6, ah)| match (is_v6, ah) {
            (true, _) => (IPV6, ipv6(&v6, protocol, &rest)),
            (false, None) => (IPV4, ipv4(&v4, protocol, &rest)),
            (false, Some(more)) => {
                let head = [&[protocol, more][..], &vec![0; 6 + usize::from(more) * 4], &rest].concat();
                (IPV4, ipv4(&v4, 51, &head))
            }
        })
        .boxed()
}

/// What may lie below an EtherType without being IP.
fn foreign() -> impl Strategy<Value = Typed> {
    prop_oneof![
        (Just(0x0806u16), vec(any::<u8>(), 28..46)),
        (Just(0x88ccu16), payload()),
        (0x0600u16..=0xffff, payload()),
        payload().prop_map(|rest| (rest.len() as u16, rest)),
    ]
}

/// Tags, labels and other wrapping between the frame's header and the packet.
fn wrapped(inner: BoxedStrategy<Typed>) -> BoxedStrategy<Typed> {
    inner
        .prop_recursive(3, 4, 1, |inner| {
            let tpid = select(&[0x8100u16, 0x88a8, 0x9100][..]);
            prop_oneof![
                4 => (inner.clone(), tpid, any::<u16>()).prop_map(|((t, rest), tpid, tci)| (tpid, vlan(tci, t, &rest))),
                2 => (inner.clone(), vec(0..1u32 << 20, 1..4)).prop_map(|((_, rest), labels)| (0x8847, mpls(&labels, &rest))),
                1 => (inner.clone(), any::<bool>()).prop_map(|((t, rest), short)| {
                    let protocol: &[u8] = match (t, short) {
                        (IPV4, false) => &[0, 0x21],
                        (IPV4, true) => &[0x21],
                        (IPV6, _) => &[0, 0x57],
                        _ => &[0xc0, 0x21],
                    };
                    (0x8864, pppoe(0, &[protocol, &rest].concat()))
                }),
                1 => inner.prop_map(|(t, rest)| {
                    let rest = snap(t, &rest);
                    (rest.len().min(1500) as u16, rest)
                }),
            ]
        })
        .boxed()
}

/// A tunnel's header around a packet: its protocol number and bytes.
fn tunnel(inner: BoxedStrategy<Typed>) -> impl Strategy<Value = Carried> {
    let key = option::of(any::<u32>());
    let head = (any::<bool>(), key, any::<bool>(), option::weighted(0.2, any::<bool>()))
        .prop_map(|(checksum, key, sequence, pptp)| Gre { checksum, key, sequence, pptp });
    let id = 0..1u32 << 24;
    let sport = any::<u16>();
    prop_oneof![
        (inner.clone(), head.clone(), any::<bool>()).prop_map(|((t, rest), head, bridged)| {
            match (head.pptp, bridged) {
                (Some(_), _) => {
                    (47, gre(head, 0x880b, &[&[0xff, 3, 0, if t == IPV6 { 0x57 } else { 0x21 }], &rest[..]].concat()))
                }
                (None, true) => (47, gre(head, 0x6558, &ethernet(t, &rest))),
                (None, false) => (47, gre(head, t, &rest)),
            }
        }),
        (inner.clone(), head, select(&[0x88beu16, 0x22eb][..]), any::<bool>()).prop_map(
            |((t, rest), head, kind, more)| {
                let shim: &[u8] = match (kind, head.sequence, more) {
                    (0x22eb, _, false) => &[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    (0x22eb, _, true) => &[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
                    (_, true, _) => &[0x10, 0, 0, 0, 0, 0, 0, 0],
                    (_, false, _) => &[],
                };
                (47, gre(Gre { pptp: None, ..head }, kind, &[shim, &ethernet(t, &rest)].concat()))
            }
        ),
        (inner.clone(), id.clone(), sport)
            .prop_map(|((t, rest), id, sport)| { (17, udp((sport, 4789), &vxlan(id, &ethernet(t, &rest)))) }),
        (inner.clone(), id.clone(), sport).prop_map(|((t, rest), id, sport)| {
            let next = if t == IPV6 { 2 } else { 1 };
            (17, udp((sport, 4790), &vxlan_gpe(id, next, &rest)))
        }),
        (inner.clone(), id, sport, 0..8u8, any::<bool>()).prop_map(|((t, rest), id, sport, words, bridged)| {
            let bytes =
                if bridged { geneve(id, words, 0x6558, &ethernet(t, &rest)) } else { geneve(id, words, t, &rest) };
            (17, udp((6081, sport), &bytes))
        }),
        inner.prop_map(|(t, rest)| (if t == IPV6 { 41 } else { 4 }, rest)),
    ]
}

/// What lies below an EtherType: IP of all kinds, tunnels up to three deep, and what is not IP.
pub(crate) fn network() -> BoxedStrategy<Typed> {
    let plain = prop_oneof![8 => ip_around(transport()), 1 => foreign()].boxed();
    wrapped(plain)
        .prop_recursive(3, 8, 1, |inner| wrapped(prop_oneof![9 => ip_around(tunnel(inner)), 1 => foreign()].boxed()))
        .boxed()
}

/// A frame, sometimes cut.
pub(crate) fn frame() -> BoxedStrategy<Vec<u8>> {
    cut(network().prop_map(|(t, rest)| ethernet(t, &rest)).boxed())
}

/// A packet of a device without Ethernet headers, sometimes cut.
pub(crate) fn raw_ip() -> BoxedStrategy<Vec<u8>> {
    cut(network().prop_map(|(_, rest)| rest).boxed())
}

fn cut(whole: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let cut = |(bytes, at): (Vec<u8>, prop::sample::Index)| {
        let end = at.index(bytes.len() + 1);
        bytes[..end].to_vec()
    };
    prop_oneof![2 => whole.clone(), 1 => (whole, any::<prop::sample::Index>()).prop_map(cut)].boxed()
}
