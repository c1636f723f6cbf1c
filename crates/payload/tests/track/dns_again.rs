//! The same question again, and the same packet again.

use super::build::*;
use netrig_model::{Direction, RequestOutcome};
use proptest::prelude::*;

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 53);

fn asked(time_ns: i64) -> Packet {
    datagram(time_ns, CLIENT, SERVER, &dns_question(7, "example.org"))
}

fn answered(time_ns: i64) -> Packet {
    datagram(time_ns, SERVER, CLIENT, &dns_answer(7, "example.org", &[]))
}

#[test]
fn a_question_asked_again_is_a_retry_and_its_answers_are_one() {
    let mut road = Road::new();
    road.see(&asked(0)).see(&asked(1000 * MS)).see(&asked(3000 * MS));
    road.see(&answered(3010 * MS)).see(&answered(4000 * MS)).tick(20_000 * MS);
    let request = road.one();
    assert_eq!((request.retries, request.latency_ns), (2, Some(3010 * MS as u64)));
}

#[test]
fn asking_again_lets_it_wait_longer_but_not_for_ever() {
    let mut road = Road::new();
    for second in 0..60 {
        road.tick(second * 1000 * MS);
        if road.told.is_empty() {
            road.see(&asked(second * 1000 * MS));
        }
    }
    assert_eq!((road.one().outcome, road.one().retries), (RequestOutcome::Unanswered, 23));
}

#[test]
fn on_the_loopback_a_packet_is_seen_twice_and_counts_once() {
    let mut road = Road::new();
    road.see(&asked(0)).see(&asked(1000).at(1, Direction::Ingress));
    road.see(&answered(5000)).see(&answered(6000).at(1, Direction::Ingress)).tick(10_000 * MS);
    assert_eq!((road.one().retries, road.one().latency_ns), (0, Some(5000)));
    assert_eq!(road.tracker.counts().again, 2);
}

#[test]
fn a_retry_on_the_loopback_is_one_retry() {
    let mut road = Road::new();
    for time in [0, 1000 * MS] {
        road.see(&asked(time)).see(&asked(time + 1000).at(1, Direction::Ingress));
    }
    road.see(&answered(1500 * MS));
    assert_eq!(road.one().retries, 1);
}

#[test]
fn a_forwarded_question_is_measured_where_it_was_seen_first() {
    // From a container: in at its interface 2, out at interface 1; the answer the other way.
    let mut road = Road::new();
    road.see(&asked(0).at(2, Direction::Ingress)).see(&asked(100_000));
    road.see(&answered(10 * MS).at(1, Direction::Ingress));
    assert!(road.told.is_empty());
    road.see(&answered(10 * MS + 200_000).at(2, Direction::Egress));
    assert_eq!(road.one().latency_ns, Some(10 * MS as u64 + 200_000));
    assert_eq!(road.one().key.iface.0, 2);
}

#[test]
fn where_the_answer_takes_another_way_it_is_measured_where_both_were_seen() {
    let mut road = Road::new();
    road.see(&asked(0).at(2, Direction::Ingress)).see(&asked(100_000));
    road.see(&answered(10 * MS).at(1, Direction::Ingress)).tick(21 * MS);
    assert_eq!(road.one().latency_ns, Some(10 * MS as u64 - 100_000));
}

#[test]
fn a_number_used_again_after_its_answer_is_another_question() {
    let mut road = Road::new();
    for turn in 0..3 {
        road.see(&asked(turn * 10 * MS)).see(&answered(turn * 10 * MS + MS));
    }
    assert_eq!(road.told.len(), 3);
    assert!(road.told.iter().all(|r| r.latency_ns == Some(MS as u64) && r.retries == 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Every question that goes in comes out once, with its answer if it has one.
    #[test]
    fn questions_are_conserved(plan in prop::collection::vec((0u8..4, 0u16..500, any::<bool>(), 0i64..9), 1..300)) {
        let mut road = Road::new();
        let mut packets = Vec::new();
        for (at, (host, id, is_answered, wait)) in plan.iter().enumerate() {
            let time = at as i64 * MS;
            let client = (10 + host, 20_000 + at as u16);
            let name = format!("n{at}.org");
            packets.push(datagram(time, client, SERVER, &dns_question(*id, &name)));
            packets.push(datagram(time + 1000, client, SERVER, &dns_question(*id, &name)).at(1, Direction::Ingress));
            if *is_answered {
                packets.push(datagram(time + wait * MS + 5000, SERVER, client, &dns_answer(*id, &name, &[])));
            }
        }
        packets.sort_by_key(|packet| packet.time_ns);
        packets.iter().for_each(|packet| { road.see(packet).tick(packet.time_ns); });
        road.tick(10_000 * MS).finish();
        prop_assert_eq!(road.told.len(), plan.len());
        let answered = road.told.iter().filter(|r| r.outcome == RequestOutcome::Answered && r.latency_ns.is_some()).count();
        prop_assert_eq!(answered, plan.iter().filter(|(_, _, is_answered, _)| *is_answered).count());
        prop_assert_eq!(road.tracker.counts().again, plan.len() as u64);
    }
}
