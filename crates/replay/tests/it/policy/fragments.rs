//! Packets without ports at rules that ask for them: fragments, and what is cut.

use super::judge::{XDP_DROP, XDP_PASS};
use super::rig::{IFACE, Rig, agree};
use super::words::*;
use crate::packets::*;
use netrig_policy::words::{Action, FragmentTest, LimitPer, LimitUnit, Match, Policy, Target, Unreadable};
use netrig_testkit::require_root;

fn with(fragments: Unreadable, policy: &Policy) -> Policy {
    Policy { fragments, ..policy.clone() }
}

fn fragment4(fragment: u16, protocol: u8, rest: &[u8]) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&V4 { fragment, ..V4::default() }, protocol, rest))
}

fn fragment6(headers: &[u16], protocol: u8, rest: &[u8]) -> Vec<u8> {
    let extensions = headers.iter().map(|head| Extension::Fragment(*head)).collect();
    ethernet(IPV6, &ipv6(&V6 { extensions, ..V6::default() }, protocol, rest))
}

/// First ones, later ones, the last; of both families.
fn all_fragments() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (protocol, rest) in [(17, udp((1000, 53), b"hello")), (6, tcp((1000, 80), 2, b"")), (132, sctp((1, 2), b""))] {
        all.extend([0, 0x4000, 0x2000, 0x2005, 0x0005].map(|head| fragment4(head, protocol, &rest)));
        all.extend([0, 1, 9, 8].map(|head| fragment6(&[head], protocol, &rest)));
    }
    for fragment in [0, 0x2000, 5] {
        all.push(fragment4(fragment, 1, &icmp(8, 0, b"")));
        all.push(fragment4(fragment, 47, &[0; 30]));
        all.push(fragment6(&[fragment.min(9)], 58, &icmp(128, 0, b"")));
    }
    all
}

#[test]
fn later_fragments_pass_rules_that_ask_for_ports_or_are_dropped_as_the_policy_says() {
    require_root!();
    let rules = policy([rule("dns", Action::Drop, [to_port(53)])]);
    let (first, later) = (fragment4(0x2000, 17, &udp((1000, 53), b"x")), fragment4(0x2005, 17, b"whatever it is"));
    let (other, foreign) = (fragment4(0x2005, 47, b"whatever it is"), fragment4(0x2000, 17, &udp((1, 80), b"x")));
    let rig = Rig::of(&with(Unreadable::Pass, &rules));
    assert_eq!(
        [&first, &later, &other, &foreign].map(|frame| rig.run(frame)),
        [XDP_DROP, XDP_PASS, XDP_PASS, XDP_PASS]
    );
    assert_eq!(rig.packets("dns"), (1, 1));
    let rig = Rig::of(&with(Unreadable::Drop, &rules));
    assert_eq!(
        [&first, &later, &other, &foreign].map(|frame| rig.run(frame)),
        [XDP_DROP, XDP_DROP, XDP_PASS, XDP_PASS]
    );
    assert_eq!(rig.packets("dns"), (2, 2));
}

/// Only rules that act take what they cannot read for theirs, and then they drop it, whatever else they do.
#[test]
fn what_a_rule_cannot_read_is_dropped_by_rules_that_act_and_passed_over_by_others() {
    require_root!();
    let any_port = Match { dst_port: ports(&[(0, u16::MAX)]), ..Match::default() };
    let later = fragment4(0x2005, 17, b"whatever it is");
    let mut rig = Rig::new();
    let mut counts_of = |one: netrig_policy::words::Rule| {
        let id = one.id.clone();
        rig.put(&with(Unreadable::Drop, &policy([one])));
        (rig.run(&later), rig.packets(&id))
    };
    for (id, action, verdict, counts) in [
        ("count", Action::Count, XDP_PASS, (0, 0)),
        ("sample", Action::Sample { one_in: 1 }, XDP_PASS, (0, 0)),
        ("pass", Action::Pass, XDP_PASS, (0, 0)),
        ("drop", Action::Drop, XDP_DROP, (1, 1)),
        ("aside", Action::Redirect(Target::Interface(IFACE.to_owned())), XDP_DROP, (1, 1)),
        ("cpu", Action::Redirect(Target::Cpu(0)), XDP_DROP, (1, 1)),
        ("limit", Action::Limit(limit(LimitUnit::Packets, 1000, LimitPer::Rule)), XDP_DROP, (1, 1)),
    ] {
        assert_eq!(counts_of(rule(id, action, [to_port(53)])), (verdict, counts), "{id}");
    }
    assert_eq!(counts_of(rule("any-pass", Action::Pass, [any_port.clone()])), (XDP_PASS, (0, 0)));
    assert_eq!(counts_of(rule("any-drop", Action::Drop, [any_port])), (XDP_DROP, (1, 1)));
    assert_eq!(counts_of(shadow("shadow", Action::Drop, [to_port(53)])), (XDP_PASS, (1, 1)));
}

fn asking_for_everything_behind_ip() -> Policy {
    let kinds = |range| Match { icmp_type: Some(vec![range]), ..Match::default() };
    let fragment = |test| Match { fragment: Some(test), ..Match::default() };
    let both = Match { src_port: ports(&[(1000, 1000)]), ..flags(0x12, 0x02) };
    let count = |id: &str, m: Match| rule(id, Action::Count, [m]);
    policy([
        count("from", Match { src_port: ports(&[(1000, 1000)]), ..Match::default() }),
        count("first", fragment(FragmentTest::First)),
        count("later", fragment(FragmentTest::Later)),
        count("any", fragment(FragmentTest::Any)),
        count("whole", fragment(FragmentTest::Whole)),
        shadow("to", Action::Drop, [to_port(53)]),
        shadow("ping", Action::Drop, [kinds(8..=8), kinds(128..=128)]),
        shadow("limit", Action::Limit(limit(LimitUnit::Packets, 3, LimitPer::Rule)), [both.clone(), everything()]),
        rule("pass", Action::Pass, [flags(0xff, 0x10)]),
        rule("syn", Action::Drop, [both]),
        rule("ports", Action::Drop, [Match { src: Some(addresses(&["10.1.0.0/24", "2001:db8::/64"])), ..to_port(53) }]),
        rule("types", Action::Drop, [kinds(0..=127)]),
    ])
}

#[test]
fn fragments_of_all_kinds_are_told_apart() {
    require_root!();
    for fragments in [Unreadable::Pass, Unreadable::Drop] {
        let policy = with(fragments, &asking_for_everything_behind_ip());
        agree(&policy, &all_fragments()).expect("as the model has it");
    }
}

/// An attacker writes two fragment headers, of which the second says that nothing follows.
#[test]
fn a_packet_with_several_fragment_headers_is_a_fragment_if_any_of_them_says_so() {
    require_root!();
    let first = Match { fragment: Some(FragmentTest::First), ..Match::default() };
    let rig = Rig::of(&policy([rule("first", Action::Drop, [first])]));
    let rest = udp((1, 2), b"x");
    let verdicts = [&[1, 0][..], &[0, 1], &[1, 1], &[0, 0], &[1, 8]].map(|heads| rig.run(&fragment6(heads, 17, &rest)));
    assert_eq!(verdicts, [XDP_DROP, XDP_DROP, XDP_DROP, XDP_PASS, XDP_PASS]);
}

/// Everything from a bare Ethernet header on.
#[test]
fn packets_cut_at_every_octet_are_read_as_far_as_they_go() {
    require_root!();
    let chain = vec![Extension::Plain(0, 1), Extension::Authentication(4), Extension::Fragment(1)];
    let (syn, dns) = (tcp((1000, 80), 2, b"data"), udp((1000, 53), b"data"));
    let v4 = |protocol, rest: &[u8]| ethernet(IPV4, &ipv4(&V4::default(), protocol, rest));
    let whole = [
        v4(6, &syn),
        v4(17, &dns),
        v4(1, &icmp(8, 0, b"ping")),
        v4(132, &sctp((1000, 53), b"")),
        ethernet(IPV4, &ipv4(&V4 { options: 7, ..V4::default() }, 6, &syn)),
        ethernet(IPV6, &ipv6(&V6::default(), 6, &syn)),
        ethernet(IPV6, &ipv6(&V6::default(), 58, &icmp(128, 0, b"ping"))),
        ethernet(IPV6, &ipv6(&V6 { extensions: chain, ..V6::default() }, 17, &dns)),
        ethernet(0x88a8, &vlan(5, 0x8100, &vlan(6, IPV4, &ipv4(&V4::default(), 6, &syn)))),
        ethernet(0x8847, &mpls(&[1, 2], &ipv4(&V4::default(), 17, &dns))),
    ];
    let cut: Vec<_> = whole.iter().flat_map(|frame| (14..=frame.len()).map(|end| frame[..end].to_vec())).collect();
    for fragments in [Unreadable::Pass, Unreadable::Drop] {
        let policy = with(fragments, &asking_for_everything_behind_ip());
        agree(&policy, &cut).expect("as the model has it");
    }
}

/// Ports are there and flags are not: each rule goes by what it asks for.
#[test]
fn a_tcp_packet_cut_before_its_flags_has_ports() {
    require_root!();
    let frame = &ethernet(IPV4, &ipv4(&V4::default(), 6, &tcp((1000, 80), 2, b"")))[..14 + 20 + 13];
    let both = Match { tcp_flags: flags(2, 2).tcp_flags, ..to_port(80) };
    let other = Match { tcp_flags: flags(2, 2).tcp_flags, ..to_port(81) };
    let mut rig = Rig::new();
    for (m, pass, drop) in [
        (to_port(80), XDP_DROP, XDP_DROP),
        (to_port(81), XDP_PASS, XDP_PASS),
        (both, XDP_PASS, XDP_DROP),
        (other, XDP_PASS, XDP_PASS),
        (flags(2, 2), XDP_PASS, XDP_DROP),
    ] {
        let one = policy([rule("one", Action::Drop, [m.clone()])]);
        let verdicts = [Unreadable::Pass, Unreadable::Drop].map(|how| {
            rig.put(&with(how, &one));
            rig.run(frame)
        });
        assert_eq!(verdicts, [pass, drop], "{m:?}");
    }
}
