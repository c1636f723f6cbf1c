//! Whatever comes: no panic, bounded memory, and every bound's victims told and counted.

use super::build::*;
use super::http::get;
use netrig_model::{Direction, RequestOutcome};
use netrig_payload::track::TrackerConfig;
use proptest::prelude::*;

const SERVER: (u8, u16) = (2, 80);

#[test]
fn beyond_the_flows_that_fit_the_longest_idle_is_given_up() {
    let mut road = Road::with(TrackerConfig { flows_max: 10, ..TrackerConfig::default() });
    for n in 0..100 {
        road.see(&segment(i64::from(n) * MS, (1, 1000 + n), SERVER, 1, get("/").as_bytes()));
        assert!(road.tracker.flows() <= 10);
    }
    assert_eq!((road.told.len(), road.tracker.counts().no_room), (90, 90));
    assert!(road.told.iter().all(|request| request.outcome == RequestOutcome::Unknown));
    assert_eq!(road.told[0].key.src_port, 1000);
    road.finish();
    assert_eq!((road.told.len(), road.tracker.pending(), road.tracker.flows()), (100, 0, 0));
}

#[test]
fn questions_beyond_what_may_wait_are_given_up_oldest_first() {
    let mut road = Road::with(TrackerConfig { pending_max: 10, ..TrackerConfig::default() });
    for n in 0..1000 {
        road.see(&datagram(i64::from(n), (1, 1000 + n), (2, 53), &dns_question(n, "a.org")));
        assert!(road.tracker.pending() <= 10);
    }
    assert_eq!((road.told.len(), road.tracker.counts().no_room), (990, 990));
    assert!(road.told.iter().map(|request| request.key.src_port).eq(1000..1990));
}

#[test]
fn octets_that_wait_for_more_are_bounded() {
    let config = TrackerConfig { octets_max: 100_000, ..TrackerConfig::default() };
    let mut road = Road::with(config);
    let hello = client_hello("a.org", &[], 3000);
    for n in 0..1000 {
        road.see(&segment(i64::from(n), (1, 1000 + n), (2, 443), 1, &hello[..1400]));
    }
    assert!(road.tracker.flows() < 100);
    assert_eq!(road.told.len() + road.tracker.flows(), 1000);
    assert_eq!(road.tracker.counts().no_room, road.told.len() as u64);
}

#[test]
fn pipelined_requests_are_bounded() {
    let mut road = Road::new();
    for n in 0..1000 {
        let request = get("/");
        road.see(&segment(i64::from(n) * 1000, (1, 1000), SERVER, n * request.len() as u32, request.as_bytes()));
    }
    assert_eq!((road.tracker.pending(), road.told.len()), (128, 872));
    assert_eq!(road.tracker.counts().no_room, 872);
}

#[test]
fn idle_flows_are_forgotten() {
    let mut road = Road::new();
    for n in 0..100 {
        road.see(&segment(0, (1, 1000 + n), SERVER, 1, get("/").as_bytes()));
        road.see(&segment(MS, SERVER, (1, 1000 + n), 1, b"HTTP/1.1 204 No Content\r\n\r\n"));
        road.see(&segment(0, (1, 1000 + n), (3, 22), 1, b"SSH-2.0-x\r\n"));
    }
    road.tick(3000 * MS);
    assert_eq!((road.tracker.flows(), road.told.len()), (100, 100));
    road.tick(61_000 * MS);
    assert_eq!(road.tracker.flows(), 0);
    assert_eq!(road.tracker.counts().unknown, 100);
}

#[test]
fn what_ends_without_octets_is_not_followed() {
    let mut road = Road::new();
    road.see(&segment(0, (1, 1000), SERVER, 1, b"").flags(SYN)).see(&segment(0, (1, 1000), SERVER, 1, b"").flags(FIN));
    assert_eq!(road.tracker.flows(), 0);
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let spoilt = |whole: Vec<u8>| {
        (Just(whole), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(mut octets, cut, at, value)| {
                let index = at.index(octets.len());
                octets[index] = value;
                octets.truncate(1 + cut.index(octets.len()));
                octets
            },
        )
    };
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        spoilt(get("/a").into_bytes()),
        Just(get("/b").into_bytes()),
        spoilt(b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nabc".to_vec()),
        spoilt(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n".to_vec()),
        Just(b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec()),
        Just(b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec()),
        spoilt(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec()),
        spoilt(client_hello("a.org", &[1; 32], 9)),
        spoilt(server_hello(true)),
        spoilt(hello_retry()),
        Just(alert(40)),
        spoilt(dns_question(7, "a.org")),
        spoilt(dns_answer(7, "a.org", &[[1, 2, 3, 4]])),
    ]
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let place = (1u16..3, any::<bool>());
    let sequence = prop_oneof![0u32..200, (u32::MAX - 100)..=u32::MAX, any::<u32>()];
    let packet = (0i64..40, place, any::<bool>(), 0u8..3, 0usize..4, sequence, 0u8..8, octets(), 0u32..3000);
    let packet = packet.prop_map(|(wait, (iface, is_in), is_back, transport, port, sequence, flags, octets, more)| {
        let (client, server) = ((1, 1000 + more as u16 % 3), (2, [53, 80, 443, 5353][port]));
        let (from, to) = if is_back { (server, client) } else { (client, server) };
        let direction = if is_in { Direction::Ingress } else { Direction::Egress };
        let length = octets.len() as u32 + if more % 2 == 0 { 0 } else { more };
        let flags = if flags < 5 { 0 } else { flags };
        let protocol = [6, 17, 6][usize::from(transport)];
        let packet = segment(wait * MS, from, to, sequence, &octets).at(iface, direction).flags(flags);
        Packet { protocol, ..packet.of_length(length) }
    });
    prop::collection::vec(packet, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_segments_do_no_harm(packets in packets(), copy in 64usize..4096, pending_max in 1usize..50) {
        let bounds = TrackerConfig { flows_max: 5, pending_max, octets_max: 20_000, copy, ..TrackerConfig::default() };
        let mut road = Road::with(bounds);
        let mut now = 0;
        for packet in packets {
            // Time goes on, now and then a little back.
            now += packet.time_ns - 5 * MS;
            road.see(&Packet { time_ns: now, ..packet });
            road.tick(now);
            prop_assert!(road.tracker.flows() <= 5);
            prop_assert!(road.tracker.pending() <= pending_max + 1);
            prop_assert!(road.tracker.bytes() < 300_000, "{}", road.tracker.bytes());
        }
        // What ends a stream may tell of a message in it, which then has its own time to wait.
        road.tick(now + 200_000 * MS).tick(now + 300_000 * MS);
        prop_assert_eq!((road.tracker.flows(), road.tracker.pending()), (0, 0));
        let told = road.told.len();
        road.finish();
        prop_assert_eq!(road.told.len(), told);
    }
}
