//! No policy that would cut off its author goes unseen.

use crate::some::{self, limit, policy_of, rule};
use crate::subject::{Subject, acts, after, by_words, is_from};
use netrig_policy::Ranges;
use netrig_policy::explain::{FindingKind, ManagementPeer, Severity, shadows_management};
use netrig_policy::words::{Action, Addresses, Family, FragmentTest, Match, Mode, Policy, Protocol, Rule, Unreadable};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// The rule that ends a packet or may, if one does.
fn ended_by(policy: &Policy, packet: &Subject) -> Option<usize> {
    let (place, _) = *by_words(policy, false, packet).last()?;
    let rule = &policy.rules[place - 2];
    (rule.mode == Mode::Enforce && acts(&rule.action)).then_some(place - 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_rule_that_would_take_a_peers_packet_is_refused(policy in some::policy(8), packets in vec(some::packet(), 40)) {
        for packet in packets {
            let whole = Subject { protocol: Some(6), fragment: FragmentTest::Whole, cut: false, flags_cut: false, ..packet };
            let whole = Subject { ethertype: if whole.is_v4() { 0x0800 } else { 0x86dd }, ..whole };
            let peer = ManagementPeer {
                peer: whole.src,
                peer_port: Some(whole.src_port),
                local: Some(whole.dst),
                local_port: Some(whole.dst_port),
            };
            let refused = shadows_management(&policy, &[peer], &Addresses::default());
            for seconds in 0..4 {
                if let Some(place) = ended_by(&after(&policy, seconds), &whole) {
                    let id = &policy.rules[place].id;
                    prop_assert!(refused.iter().any(|finding| finding.rule == *id), "{id}: {whole:?} {refused:?}");
                }
            }
        }
    }

    #[test]
    fn a_rule_that_names_what_is_allowed_is_refused(
        policy in some::policy(8),
        packets in vec(some::packet(), 40),
        allow in some::addresses(),
    ) {
        let refused = shadows_management(&policy, &[], &allow);
        for packet in packets.iter().filter(|packet| is_from(packet, &allow)) {
            for seconds in 0..4 {
                let Some(place) = ended_by(&after(&policy, seconds), packet) else { continue };
                let rule = &policy.rules[place];
                if rule.alternatives.iter().all(|alternative| alternative.src.is_some()) {
                    prop_assert!(refused.iter().any(|finding| finding.rule == rule.id), "{}: {packet:?}", rule.id);
                }
            }
        }
    }
}

fn ranges(nets: &[([u8; 4], u32)]) -> Ranges<u32> {
    let range = |(prefix, bits): &([u8; 4], u32)| {
        let first = u32::from_be_bytes(*prefix);
        (first, first | u32::MAX.checked_shr(*bits).unwrap_or(0))
    };
    Ranges::of(nets.iter().map(range).collect())
}

fn nets(nets: &[([u8; 4], u32)]) -> Addresses {
    Addresses { v4: ranges(nets), v6: Ranges::default() }
}

fn from(set: Addresses) -> Match {
    Match { src: Some(Arc::new(set)), ..Match::default() }
}

fn to_port(port: u16) -> Match {
    Match { dst_port: Some(Arc::new(Ranges::of(vec![(port, port)]))), ..Match::default() }
}

const LAB: ([u8; 4], u32) = ([10, 77, 0, 0], 16);
const PEER: ([u8; 4], u32) = ([10, 77, 0, 1], 32);

fn peer() -> ManagementPeer {
    ManagementPeer {
        peer: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)),
        peer_port: Some(50022),
        local: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        local_port: Some(22),
    }
}

fn said(rules: Vec<Rule>, allow: &Addresses) -> Vec<String> {
    let all = shadows_management(&policy_of(rules), &[peer()], allow);
    assert!(all.iter().all(|f| f.kind == FindingKind::ShadowsManagement && f.severity == Severity::Refused));
    all.iter().map(ToString::to_string).collect()
}

fn drop(id: &str, criteria: Match) -> Rule {
    rule(id, Action::Drop, vec![criteria])
}

#[test]
fn a_rule_against_the_live_peer_is_refused_with_the_ways_out() {
    let lab = drop("lab", from(nets(&[LAB])));
    assert_eq!(
        said(vec![lab.clone()], &Addresses::default()),
        [
            "line 10, rule `lab`: it would drop packets of 10.77.0.1 port 50022 to port 22: this machine is being managed over \
          that connection. Take that out of the rule with \"!10.77.0.1\" in its src, or put a rule with action \"pass\" for \
          it before this one"
        ]
    );
    let but = Addresses { v4: ranges(&[LAB]).without(&ranges(&[PEER])), v6: Ranges::default() };
    assert!(said(vec![drop("lab", from(but))], &Addresses::default()).is_empty());
    let pass = |criteria| rule("ssh", Action::Pass, vec![criteria]);
    assert!(said(vec![pass(to_port(22)), lab.clone()], &Addresses::default()).is_empty());
    assert!(said(vec![pass(from(nets(&[PEER]))), lab.clone()], &Addresses::default()).is_empty());
    assert_eq!(said(vec![pass(to_port(80)), lab.clone()], &Addresses::default()).len(), 1);
    assert_eq!(said(vec![lab.clone(), pass(to_port(22))], &Addresses::default()).len(), 1, "after it is too late");
    let brief = Rule { ttl: Some(Duration::from_secs(60)), ..pass(to_port(22)) };
    assert_eq!(said(vec![brief, lab.clone()], &Addresses::default()).len(), 1, "it ends before the rule does");
    let shadow = Rule { mode: Mode::Shadow, ..pass(to_port(22)) };
    assert_eq!(said(vec![shadow, lab.clone()], &Addresses::default()).len(), 1);
    assert!(said(vec![Rule { mode: Mode::Shadow, ..lab }], &Addresses::default()).is_empty());
}

#[test]
fn only_what_the_peer_sends_matters_of_it() {
    let limited = |criteria| rule("a", Action::Limit(limit()), vec![criteria]);
    let protocol =
        |number| Match { protocol: Some(vec![Protocol { number, family: Family::Any }]), ..Match::default() };
    assert!(said(vec![drop("a", to_port(80)), drop("b", protocol(17))], &Addresses::default()).is_empty());
    for criteria in
        [Match::default(), to_port(22), protocol(6), Match { iface: Some(vec!["eth0".into()]), ..to_port(22) }]
    {
        assert_eq!(said(vec![limited(criteria.clone())], &Addresses::default()).len(), 1, "{criteria:?}");
    }
    let guard = rule("a", Action::SynGuard { above_per_second: 9 }, vec![to_port(22)]);
    assert!(said(vec![guard], &Addresses::default())[0].contains("it would guard against packets of 10.77.0.1"));
}

#[test]
fn what_is_allowed_is_an_exception_of_rules_that_name_no_sources() {
    let allow = nets(&[([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)]);
    assert!(said(vec![drop("telnet", to_port(23))], &allow).is_empty());
    let feed = drop("feed", from(nets(&[([172, 16, 0, 0], 16), ([192, 168, 3, 4], 32), ([203, 0, 113, 0], 24)])));
    assert_eq!(
        said(vec![feed.clone()], &allow),
        [
            "line 10, rule `feed`: it would drop packets of 172.16.0.0/16 and 1 more, which the management allow-list lets \
          pass. Take that out of the rule with \"!172.16.0.0/16\" in its src, or put a rule with action \"pass\" for it \
          before this one"
        ]
    );
    // Several rules may let pass what one takes.
    let pass = |id: &str, net| rule(id, Action::Pass, vec![from(nets(&[net]))]);
    let rules = vec![pass("a", ([172, 16, 0, 0], 12)), pass("b", ([192, 168, 3, 0], 24)), feed];
    assert!(said(rules, &allow).is_empty());
    let ssh = rule("ssh", Action::Pass, vec![to_port(22)]);
    let rest = said(vec![ssh, drop("rest", Match::default())], &allow);
    assert!(rest[0].contains("it would drop packets of 172.16.0.0/12 and 1 more"), "{rest:?}");
}

#[test]
fn a_router_is_protected_as_what_is_allowed_and_mapped_addresses_are_ipv4() {
    let router = ManagementPeer { peer_port: None, local: None, local_port: None, ..peer() };
    let lab = policy_of(vec![drop("lab", from(nets(&[LAB]))), drop("web", to_port(80))]);
    let all = shadows_management(&lab, &[router], &Addresses::default());
    assert_eq!(all.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(), ["lab"]);
    assert!(all[0].message.contains("10.77.0.1: this machine is being managed through it"), "{}", all[0]);
    let mapped = ManagementPeer { peer: IpAddr::V6(Ipv4Addr::new(10, 77, 0, 1).to_ipv6_mapped()), ..router };
    assert_eq!(shadows_management(&lab, &[mapped], &Addresses::default()).len(), 1);
}

#[test]
fn a_pass_that_cannot_read_does_not_protect_from_a_rule_that_drops_what_it_cannot_read() {
    let allow = nets(&[LAB]);
    let lab = Match { src: Some(Arc::new(allow.clone())), ..to_port(53) };
    let mut policy = policy_of(vec![rule("dns", Action::Pass, vec![to_port(53)]), drop("lab", lab)]);
    assert!(shadows_management(&policy, &[], &allow).is_empty());
    policy.fragments = Unreadable::Drop;
    assert_eq!(shadows_management(&policy, &[], &allow).len(), 1, "later fragments come to the second");
}
