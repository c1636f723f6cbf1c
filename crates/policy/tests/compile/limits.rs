//! What does not fit, or is not there, is said with its rule, and what to do.

use crate::some::{limit, policy_of, rule, world};
use netrig_policy::tables::{Act, PortClasses, ROWS_MAX};
use netrig_policy::words::{Action, LimitPer, Match, Policy, Target};
use netrig_policy::{Problem, Ranges, World, compile};
use std::sync::Arc;

fn said(policy: &Policy) -> String {
    compile(policy, &world(Arc::default())).expect_err("refused").to_string()
}

#[test]
fn all_unknown_names_are_told_with_their_lines() {
    let on = |name: &str| Match { iface: Some(vec![name.to_owned()]), ..Match::default() };
    let policy = policy_of(vec![
        rule("a", Action::Drop, vec![on("eth0"), on("eht0")]),
        rule("b", Action::Redirect(Target::Interface("veth9".to_owned())), vec![Match::default()]),
        rule("c", Action::Redirect(Target::Cpu(2)), vec![Match::default()]),
    ]);
    let expected = "line 10, rule `a`: no interface `eht0` is here; there are `eth0`, `eth1`\n\
                    line 20, rule `b`: no interface `veth9` is here; there are `eth0`, `eth1`\n\
                    line 30, rule `c`: there is no CPU 2: this machine has 2, counted from 0";
    assert_eq!(said(&policy), expected);
}

#[test]
fn lists_are_multiplied_up_to_so_many_rows() {
    let lengths = |count: u32| Some((0..count).map(|i| i * 10..=i * 10 + 1).collect());
    let types = |count: u16| Some((0..count).map(|i| i * 2).collect::<Vec<u16>>());
    let fits = Match { length: lengths(32), ethertype: types(32), ..Match::default() };
    let compiled = compile(&policy_of(vec![rule("a", Action::Drop, vec![fits.clone()])]), &world(Arc::default()));
    let tables = compiled.expect("just fits").tables;
    assert_eq!((tables.rows.len(), tables.words), (ROWS_MAX, 16));
    let more =
        said(&policy_of(vec![rule("a", Action::Drop, vec![fits]), rule("b", Action::Pass, vec![Match::default()])]));
    assert!(more.starts_with("line 20, rule `b`: it needs 1 rows and 1024 are taken"), "{more}");
    let vast =
        Match { length: lengths(1000), ethertype: types(1000), src_mac: Some(vec![[0; 6]; 9]), ..Match::default() };
    assert!(said(&policy_of(vec![rule("a", Action::Drop, vec![vast])])).contains("it needs 1000000 rows"));
}

#[test]
fn values_that_touch_are_one_row() {
    let criteria = Match { icmp_type: Some((133..=137).map(|t| t..=t).collect()), ..Match::default() };
    let tables = compile(&policy_of(vec![rule("a", Action::Drop, vec![criteria])]), &world(Arc::default()));
    let tables = tables.expect("one row").tables;
    assert_eq!(tables.rows.len(), 1);
    assert_eq!(tables.rows[0].checks.icmp_type, Some((133, 137)));
    let kinds: Vec<usize> = (0..513).filter(|kind| tables.kinds[*kind] != 0).collect();
    assert_eq!(kinds, [1, 256 + 58], "a type is of ICMP or of ICMPv6");
}

#[test]
fn there_is_room_for_so_many_rules() {
    let rules = |count: usize| {
        policy_of((0..count).map(|i| rule(&format!("r{i}"), Action::Count, vec![Match::default()])).collect())
    };
    assert!(compile(&rules(1022), &world(Arc::default())).is_ok());
    assert!(said(&rules(1023)).starts_with("line 10230, rule `r1022`: it is one too many"));
}

#[test]
fn counters_survive_by_id_and_a_refused_policy_changes_nothing() {
    let named =
        |ids: &[&str]| policy_of(ids.iter().map(|id| rule(id, Action::Count, vec![Match::default()])).collect());
    let mut world: World = world(Arc::default());
    let first = compile(&named(&["a", "b", "c"]), &world).expect("compiles");
    assert_eq!(first.tables.rules.iter().map(|rule| rule.slot).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    world.slots = first.slots;
    let next = named(&["c", "new", "a"]);
    let second = compile(&next, &world).expect("compiles");
    assert_eq!(second.tables.rules.iter().map(|rule| rule.slot).collect::<Vec<_>>(), [0, 1, 4, 5, 2]);
    world.slots = second.slots;
    assert_eq!(world.slots.release(|id| next.rules.iter().any(|rule| rule.id == id)), [("b".to_owned(), 3)]);
    let third = compile(&named(&["newer", "c"]), &world).expect("compiles");
    assert_eq!(third.tables.rules[2..].iter().map(|rule| rule.slot).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn counters_may_all_be_taken_by_rules_that_are_gone() {
    let mut world = world(Arc::default());
    (0..1022).for_each(|i| assert!(world.slots.assign(&format!("old{i}")).is_some()));
    let policy = policy_of(vec![rule("new", Action::Count, vec![Match::default()])]);
    let errors = compile(&policy, &world).expect_err("no place");
    assert_eq!(errors.0[0].problem, Problem::NoSlot);
}

/// Every pair of sets has an address of its own: more classes than there are numbers for.
#[test]
fn too_many_classes_are_told_with_the_rule() {
    let mut sets = vec![Vec::new(); 400];
    let mut at = 0_u32;
    for a in 0..400 {
        for b in 0..a {
            sets[a].push((at, at));
            sets[b].push((at, at));
            at += 2;
        }
    }
    let rules = sets.into_iter().enumerate().map(|(i, set)| {
        let set = netrig_policy::words::Addresses { v4: Ranges::of(set), v6: Ranges::default() };
        rule(&format!("r{i}"), Action::Drop, vec![Match { dst: Some(Arc::new(set)), ..Match::default() }])
    });
    let said = said(&policy_of(rules.collect()));
    assert!(said.contains("destination addresses and those of other rules overlap in more than 65536 ways"), "{said}");
}

#[test]
fn memory_is_told_by_its_parts() {
    let ports = Match { dst_port: Some(Arc::new(Ranges::of(vec![(53, 53)]))), ..Match::default() };
    let whole = Action::Limit(netrig_policy::words::Limit { per: LimitPer::Rule, ..limit() });
    let policy =
        policy_of(vec![rule("a", Action::Limit(limit()), vec![ports]), rule("b", whole, vec![Match::default()])]);
    let tables = compile(&policy, &world(Arc::default())).expect("compiles").tables;
    assert!(matches!(tables.rules[2].act, Act::Limit(_)));
    let memory = tables.memory();
    assert_eq!((memory.rows, memory.rules, memory.limits), (2 * 64, 4 * 64, 1024 * 16));
    assert_eq!((memory.src, memory.dst, memory.kinds), (0, 0, 513 * 8));
    assert_eq!(memory.ports, (2 * (PortClasses::UNREADABLE as u64 + 1)).next_multiple_of(8) + 2 * 8);
    assert_eq!(memory.total(), 128 + 256 + 16384 + 4104 + memory.ports);
    assert_eq!(
        memory.to_string(),
        "148.4 KiB: ports 128.0 KiB, protocols 4.0 KiB, rows 128 B, rules 256 B, sources of limits 16.0 KiB"
    );
}
