//! Which rule decides, and what each counts.

use super::judge::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use super::rig::{IFACE, Rig, agree};
use super::words::*;
use crate::packets::*;
use netrig_policy::words::{Action, LimitPer, LimitUnit, Match, Mode, Rule, Target};
use netrig_testkit::require_root;
use std::time::Duration;

fn to(port: u16) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&V4::default(), 17, &udp((1000, port), b"hello")))
}

#[test]
fn the_first_rule_that_decides_wins() {
    require_root!();
    let drop = |port| rule(&format!("drop-{port}"), Action::Drop, [to_port(port)]);
    let pass = |id: &str, m| rule(id, Action::Pass, [m]);
    let aside = rule("aside", Action::Redirect(Target::Interface(IFACE.to_owned())), [from(&["10.1.0.0/16"])]);
    let rig = Rig::of(&policy([pass("web", to_port(80)), drop(80), drop(53), pass("dns", to_port(53)), aside]));
    let verdicts = [80, 53, 7].map(|port| rig.run(&to(port)));
    assert_eq!(verdicts, [XDP_PASS, XDP_DROP, XDP_REDIRECT]);
    assert_eq!(rig.run(&ethernet(0x88cc, &[0; 40])), XDP_PASS, "nothing matches");
    assert_eq!((rig.packets("web"), rig.packets("drop-80")), ((1, 0), (0, 0)));
    assert_eq!((rig.packets("drop-53"), rig.packets("dns"), rig.packets("aside")), ((1, 1), (0, 0), (1, 1)));
    let ledger = rig.ledger();
    assert_eq!((ledger.dropped.packets, ledger.dropped.bytes), (1, 47));
    assert_eq!((ledger.redirected.packets, ledger.redirected.bytes), (1, 47));
}

#[test]
fn a_shadow_decides_nothing_and_counts_what_it_would_have_removed() {
    require_root!();
    let few = limit(LimitUnit::Packets, 2, LimitPer::Rule);
    let rig = Rig::of(&policy([
        shadow("drop", Action::Drop, [everything()]),
        shadow("limit", Action::Limit(few), [everything()]),
        shadow("aside", Action::Redirect(Target::Cpu(0)), [everything()]),
        shadow("pass", Action::Pass, [everything()]),
        rule("real", Action::Drop, [to_port(53)]),
    ]));
    let verdicts = [80, 53, 80, 53, 80].map(|port| rig.run(&to(port)));
    assert_eq!(verdicts, [XDP_PASS, XDP_DROP, XDP_PASS, XDP_DROP, XDP_PASS]);
    let counts = ["drop", "limit", "aside", "pass", "real"].map(|id| rig.packets(id));
    // Five packets well within five seconds; how many of them exceed two depends on the machine's haste.
    assert_eq!((counts[0], counts[2], counts[3], counts[4]), ((5, 5), (5, 5), (5, 0), (2, 2)));
    assert!(counts[1].0 == 5 && counts[1].1 <= 3, "{counts:?}");
    assert_eq!(rig.ledger().redirected.packets, 0);
}

#[test]
fn counting_and_sampling_go_on_to_the_next_rule() {
    require_root!();
    let rig = Rig::of(&policy([
        rule("count", Action::Count, [everything()]),
        rule("sample", Action::Sample { one_in: 2 }, [to_port(53)]),
        rule("drop", Action::Drop, [to_port(53)]),
        rule("behind", Action::Count, [everything()]),
    ]));
    assert_eq!([53, 80].map(|port| rig.run(&to(port))), [XDP_DROP, XDP_PASS]);
    assert_eq!(["count", "sample", "drop", "behind"].map(|id| rig.packets(id)), [(2, 0), (1, 0), (1, 1), (1, 0)]);
}

#[test]
fn a_rule_of_which_several_alternatives_match_counts_once() {
    require_root!();
    let both = [to_port(53), from(&["10.0.0.0/8"]), everything()];
    let lengths = Match { length: Some(vec![60..=70, 40..=50]), vlan: Some(vec![]), ..Match::default() };
    let rig = Rig::of(&policy([
        rule("count", Action::Count, both.clone()),
        shadow("drop", Action::Drop, both),
        rule("never", Action::Drop, [lengths]),
        rule("limit", Action::Limit(limit(LimitUnit::Packets, 1, LimitPer::Rule)), [to_port(53), protocol(17)]),
    ]));
    assert_eq!(rig.run(&to(53)), XDP_PASS, "one packet takes one from the bucket");
    let counts = rig.counts("count").matched;
    assert_eq!((counts.packets, counts.bytes), (1, 47));
    assert_eq!((rig.packets("drop"), rig.packets("limit"), rig.packets("never")), ((1, 1), (1, 0), (0, 0)));
}

#[test]
fn a_rule_ends_with_its_time() {
    require_root!();
    let short = Rule { ttl: Some(Duration::from_millis(1500)), ..rule("short", Action::Drop, [to_port(53)]) };
    let long = Rule { ttl: Some(Duration::from_secs(3600)), ..rule("long", Action::Drop, [to_port(80)]) };
    let rig = Rig::of(&policy([short, long, rule("behind", Action::Count, [everything()])]));
    let begin = std::time::Instant::now();
    let verdict = rig.run(&to(53));
    if begin.elapsed() < Duration::from_millis(500) {
        assert_eq!(verdict, XDP_DROP);
    }
    // A hit does not make it live longer.
    std::thread::sleep(Duration::from_millis(1600));
    let before = rig.packets("short");
    assert_eq!([53, 80].map(|port| rig.run(&to(port))), [XDP_PASS, XDP_DROP]);
    assert_eq!((rig.packets("short"), rig.packets("behind").0 >= 1), (before, true));
}

#[test]
fn counters_go_on_by_id_when_a_policy_takes_another_s_place() {
    require_root!();
    let dns = |id: &str| rule(id, Action::Drop, [to_port(53)]);
    let web = |id: &str, mode| Rule { mode, ..rule(id, Action::Drop, [to_port(80)]) };
    let mut rig = Rig::of(&policy([dns("dns"), web("web", Mode::Enforce)]));
    assert_eq!([53, 53, 80].map(|port| rig.run(&to(port))), [XDP_DROP; 3]);
    // The other way round, with one between them, and one of them meaning another thing by now.
    rig.put(&policy([web("web", Mode::Shadow), rule("new", Action::Count, [everything()]), dns("dns")]));
    assert_eq!([53, 80].map(|port| rig.run(&to(port))), [XDP_DROP, XDP_PASS]);
    assert_eq!((rig.packets("dns"), rig.packets("web"), rig.packets("new")), ((3, 3), (2, 2), (2, 0)));
    rig.put(&policy([web("other", Mode::Enforce)]));
    assert_eq!([53, 80].map(|port| rig.run(&to(port))), [XDP_PASS, XDP_DROP]);
    assert_eq!((rig.packets("dns"), rig.packets("web"), rig.packets("other")), ((3, 3), (2, 2), (1, 1)));
}

/// As many rules as there may be, each of which asks for a port of its own.
#[test]
fn the_last_of_a_thousand_rules_decides_as_the_first_does() {
    require_root!();
    let rules: Vec<_> = (0..1022_u16)
        .map(|n| {
            let action = [Action::Drop, Action::Pass, Action::Redirect(Target::Cpu(0))][usize::from(n % 3)].clone();
            rule(&format!("r{n}"), action, [to_port(10_000 + n)])
        })
        .collect();
    let frames: Vec<_> = (0..1030).map(|n| to(9_997 + n)).collect();
    agree(&policy(rules), &frames).expect("as the model has it");
}

/// As many rows as there may be: all of them are tried for one packet, and all but the last go on.
#[test]
fn a_packet_is_counted_by_a_thousand_rules_and_dropped_by_the_last() {
    require_root!();
    let mut rules: Vec<_> = (0..1021).map(|n| rule(&format!("c{n}"), Action::Count, [everything()])).collect();
    // Its first two alternatives hold for nothing that comes here.
    let never = |n| Match { length: Some(vec![n..=n]), ..Match::default() };
    rules.push(rule("last", Action::Drop, [never(15_000), never(15_002), everything()]));
    agree(&policy(rules), &[to(53), to(80), ethernet(0x88cc, &[0; 40])]).expect("as the model has it");
}

/// Rows beyond the first word of bits.
#[test]
fn one_rule_with_a_thousand_and_twenty_four_alternatives_holds_by_each() {
    require_root!();
    let all: Vec<_> =
        (0..1024).map(|n| Match { length: Some(vec![60 + 2 * n..=60 + 2 * n]), ..Match::default() }).collect();
    let frames: Vec<_> = (0..2060)
        .map(|more| {
            let mut frame = to(53);
            frame.resize(55 + more, 0);
            frame
        })
        .collect();
    agree(&policy([rule("even", Action::Drop, all)]), &frames).expect("as the model has it");
}
