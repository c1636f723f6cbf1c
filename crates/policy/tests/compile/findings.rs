//! What is said not to match does not; what is found is said as it is meant.

use crate::some::{self, limit, policy_of, rule};
use crate::subject::{after, by_words, is_from};
use netrig_policy::Ranges;
use netrig_policy::explain::{Finding, FindingKind, Severity, findings};
use netrig_policy::words::{
    Action, Addresses, Family, FlagTest, FragmentTest, Limit, LimitUnit, Match, Mode, Policy, Protocol, Rule,
    Unreadable,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::sync::Arc;
use std::time::Duration;

const NEVER: [FindingKind; 3] = [FindingKind::NeverMatches, FindingKind::EmptySet, FindingKind::Unreachable];

fn never(policy: &Policy) -> Vec<Finding> {
    let all = findings(policy, &policy.management.allow);
    all.into_iter().filter(|finding| NEVER.contains(&finding.kind)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_said_never_to_match_does_not(policy in some::policy(12), packets in vec(some::packet(), 80)) {
        let never = never(&policy);
        for seconds in 0..4 {
            let policy = after(&policy, seconds);
            for packet in packets.iter().filter(|packet| !packet.always_passes()) {
                let matched = by_words(&policy, is_from(packet, &policy.management.allow), packet);
                for (place, _) in matched.into_iter().filter(|(place, _)| *place > 1) {
                    let id = &policy.rules[place - 2].id;
                    prop_assert!(never.iter().all(|finding| finding.rule != *id), "{never:?}: {packet:?}");
                }
            }
        }
    }
}

/// The test above is about something.
#[test]
fn random_policies_have_rules_that_never_match() {
    let mut runner = TestRunner::deterministic();
    let mut counts = [0; 3];
    for _ in 0..400 {
        let policy = some::policy(12).new_tree(&mut runner).expect("a policy").current();
        for finding in never(&policy) {
            counts[NEVER.iter().position(|kind| *kind == finding.kind).expect("one of them")] += 1;
        }
    }
    assert!(counts.into_iter().all(|count| count > 30), "{counts:?}");
}

fn net(prefix: [u8; 4], bits: u32) -> Option<Arc<Addresses>> {
    let first = u32::from_be_bytes(prefix);
    Some(Arc::new(Addresses { v4: Ranges::of(vec![(first, first | (u32::MAX >> bits))]), v6: Ranges::default() }))
}

fn from(prefix: [u8; 4], bits: u32) -> Match {
    Match { src: net(prefix, bits), ..Match::default() }
}

fn to_port(port: u16) -> Match {
    Match { dst_port: Some(Arc::new(Ranges::of(vec![(port, port)]))), ..Match::default() }
}

fn protocol(number: u8) -> Option<Vec<Protocol>> {
    Some(vec![Protocol { number, family: Family::Any }])
}

fn drop(id: &str, criteria: Match) -> Rule {
    rule(id, Action::Drop, vec![criteria])
}

fn pass(id: &str, criteria: Match) -> Rule {
    rule(id, Action::Pass, vec![criteria])
}

fn said(rules: Vec<Rule>) -> Vec<String> {
    let all = findings(&policy_of(rules), &Arc::default());
    all.iter().map(|finding| format!("{} {finding}", finding.severity.as_str())).collect()
}

#[test]
fn a_rule_after_one_that_takes_all_of_it_is_unreachable() {
    let both = Match { src: net([10, 1, 0, 0], 16), ..to_port(22) };
    assert_eq!(
        said(vec![pass("lab", from([10, 0, 0, 0], 8)), drop("ssh", both)]),
        ["warning line 20, rule `ssh`: it never matches: `lab` (line 10) decides first about all that it asks for"]
    );
    let all4 = from([0, 0, 0, 0], 0);
    let icmp = Match { protocol: Some(vec![Protocol { number: 1, family: Family::V4 }]), ..Match::default() };
    let implied = said(vec![pass("v4", all4), drop("icmp", icmp)]);
    assert!(implied[0].contains("`v4` (line 10) decides first about all"), "{implied:?}");
}

#[test]
fn each_alternative_may_be_taken_by_another() {
    let rules = |last: Rule| vec![drop("a", from([10, 0, 0, 0], 8)), drop("b", to_port(22)), last];
    let alternatives = vec![from([10, 2, 0, 0], 16), Match { protocol: protocol(6), ..to_port(22) }];
    let both = said(rules(rule("c", Action::Count, alternatives.clone())));
    assert_eq!(
        both,
        [
            "warning line 30, rule `c`: it never matches: `a` (line 10) and `b` (line 20) decides first about all that it asks for"
        ]
    );
    let open = alternatives.into_iter().chain([Match::default()]).collect();
    let some = said(rules(rule("c", Action::Count, open)));
    assert_eq!(
        some,
        [
            "notice line 30, rule `c`: 2 of its 3 alternatives do not match: `a` (line 10) and `b` (line 20) decides first"
        ]
    );
}

#[test]
fn only_rules_that_decide_and_stay_take_anything() {
    let all = Match::default;
    let shadow = Rule { mode: Mode::Shadow, ..drop("a", all()) };
    assert!(said(vec![shadow, rule("b", Action::Count, vec![all()]), drop("c", to_port(22))]).is_empty());
    let brief = Rule { ttl: Some(Duration::from_secs(60)), ..drop("a", all()) };
    assert_eq!(
        said(vec![brief.clone(), pass("b", to_port(22))]),
        ["notice line 20, rule `b`: it does not match until `a` (line 10) expires, 60 s after it is applied"]
    );
    let briefer = Rule { ttl: Some(Duration::from_secs(5)), ..pass("b", to_port(22)) };
    assert!(said(vec![brief, briefer])[0].starts_with("warning line 20, rule `b`: it never matches"));
}

#[test]
fn a_rule_that_another_takes_some_of_is_told_once() {
    let rules = vec![
        pass("a", from([10, 0, 0, 0], 8)),
        drop("b", from([10, 0, 0, 0], 7)),
        drop("c", to_port(22)),
        drop("elsewhere", from([192, 0, 2, 0], 24)),
    ];
    assert_eq!(
        said(rules),
        [
            "notice line 20, rule `b`: `a` (line 10) decides first about some of what it asks for: pass",
            "notice line 30, rule `c`: `a` (line 10) decides first about some of what it asks for: pass"
        ]
    );
}

#[test]
fn what_cannot_be_read_is_left_for_rules_that_act() {
    let mut policy = policy_of(vec![pass("web", to_port(80)), drop("web-again", to_port(80))]);
    assert_eq!(never(&policy).len(), 1);
    policy.fragments = Unreadable::Drop;
    assert!(never(&policy).is_empty(), "later fragments pass the first and are dropped by the second");
    policy.rules[0].action = Action::Drop;
    assert_eq!(never(&policy).len(), 1);
}

#[test]
fn contradictions_and_empty_sets_never_match() {
    let empty = Match { src: Some(Arc::default()), ..Match::default() };
    let udp_flags =
        Match { protocol: protocol(17), tcp_flags: Some(vec![FlagTest { mask: 2, value: 2 }]), ..Match::default() };
    let fragments = Match { fragment: Some(FragmentTest::Later), ..to_port(53) };
    let over = Rule { ttl: Some(Duration::ZERO), ..drop("over", Match::default()) };
    let all = said(vec![drop("empty", empty), drop("flags", udp_flags), drop("later", fragments.clone()), over]);
    assert_eq!(all[0], "warning line 10, rule `empty`: it never matches: its src has no entries");
    assert!(all[1].starts_with("warning line 20, rule `flags`: it never matches: no packet is all that it asks for"));
    assert!(all[2].starts_with("warning line 30, rule `later`: it never matches: later fragments have neither ports"));
    assert_eq!(all[3], "warning line 40, rule `over`: it never matches: its ttl is over as it is applied");
    let policy = Policy { fragments: Unreadable::Drop, ..policy_of(vec![drop("later", fragments)]) };
    assert!(never(&policy).is_empty(), "they are dropped for not being readable");
}

#[test]
fn what_passes_before_all_rules_is_not_theirs() {
    let arp = drop("arp", Match { ethertype: Some(vec![0x0806]), ..Match::default() });
    let dhcp = drop("dhcp", Match { protocol: protocol(17), ..to_port(67) });
    assert_eq!(
        said(vec![arp, dhcp]),
        [
            "warning line 10, rule `arp`: it never matches: `netrig:always` decides first about all that it asks for",
            "warning line 20, rule `dhcp`: it never matches: `netrig:always` decides first about all that it asks for"
        ]
    );
    let managed = net([10, 0, 0, 0], 8).expect("a set");
    let all = findings(&policy_of(vec![drop("ops", from([10, 1, 0, 0], 16)), drop("ssh", to_port(22))]), &managed);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].by.as_deref(), all[0].severity), (Some("netrig:management"), Severity::Warning));
}

#[test]
fn a_limit_that_no_full_frame_fits_is_told() {
    let low = Limit { unit: LimitUnit::Bytes, per_second: 1_000_000, burst: 1000, ..limit() };
    let all = said(vec![rule("a", Action::Limit(low), vec![Match::default()])]);
    assert_eq!(
        all,
        [
            "warning line 10, rule `a`: its burst of 1000 bytes holds no frame of 1514: longer ones than 1000 never pass; \
          set `burst` to at least 1514"
        ]
    );
}

/// A thousand rules over a few large sets are explained without comparing each pair entry by entry.
#[test]
fn many_rules_with_large_sets_are_compared_by_classes() {
    let set = |of: u32| {
        let ranges = (0..100_000).map(|i| (i * 8 + of) << 8).map(|at| (at, at | 0xff));
        Arc::new(Addresses { v4: Ranges::of(ranges.collect()), v6: Ranges::default() })
    };
    let sets: Vec<_> = (0..4).map(set).collect();
    let rules = (0..1000)
        .map(|i: usize| drop(&format!("r{i}"), Match { src: Some(Arc::clone(&sets[i % 4])), ..Match::default() }));
    let never = never(&policy_of(rules.collect()));
    assert_eq!(never.len(), 996);
    assert!(never.iter().all(|finding| ["r0", "r1", "r2", "r3"].contains(&finding.by.as_deref().unwrap_or_default())));
}
