//! Captures through policies, as `netrig policy test` takes them.

use super::rig::world;
use super::words::*;
use crate::packets::*;
use crate::written::Order;
use crate::written::pcap::PcapBuilder;
use netrig_model::TrafficCounts;
use netrig_policy::words::{Action, Limit, LimitPer, LimitUnit, Match, Mode, Policy, Rule, Target};
use netrig_policy::{Slots, compile};
use netrig_replay::capture::CaptureReader;
use netrig_replay::policy::{PolicyReplay, PolicyReplayError, RuleReplay, capture_verdicts, verdicts};
use netrig_testkit::require_root;
use std::io::Cursor;
use std::path::Path;

fn replayed(policy: &Policy, bytes: &[u8]) -> Result<PolicyReplay, PolicyReplayError> {
    let compiled = compile(policy, &world(policy, &Slots::default())).expect("it compiles");
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    capture_verdicts(CaptureReader::from_stream(Path::new("test.pcap"), stream).expect("a capture"), &compiled.tables)
}

fn traffic(packets: u64, bytes: u64) -> TrafficCounts {
    TrafficCounts { packets, bytes }
}

fn frame(protocol: u8, rest: &[u8]) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&V4::default(), protocol, rest))
}

fn some_rules() -> Policy {
    let burst = Limit { sources: 64, ..limit(LimitUnit::Packets, 1_000, PER_ADDRESS) };
    policy([
        rule("all", Action::Count, [everything()]),
        Rule { mode: Mode::Shadow, ..rule("no-dns", Action::Drop, [to_port(53)]) },
        rule("no-syn", Action::Drop, [flags(0x12, 0x02)]),
        rule("aside", Action::Redirect(Target::Cpu(0)), [Match { vlan: to_vlan(7), ..Match::default() }]),
        rule("limit", Action::Limit(burst), [protocol(17)]),
    ])
}

fn to_vlan(id: u16) -> Option<Vec<netrig_policy::words::VlanTest>> {
    Some(vec![netrig_policy::words::VlanTest::Ids(id..=id)])
}

/// Each packet of this capture, and what becomes of it, counted by hand.
#[test]
fn a_capture_comes_to_what_its_packets_come_to() {
    require_root!();
    let dns = frame(17, &udp((1000, 53), b"question"));
    let syn = frame(6, &tcp((1000, 80), 2, b""));
    let ack = frame(6, &tcp((1000, 80), 16, b""));
    let tagged = ethernet(0x8100, &vlan(7, IPV4, &ipv4(&V4::default(), 17, &udp((1, 2), b""))));
    let huge = {
        let mut frame = dns.clone();
        frame.resize(200_000, 0);
        frame
    };
    let bytes = PcapBuilder::ethernet()
        .packet(1, 0, &dns)
        .packet(1, 0, &dns)
        .packet(2, 0, &syn)
        .packet(3, 0, &ack)
        .packet(4, 0, &tagged)
        .packet(5, 0, &ethernet(0x0806, &[0; 28]))
        .cut_packet(6, 0, &ack[..40], 54)
        .packet(7, 0, &ack[..13])
        .packet(8, 0, &huge)
        .bytes;
    let outcome = replayed(&some_rules(), &bytes).expect("a whole capture");
    assert_eq!([dns.len(), syn.len(), ack.len(), tagged.len()], [50, 54, 54, 46]);
    let rule = |slot, matched, over| RuleReplay { slot, matched, over };
    let none = traffic(0, 0);
    let expected = PolicyReplay {
        packets: 9,
        passed: traffic(5, 50 + 50 + 54 + 42 + 40),
        dropped: traffic(1, 54),
        redirected: traffic(1, 46),
        answered: none,
        too_short: 1,
        too_long: 1,
        truncated: 1,
        sources_forgotten: 0,
        rules: vec![
            rule(0, traffic(1, 42), none),
            rule(1, none, none),
            rule(2, traffic(6, 50 + 50 + 54 + 54 + 46 + 40), none),
            rule(3, traffic(2, 100), traffic(2, 100)),
            rule(4, traffic(1, 54), traffic(1, 54)),
            rule(5, traffic(1, 46), traffic(1, 46)),
            rule(6, traffic(2, 100), none),
        ],
    };
    assert_eq!(outcome, expected);
}

#[test]
fn packets_without_an_ethernet_header_are_given_one() {
    require_root!();
    let head6 = ipv6(&V6::default(), 17, &udp((1000, 53), b"x"));
    let bytes = PcapBuilder::new(Order::Little, 0xa1b2_c3d4, 101)
        .packet(1, 0, &frame(17, &udp((1000, 53), b"x"))[14..])
        .packet(1, 0, &head6)
        .packet(1, 0, &[0x45])
        .packet(1, 0, &[])
        .bytes;
    let macs = Match { src_mac: Some(vec![[0; 6]]), dst_mac: Some(vec![[0; 6]]), ..Match::default() };
    let rules = policy([rule("macs", Action::Count, [macs]), rule("dns", Action::Drop, [to_port(53)])]);
    let outcome = replayed(&rules, &bytes).expect("a whole capture");
    assert_eq!((outcome.packets, outcome.too_short), (4, 1));
    assert_eq!((outcome.dropped, outcome.passed), (traffic(2, 43 + 63), traffic(1, 15)));
    assert_eq!(outcome.rules[2].matched, traffic(3, 43 + 63 + 15));
}

/// An hour of packets, one a second, at one packet a second: all at once they are too many.
#[test]
fn limits_are_judged_as_if_all_packets_came_at_once() {
    require_root!();
    let frames = (0..3_600).map(|second| (second, frame(17, &udp((1, 2), b""))));
    let bytes = frames.fold(PcapBuilder::ethernet(), |b, (second, frame)| b.packet(second, 0, &frame)).bytes;
    let one = policy([rule("limit", Action::Limit(limit(LimitUnit::Packets, 5, LimitPer::Rule)), [everything()])]);
    let outcome = replayed(&one, &bytes).expect("a whole capture");
    // Not exactly five, where the machine is slow.
    assert!((5..1_000).contains(&outcome.passed.packets), "{outcome:?}");
    assert_eq!(outcome.passed.packets + outcome.dropped.packets, 3_600);
    assert_eq!((outcome.rules[2].matched.packets, outcome.rules[2].over), (3_600, outcome.dropped));
}

#[test]
fn a_broken_capture_tells_what_it_came_to_before_the_break() {
    require_root!();
    let whole = PcapBuilder::ethernet().packet(1, 0, &frame(6, &tcp((1, 2), 2, b""))).packet(2, 0, &[0; 60]).bytes;
    match replayed(&some_rules(), &whole[..whole.len() - 1]) {
        Err(PolicyReplayError::Capture { error, so_far }) => {
            assert_eq!(error.place.map(|place| place.packet), Some(2));
            assert_eq!((so_far.packets, so_far.dropped.packets), (1, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error_before_anything_is_loaded() {
    let tables = compile(&policy([]), &world(&policy([]), &Slots::default())).expect("it compiles").tables;
    let missing = verdicts(Path::new("/nonexistent/capture.pcap"), &tables);
    assert!(matches!(missing, Err(PolicyReplayError::Capture { .. })), "{missing:?}");
}

/// Every packet of the real captures has a verdict, and every verdict is counted.
#[test]
fn real_captures_balance() {
    require_root!();
    let rules = some_rules();
    let compiled = compile(&rules, &world(&rules, &Slots::default())).expect("it compiles");
    for expected in crate::expected::all() {
        let outcome = verdicts(&expected.path, &compiled.tables).expect("a whole capture");
        let mut judged = outcome.passed;
        judged.add(outcome.dropped);
        judged.add(outcome.redirected);
        let rules: Vec<_> = outcome.rules.iter().map(|rule| rule.matched).collect();
        assert_eq!(outcome.packets, expected.packets, "{}", expected.path.display());
        assert_eq!(outcome.packets, judged.packets + outcome.too_short + outcome.too_long);
        // What always passes is counted there and nowhere else; the first rule counts all that is left.
        assert_eq!(judged.packets, rules[0].packets + rules[2].packets);
        assert_eq!(judged.bytes, rules[0].bytes + rules[2].bytes);
    }
}
