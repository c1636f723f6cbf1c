//! Questions and their answers.

use super::build::*;
use netrig_model::{Direction, Exchange, RequestOutcome, Timestamp};
use netrig_payload::track::TrackerConfig;
use std::net::Ipv4Addr;

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 53);

fn asked(time_ns: i64, id: u16, name: &str) -> Packet {
    datagram(time_ns, CLIENT, SERVER, &dns_question(id, name))
}

fn answered(time_ns: i64, id: u16, name: &str) -> Packet {
    datagram(time_ns, SERVER, CLIENT, &dns_answer(id, name, &[[192, 0, 2, 1]])).at(1, Direction::Ingress)
}

#[test]
fn a_question_is_told_with_its_answer() {
    let mut road = Road::new();
    road.see(&asked(100 * MS, 7, "example.org").by(99)).see(&answered(130 * MS, 7, "example.org"));
    let request = road.one();
    assert_eq!(request.key, asked(0, 7, "a").key());
    assert_eq!((request.started, request.latency_ns), (Timestamp(100 * MS), Some(30 * MS as u64)));
    assert_eq!((request.outcome, request.retries), (RequestOutcome::Answered, 0));
    assert_eq!(request.owner.map(|owner| owner.pid), Some(99));
    let Exchange::Dns(dns) = &request.what else { panic!("{request:?}") };
    assert_eq!((dns.name.as_str(), dns.qtype.as_str()), ("example.org", "A"));
    assert_eq!((dns.rcode.as_deref(), dns.answers), (Some("NOERROR"), Some(1)));
    assert_eq!(dns.addresses, [(Ipv4Addr::new(192, 0, 2, 1).into(), 60)]);
    road.tick(60_000 * MS).finish();
    road.one();
}

#[test]
fn questions_are_told_apart_by_number_name_server_and_port() {
    let mut road = Road::new();
    let other_server = datagram(2 * MS, CLIENT, (3, 53), &dns_question(1, "a.org"));
    let other_port = datagram(3 * MS, (1, 40_001), SERVER, &dns_question(1, "a.org"));
    road.see(&asked(0, 1, "a.org")).see(&asked(MS, 1, "b.org")).see(&other_server).see(&other_port);
    road.see(&asked(4 * MS, 2, "a.org"));
    assert_eq!(road.tracker.pending(), 5);
    road.see(&answered(10 * MS, 1, "b.org")).see(&answered(12 * MS, 2, "a.org")).see(&answered(14 * MS, 1, "a.org"));
    let latencies: Vec<_> = road.told.iter().map(|r| r.latency_ns.expect("answered") as i64 / MS).collect();
    assert_eq!(latencies, [9, 8, 14]);
    road.tick(6000 * MS);
    assert_eq!(road.told.len(), 5);
    assert!(road.told[3..].iter().all(|r| r.outcome == RequestOutcome::Unanswered && r.retries == 0));
}

#[test]
fn an_unanswered_question_is_told_after_the_timeout_and_its_late_answer_is_not() {
    let mut road = Road::new();
    road.see(&asked(0, 7, "example.org")).tick(4999 * MS);
    assert!(road.told.is_empty());
    road.tick(5000 * MS).see(&answered(5100 * MS, 7, "example.org")).tick(5200 * MS);
    assert_eq!(road.one().outcome, RequestOutcome::Unanswered);
}

#[test]
fn an_answer_nobody_was_seen_to_ask_for_is_told_for_who_got_it() {
    let mut road = Road::new();
    road.see(&answered(100 * MS, 7, "example.org")).tick(105 * MS);
    assert!(road.told.is_empty(), "its question may be late");
    road.tick(110 * MS);
    let request = road.one();
    assert_eq!(request.key, asked(0, 7, "a").key());
    assert_eq!((request.latency_ns, request.outcome), (None, RequestOutcome::Answered));
}

#[test]
fn an_answer_that_comes_before_its_question_finds_it() {
    let mut road = Road::new();
    road.see(&answered(101 * MS, 7, "example.org")).see(&asked(100 * MS, 7, "example.org")).tick(200 * MS);
    assert_eq!(road.one().latency_ns, Some(MS as u64));
    assert_eq!(road.one().started, Timestamp(100 * MS));
}

#[test]
fn a_refusal_without_a_question_answers_by_its_number() {
    let mut road = Road::new();
    let refusal = [0, 7, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    road.see(&asked(0, 7, "example.org"));
    road.see(&datagram(MS, SERVER, CLIENT, &refusal).at(1, Direction::Ingress));
    let Exchange::Dns(dns) = &road.one().what else { panic!() };
    assert_eq!((dns.name.as_str(), dns.rcode.as_deref()), ("example.org", Some("FORMERR")));
}

#[test]
fn what_is_no_dns_on_its_port_is_malformed() {
    let mut road = Road::new();
    road.see(&datagram(0, CLIENT, SERVER, b"hello"));
    assert_eq!(road.tracker.counts().malformed, 1);
}

#[test]
fn a_group_is_answered_by_any_of_its_members() {
    let mut road = Road::new();
    // Multicast DNS, asked and answered among all, and a one-shot question, answered to its port alone.
    road.see(&datagram(0, (1, 5353), (224, 5353), &dns_question(0, "printer.local")));
    road.see(&datagram(20 * MS, (9, 5353), (224, 5353), &dns_answer(0, "printer.local", &[[10, 0, 0, 9]])));
    assert_eq!(road.one().latency_ns, Some(20 * MS as u64));
    let mut road = Road::new();
    road.see(&datagram(0, (1, 50_000), (224, 5353), &dns_question(5, "printer.local")));
    road.see(&datagram(20 * MS, (9, 5353), (1, 50_000), &dns_answer(5, "printer.local", &[[10, 0, 0, 9]])));
    assert_eq!(road.one().latency_ns, Some(20 * MS as u64));
}

#[test]
fn a_group_need_not_answer() {
    let mut road = Road::new();
    road.see(&datagram(0, (1, 5353), (224, 5353), &dns_question(0, "printer.local"))).tick(5000 * MS);
    assert_eq!(road.one().outcome, RequestOutcome::Unknown);
}

#[test]
fn messages_over_tcp_may_be_cut_anywhere_and_share_segments() {
    let prefixed = |message: Vec<u8>| [&(message.len() as u16).to_be_bytes()[..], &message].concat();
    let questions = [prefixed(dns_question(1, "a.org")), prefixed(dns_question(2, "b.org"))].concat();
    let answers = [prefixed(dns_answer(2, "b.org", &[])), prefixed(dns_answer(1, "a.org", &[]))].concat();
    for cut in 1..questions.len() {
        let mut road = Road::new();
        let (left, right) = questions.split_at(cut);
        road.see(&segment(0, CLIENT, SERVER, 1000, left));
        road.see(&segment(MS, CLIENT, SERVER, 1000 + cut as u32, right));
        let (left, right) = answers.split_at(cut);
        road.see(&segment(5 * MS, SERVER, CLIENT, 1, left));
        road.see(&segment(6 * MS, SERVER, CLIENT, 1 + cut as u32, right));
        assert_eq!(road.told.len(), 2, "cut at {cut}: {:?}", road.tracker.counts());
        assert!(road.told.iter().all(|r| r.outcome == RequestOutcome::Answered && r.latency_ns.is_some()));
    }
}

#[test]
fn a_message_over_tcp_that_was_not_copied_whole_does_not_hide_the_next() {
    let mut road = Road::new();
    let question = |id, name: &str| [&[0, 23][..], &dns_question(id, name)].concat();
    road.see(&segment(0, CLIENT, SERVER, 0, &question(1, "a.org"))).see(&segment(
        MS,
        CLIENT,
        SERVER,
        25,
        &question(2, "b.org"),
    ));
    let addresses: Vec<_> = (0..200).map(|n| [10, 9, 0, n]).collect();
    let long = dns_answer(1, "a.org", &addresses);
    let long = [&(long.len() as u16).to_be_bytes()[..], &long].concat();
    road.see(&segment(2 * MS, SERVER, CLIENT, 0, &long[..2048]).of_length(long.len() as u32));
    let short = dns_answer(2, "b.org", &[]);
    let short = [&(short.len() as u16).to_be_bytes()[..], &short].concat();
    road.see(&segment(3 * MS, SERVER, CLIENT, long.len() as u32, &short));
    assert_eq!(road.told.len(), 2);
    let Exchange::Dns(first) = &road.told[0].what else { panic!() };
    assert_eq!(first.answers, Some(200));
    assert!(first.addresses.len() > 100);
}

#[test]
fn what_waits_when_the_rig_stops_is_unknown() {
    let mut road = Road::new();
    road.see(&asked(0, 1, "a.org")).finish();
    assert_eq!(road.one().outcome, RequestOutcome::Unknown);
    assert_eq!(road.tracker.pending(), 0);
}

#[test]
fn a_shorter_timeout_holds_at_once() {
    let mut road = Road::new();
    road.see(&asked(0, 1, "a.org"));
    road.tracker.configure(TrackerConfig { timeout_ns: 100 * MS, ..TrackerConfig::default() });
    road.tick(100 * MS);
    assert_eq!(road.one().outcome, RequestOutcome::Unanswered);
}

#[test]
fn a_hashed_name_is_the_only_one_that_leaves() {
    let mut config = TrackerConfig::default();
    config.privacy.key = Some(b"secret".to_vec());
    let mut road = Road::with(config);
    road.see(&asked(0, 1, "example.org")).see(&answered(MS, 1, "example.org"));
    let Exchange::Dns(dns) = &road.one().what else { panic!() };
    assert_eq!(dns.name, "1d1e7e283e1e1740");
}
