//! The policy probe's programs in the real kernel, by test run.

use netrig_policy::words::{
    Action, Addresses, Limit, LimitPer, LimitUnit, Management, Match, Mode, Policy, Rule, Unreadable,
};
use netrig_policy::{Ranges, World, compile};
use netrig_probes::policy::{Confirmation, PolicyProbe};
use netrig_testkit::require_root;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

fn dropping(src: &[[u8; 4]]) -> Policy {
    let v4 = src.iter().map(|octets| u32::from(Ipv4Addr::from(*octets))).map(|number| (number, number));
    let addresses = Addresses { v4: Ranges::of(v4.collect()), v6: Ranges::default() };
    let rule = Rule {
        id: "blocked".into(),
        comment: None,
        owner: None,
        ttl: None,
        mode: Mode::Enforce,
        action: Action::Drop,
        alternatives: vec![Match { src: Some(Arc::new(addresses)), ..Match::default() }],
        line: 1,
    };
    Policy {
        rules: vec![rule],
        fragments: Unreadable::Pass,
        persist: false,
        management: Management { auto: false, allow: Arc::default() },
        interfaces: Vec::new(),
    }
}

fn udp_from(source: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[23] = 17;
    frame[26..30].copy_from_slice(&source);
    frame[30..34].copy_from_slice(&[10, 0, 0, 1]);
    frame[34..38].copy_from_slice(&[1, 2, 3, 4]);
    frame
}

fn put(probe: &mut PolicyProbe, policy: &Policy, confirm: Option<Duration>) {
    let compiled = compile(policy, &World { cpus: 2, ..World::default() }).expect("it compiles");
    probe.put(&compiled.tables, confirm).expect("it is put in force");
}

#[test]
fn a_door_without_a_policy_lets_all_pass_and_a_policy_is_put_in_force_whole() {
    require_root!();
    let mut probe = PolicyProbe::load(0).expect("the door is loaded");
    let verdict = |probe: &PolicyProbe, source| probe.run(&udp_from(source)).expect("a test run");
    assert_eq!(verdict(&probe, [10, 0, 0, 7]), XDP_PASS);
    put(&mut probe, &dropping(&[[10, 0, 0, 7]]), None);
    assert_eq!(verdict(&probe, [10, 0, 0, 7]), XDP_DROP);
    assert_eq!(verdict(&probe, [10, 0, 0, 8]), XDP_PASS);
    put(&mut probe, &dropping(&[[10, 0, 0, 8]]), None);
    assert_eq!(verdict(&probe, [10, 0, 0, 7]), XDP_PASS);
    assert_eq!(verdict(&probe, [10, 0, 0, 8]), XDP_DROP);
}

#[test]
fn what_nobody_confirms_gives_way_by_itself() {
    require_root!();
    let mut probe = PolicyProbe::load(0).expect("the door is loaded");
    let verdict = |probe: &PolicyProbe, source| probe.run(&udp_from(source)).expect("a test run");
    put(&mut probe, &dropping(&[[10, 0, 0, 7]]), None);
    put(&mut probe, &dropping(&[[10, 0, 0, 8]]), Some(Duration::from_millis(300)));
    assert!(matches!(probe.confirmation(), Ok(Confirmation::Awaited { .. })));
    assert_eq!(verdict(&probe, [10, 0, 0, 8]), XDP_DROP);
    std::thread::sleep(Duration::from_millis(400));
    // Nobody has told the kernel.
    assert_eq!(verdict(&probe, [10, 0, 0, 8]), XDP_PASS);
    assert_eq!(verdict(&probe, [10, 0, 0, 7]), XDP_DROP);
    assert!(matches!(probe.confirmation(), Ok(Confirmation::Expired)));
    assert!(probe.settle().expect("it settles"));
    assert_eq!(verdict(&probe, [10, 0, 0, 7]), XDP_DROP);
    put(&mut probe, &dropping(&[[10, 0, 0, 9]]), Some(Duration::from_secs(60)));
    probe.keep().expect("it is kept");
    assert_eq!(verdict(&probe, [10, 0, 0, 9]), XDP_DROP);
    put(&mut probe, &dropping(&[]), Some(Duration::from_secs(60)));
    assert_eq!(verdict(&probe, [10, 0, 0, 9]), XDP_PASS);
    probe.take_back().expect("it is taken back");
    assert_eq!(verdict(&probe, [10, 0, 0, 9]), XDP_DROP);
}

/// The bucket goes on with the rule; what a slow limit took from it must not hold a fast one up.
#[test]
fn a_limit_that_is_made_faster_is_faster_at_once() {
    require_root!();
    let mut probe = PolicyProbe::load(0).expect("the door is loaded");
    let limited = |per_second, burst| {
        let mut policy = dropping(&[[10, 0, 0, 7]]);
        let limit = Limit { unit: LimitUnit::Packets, per_second, burst, per: LimitPer::Rule, sources: 1 };
        policy.rules[0].action = Action::Limit(limit);
        policy
    };
    let verdict = |probe: &PolicyProbe| probe.run(&udp_from([10, 0, 0, 7])).expect("a test run");
    put(&mut probe, &limited(1, 60), None);
    assert!((0..60).all(|_| verdict(&probe) == XDP_PASS));
    put(&mut probe, &limited(1_000_000, 1_000), None);
    verdict(&probe);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(verdict(&probe), XDP_PASS, "a minute of the slow one would have been left");
}
