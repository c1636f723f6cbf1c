//! Limits. Time is kept out: a bucket gets one packet or byte back in a second, and what took longer is done again.

use super::judge::{XDP_DROP, XDP_PASS};
use super::rig::{Rig, run_at_once};
use super::words::*;
use crate::packets::*;
use netrig_policy::words::{Action, Limit, LimitPer, LimitUnit, Policy, Rule};
use netrig_testkit::require_root;
use std::net::{Ipv4Addr, Ipv6Addr};

fn limiting(limit: Limit) -> Rule {
    rule("limit", Action::Limit(limit), [everything()])
}

fn from4(src: [u8; 4]) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&V4 { src: src.into(), ..V4::default() }, 17, &udp((1, 2), b"")))
}

fn from6(src: Ipv6Addr) -> Vec<u8> {
    ethernet(IPV6, &ipv6(&V6 { src, ..V6::default() }, 17, &udp((1, 2), b"")))
}

/// How many of these frames pass, all at once.
fn passed(policy: &Policy, frames: &[Vec<u8>]) -> usize {
    let (verdicts, rig) = run_at_once(policy, frames);
    let passed = verdicts.iter().filter(|verdict| **verdict == XDP_PASS).count();
    assert_eq!(rig.packets("limit"), (frames.len() as u64, (frames.len() - passed) as u64));
    passed
}

#[test]
fn all_that_match_a_rule_share_its_bucket() {
    require_root!();
    let one = policy([limiting(limit(LimitUnit::Packets, 5, LimitPer::Rule))]);
    let frames: Vec<_> = (0..20).map(|n| from4([10, 0, 0, n])).chain([from6(A6), ethernet(0x88cc, &[0; 40])]).collect();
    assert_eq!(passed(&one, &frames), 5);
}

#[test]
fn each_source_has_a_bucket_of_its_own_and_what_is_not_ip_has_one_together() {
    require_root!();
    let one = policy([limiting(limit(LimitUnit::Packets, 3, PER_ADDRESS))]);
    let mut frames = Vec::new();
    for n in 0..10 {
        frames.extend(vec![from4([10, 0, 0, n]); 5]);
        frames.extend(vec![from6(Ipv6Addr::from(u128::from(n))); 5]);
    }
    // An address of zeros is a source as others are; what is not IP has none.
    frames.extend(vec![from4([0; 4]); 5]);
    frames.extend(vec![ethernet(0x88cc, &[0; 40]); 5]);
    frames.extend(vec![ethernet(0x88cd, &[0; 40]); 5]);
    assert_eq!(passed(&one, &frames), 22 * 3);
}

#[test]
fn sources_of_one_prefix_share_a_bucket() {
    require_root!();
    let per = LimitPer::Source { v4_bits: 24, v6_bits: 56 };
    let one = policy([limiting(limit(LimitUnit::Packets, 4, per))]);
    let v6 = |third: u16, fourth: u16, last: u16| from6(Ipv6Addr::new(0x2001, 0xdb8, third, fourth, 0, 0, 0, last));
    let mut frames: Vec<_> = (0..30).map(|n| from4([10, 0, n % 3, n])).collect();
    frames.extend((0..30).map(|n| v6(0, n % 256, n)));
    frames.extend((0..30).map(|n| v6(0, 0x100 + n, n)));
    assert_eq!(passed(&one, &frames), 3 * 4 + 4 + 4);
    let all = LimitPer::Source { v4_bits: 0, v6_bits: 0 };
    let one = policy([limiting(limit(LimitUnit::Packets, 4, all))]);
    frames.push(ethernet(0x88cc, &[0; 40]));
    assert_eq!(passed(&one, &frames), 4 + 4 + 1, "each family, and what is of none");
}

#[test]
fn two_rules_do_not_share_a_source_s_bucket() {
    require_root!();
    let shadowed = Rule { id: "before".to_owned(), ..limiting(limit(LimitUnit::Packets, 2, PER_ADDRESS)) };
    let shadowed = Rule { mode: netrig_policy::words::Mode::Shadow, ..shadowed };
    let both = policy([shadowed, limiting(limit(LimitUnit::Packets, 3, PER_ADDRESS))]);
    assert_eq!(passed(&both, &vec![from4([10, 0, 0, 1]); 10]), 3);
}

#[test]
fn bytes_are_those_of_frames() {
    require_root!();
    let frame = |length: usize| {
        let mut frame = from4([10, 0, 0, 1]);
        frame.resize(length, 0);
        frame
    };
    let one = policy([limiting(limit(LimitUnit::Bytes, 1000, LimitPer::Rule))]);
    // 900 leave 100: what does not fit takes nothing, and what is smaller still does.
    let frames: Vec<_> = [900, 200, 101, 60, 41, 40, 40].map(|length| frame(length.max(42))).into();
    let lengths: Vec<_> = frames.iter().map(Vec::len).collect();
    assert_eq!(lengths, [900, 200, 101, 60, 42, 42, 42]);
    assert_eq!(passed(&one, &frames), 2);
    assert_eq!(passed(&one, &vec![frame(100); 12]), 10);
    assert_eq!(passed(&one, &[frame(1001), frame(1000)]), 1);
}

/// Its cost in nanoseconds times 2^20 is beyond 64 bits.
#[test]
fn a_giant_costs_as_much_as_it_is_long_also_at_one_byte_a_second() {
    require_root!();
    let mut giant = from4([10, 0, 0, 1]);
    giant.resize(60_000, 0);
    for per in [LimitPer::Rule, PER_ADDRESS] {
        let one = policy([limiting(limit(LimitUnit::Bytes, 59_999, per))]);
        assert_eq!(passed(&one, &vec![giant.clone(); 3]), 0);
        let one = policy([limiting(limit(LimitUnit::Bytes, 150_000, per))]);
        assert_eq!(passed(&one, &vec![giant.clone(); 5]), 2);
    }
}

/// Who makes room begins anew with a full bucket: never does a source pass less than its limit lets it.
#[test]
fn more_sources_than_are_remembered_make_room_for_each_other_and_are_counted() {
    require_root!();
    let few = Limit { sources: 16, ..limit(LimitUnit::Packets, 1, PER_ADDRESS) };
    let rig = Rig::of(&policy([limiting(few)]));
    let sources = || (0..2_000_u32).map(|n| from4((0x0a00_0000 + n).to_be_bytes()));
    assert!(sources().all(|frame| rig.run(&frame) == XDP_PASS), "each has sent but one");
    let lost = rig.buckets_lost();
    assert!(lost >= 1_800, "{lost} of two thousand made room in a memory for 16");
    assert_eq!(rig.packets("limit"), (2_000, 0));
}

#[test]
fn a_bucket_fills_again_as_time_passes() {
    require_root!();
    let quick = Limit { per_second: 100, ..limit(LimitUnit::Packets, 2, LimitPer::Rule) };
    let rig = Rig::of(&policy([limiting(quick)]));
    let frame = from4([10, 0, 0, 1]);
    // Until it is empty: a test run takes far less than the ten milliseconds in which one packet comes back.
    assert!((0..100_000).any(|_| rig.run(&frame) == XDP_DROP), "it is never empty");
    std::thread::sleep(std::time::Duration::from_millis(40));
    assert_eq!([rig.run(&frame), rig.run(&frame)], [XDP_PASS, XDP_PASS]);
}

/// What a policy that takes another's place limits goes on where the other was.
#[test]
fn buckets_outlive_a_policy() {
    require_root!();
    let frame = from4([10, 0, 0, 1]);
    for per in [LimitPer::Rule, PER_ADDRESS] {
        // For another of its packets a bucket would need 42 seconds.
        let one = policy([limiting(limit(LimitUnit::Bytes, 3 * 42, per))]);
        let other = policy([rule("other", Action::Count, [everything()]), limiting(limit(LimitUnit::Bytes, 126, per))]);
        let mut rig = Rig::of(&one);
        let before = [(); 4].map(|()| rig.run(&frame));
        rig.put(&other);
        let after = rig.run(&frame);
        assert_eq!((before, after), ([XDP_PASS, XDP_PASS, XDP_PASS, XDP_DROP], XDP_DROP), "{per:?}");
    }
}

/// Sources of IPv4 and of IPv6 are never the same.
#[test]
fn a_mapped_address_is_not_the_one_it_maps() {
    require_root!();
    let one = policy([limiting(limit(LimitUnit::Packets, 1, PER_ADDRESS))]);
    let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
    assert_eq!(passed(&one, &[from4([10, 0, 0, 1]), from6(mapped), from4([10, 0, 0, 1]), from6(mapped)]), 2);
}
