//! Counts of policies' rules, as packets make them in the real kernel, by test run. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::policy::{PolicyDrain, sighting};
use netrig_model::{PolicyAction, PolicyMode, PolicySource, Timestamp};
use netrig_policy::words::{Action, Addresses, Family, Management, Match, Mode, Policy, Protocol, Rule, Unreadable};
use netrig_policy::{Ranges, Slots, World, compile};
use netrig_probes::policy::PolicyProbe;
use netrig_testkit::{Pair, require_root};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LENGTH: usize = 60;

fn rule(id: &str, mode: Mode, action: Action, first: [u8; 4], last: [u8; 4]) -> Rule {
    let ends = (u32::from(Ipv4Addr::from(first)), u32::from(Ipv4Addr::from(last)));
    let addresses = Addresses { v4: Ranges::of(vec![ends]), v6: Ranges::default() };
    Rule {
        id: id.into(),
        comment: None,
        owner: None,
        ttl: None,
        mode,
        action,
        alternatives: vec![Match { src: Some(Arc::new(addresses)), ..Match::default() }],
        line: 1,
    }
}

/// What comes from 10.0.0.0/24 is dropped, all of 10.0.0.0/16 would be.
fn policy() -> Policy {
    Policy {
        rules: vec![
            rule("all", Mode::Shadow, Action::Drop, [10, 0, 0, 0], [10, 0, 255, 255]),
            rule("some", Mode::Enforce, Action::Drop, [10, 0, 0, 0], [10, 0, 0, 255]),
        ],
        fragments: Unreadable::Pass,
        persist: false,
        management: Management { auto: false, allow: Arc::default() },
        interfaces: Vec::new(),
    }
}

fn udp_from(source: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0; LENGTH];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[23] = 17;
    frame[26..30].copy_from_slice(&source);
    frame[30..34].copy_from_slice(&[10, 9, 9, 9]);
    frame[34..38].copy_from_slice(&[0, 7, 0, 53]);
    frame
}

fn in_force(examples_per_second: u32) -> (PolicyProbe, Slots) {
    let mut probe = PolicyProbe::load(examples_per_second).expect("the door is loaded");
    let compiled = compile(&policy(), &World { cpus: 2, ..World::default() }).expect("it compiles");
    probe.put(&compiled.tables, None).expect("it is put in force");
    (probe, compiled.slots)
}

fn send(probe: &PolicyProbe, source: [u8; 4], times: usize) {
    for _ in 0..times {
        probe.run(&udp_from(source)).expect("a test run");
    }
}

#[test]
fn what_each_rule_matched_is_told_and_a_slot_begins_anew_with_its_next_rule() {
    require_root!();
    let (mut probe, slots) = in_force(0);
    let mut drain = PolicyDrain::new(probe.memory());
    let slot = |id| slots.get(id).expect("it has a slot");
    assert_eq!(drain.count(slot("some"), probe.clock()).last_hit, None);
    send(&probe, [10, 0, 0, 7], 320);
    send(&probe, [10, 0, 1, 7], 160);
    probe.sync_clock().expect("the clock is read");
    let (all, some) = (drain.count(slot("all"), probe.clock()), drain.count(slot("some"), probe.clock()));
    assert_eq!((all.matched.packets, all.over.packets), (480, 480));
    assert_eq!((some.matched.packets, some.matched.bytes), (320, 320 * LENGTH as u64));
    assert_eq!(some.over, some.matched);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as i64;
    let hit = some.last_hit.expect("it was hit");
    assert!((Timestamp(now).0 - hit.0).abs() < 5_000_000_000, "{hit} is not now");

    // One packet in sixteen of each rule, whoever sent it, is looked at for its source.
    let of = |addr: [u8; 4], packets_estimated| PolicySource { addr: IpAddr::from(addr), packets_estimated };
    let top = drain.top_sources(5);
    assert_eq!(top.get(&slot("all")), Some(&vec![of([10, 0, 0, 7], 320), of([10, 0, 1, 7], 160)]));
    assert_eq!(top.get(&slot("some")), Some(&vec![of([10, 0, 0, 7], 320)]));
    assert_eq!(drain.top_sources(1)[&slot("all")].len(), 1);

    drain.forget(slot("some"));
    let begun = drain.count(slot("some"), probe.clock());
    assert_eq!((begun.matched.packets, begun.over.bytes, begun.last_hit), (0, 0, None));
    assert_eq!(drain.top_sources(5).get(&slot("some")), None);
    send(&probe, [10, 0, 0, 7], 32);
    assert_eq!(drain.count(slot("some"), probe.clock()).matched.packets, 32);
    assert_eq!(drain.top_sources(5).get(&slot("some")), Some(&vec![of([10, 0, 0, 7], 32)]));
    assert_eq!(drain.count(slot("all"), probe.clock()).matched.packets, 512, "the others go on");
    assert_eq!(drain.count(u16::MAX, probe.clock()).matched.packets, 0);
}

#[test]
fn what_was_taken_from_the_stack_and_what_met_no_policy_is_told() {
    require_root!();
    let unused = PolicyProbe::load(0).expect("the door is loaded");
    send(&unused, [10, 0, 0, 7], 3);
    let drain = PolicyDrain::new(unused.memory());
    assert_eq!((drain.fell_back(), drain.events_lost(), drain.buckets_lost()), (3, 0, 0));
    assert!(drain.removed().is_empty());

    let (probe, _) = in_force(0);
    let drain = PolicyDrain::new(probe.memory());
    send(&probe, [10, 0, 0, 7], 5);
    send(&probe, [10, 0, 1, 7], 9);
    // A test run comes by an interface that has no door.
    let removed = drain.removed();
    assert_eq!(removed.len(), 1);
    assert_eq!((removed[0].ifindex, removed[0].dropped.packets), (None, 5));
    assert_eq!((removed[0].dropped.bytes, removed[0].redirected.packets), (5 * LENGTH as u64, 0));
}

#[test]
fn packets_are_shown_as_they_were() {
    require_root!();
    let (mut probe, slots) = in_force(100);
    send(&probe, [10, 0, 0, 7], 1);
    let clock = *probe.clock();
    let mut seen = Vec::new();
    probe.events(&mut |event| seen.push(sighting(event, &clock))).expect("the ring is read");
    let [shadow, enforced] = &seen[..] else { panic!("two packets, not {}", seen.len()) };
    assert_eq!((shadow.mode, enforced.mode), (PolicyMode::Shadow, PolicyMode::Enforce));
    assert_eq!((Some(shadow.slot), Some(enforced.slot)), (slots.get("all"), slots.get("some")));
    assert_eq!((enforced.action, enforced.over, enforced.ethertype), (Some(PolicyAction::Drop), true, 0x0800));
    let ip = enforced.ip.expect("it is IP");
    assert_eq!((ip.protocol, ip.src), (17, (IpAddr::from([10, 0, 0, 7]), Some(7))));
    assert_eq!(ip.dst, (IpAddr::from([10, 9, 9, 9]), Some(53)));
    assert_eq!((enforced.length as usize, &enforced.octets), (LENGTH, &udp_from([10, 0, 0, 7])));
}

/// Packets that the interface's own counter has received.
fn received(pair: &Pair) -> u64 {
    let text = pair.right.run("cat /proc/net/dev");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("eth0:")).expect("eth0 is there");
    line.split_whitespace().nth(1).and_then(|packets| packets.parse().ok()).expect("a count")
}

/// The ledger relies on it: what XDP drops on veth is in the kernel's counter.
#[test]
fn what_is_dropped_on_an_interface_is_told_with_its_number_and_is_in_the_kernels_own_counter() {
    require_root!();
    let pair = Pair::new("policy-drain");
    let link = pair.right.run("ip -o link show eth0");
    let ifindex: u32 = link.split(':').next().and_then(|number| number.trim().parse().ok()).expect("a number");
    let (removed, counted) = pair.right.inside(|| {
        let mut probe = PolicyProbe::load(0).expect("the door is loaded");
        let [a, b, ..] = Pair::LEFT.octets();
        let mut dropping = policy();
        dropping.rules = vec![rule("udp", Mode::Enforce, Action::Drop, [a, b, 0, 0], [a, b, 255, 255])];
        dropping.rules[0].alternatives[0].protocol = Some(vec![Protocol { number: 17, family: Family::Any }]);
        let compiled = compile(&dropping, &World { cpus: 2, ..World::default() }).expect("it compiles");
        probe.put(&compiled.tables, None).expect("it is put in force");
        probe.attach(Pair::IFACE, ifindex).expect("it is attached");
        let before = received(&pair);
        pair.left.inside(|| {
            let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
            for _ in 0..100 {
                socket.send_to(&[7; 100], (Pair::RIGHT, 9)).expect("it is sent");
            }
        });
        std::thread::sleep(Duration::from_millis(200));
        (PolicyDrain::new(probe.memory()).removed(), received(&pair) - before)
    });
    let [removed] = &removed[..] else { panic!("one interface, not {removed:?}") };
    assert_eq!((removed.ifindex, removed.dropped.packets), (Some(ifindex), 100));
    assert_eq!(removed.dropped.bytes, 100 * (100 + 8 + 20 + 14));
    assert!(counted >= 100, "the kernel's counter has {counted}");
}
