//! Openings of QUIC connections, by the packets of RFC 9001.

use super::build::*;
use netrig_model::{Direction, Exchange, RequestOutcome, TlsExchange};

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 443);

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).expect("ASCII"), 16).expect("hexadecimal");
    digits.chunks(2).map(octet).collect()
}

fn said(time_ns: i64) -> Packet {
    datagram(time_ns, CLIENT, SERVER, &unhex(include_str!("../parse/vectors/rfc9001_client.hex")))
}

fn replied(time_ns: i64) -> Packet {
    let octets = unhex(include_str!("../parse/vectors/rfc9001_server.hex"));
    datagram(time_ns, SERVER, CLIENT, &octets).at(1, Direction::Ingress)
}

fn quic(road: &Road) -> &TlsExchange {
    match &road.one().what {
        Exchange::Quic(tls) => tls,
        other => panic!("not QUIC: {other:?}"),
    }
}

#[test]
fn an_opening_is_told_with_its_answer() {
    let mut road = Road::new();
    road.see(&said(0).by(5)).see(&said(1000).at(1, Direction::Ingress));
    assert_eq!(road.tracker.pending(), 1);
    road.see(&replied(30 * MS)).see(&said(31 * MS)).see(&replied(32 * MS)).tick(20_000 * MS);
    assert_eq!((road.one().latency_ns, road.one().retries), (Some(30 * MS as u64), 0));
    assert_eq!((road.one().key, road.one().owner.map(|o| o.pid)), (said(0).key(), Some(5)));
    assert_eq!((quic(&road).sni.as_deref(), quic(&road).version.as_deref()), (Some("example.com"), Some("TLS 1.3")));
    assert_eq!((road.tracker.flows(), road.tracker.pending()), (0, 0));
    assert_eq!((road.tracker.counts().again, road.tracker.counts().unknown), (2, 1));
}

#[test]
fn an_opening_that_is_tried_again_is_one() {
    let mut road = Road::new();
    road.see(&said(0)).see(&said(300 * MS)).see(&said(900 * MS)).tick(5000 * MS);
    assert_eq!((road.one().outcome, road.one().retries), (RequestOutcome::Unanswered, 2));
}

#[test]
fn what_opens_nothing_is_not_followed() {
    let mut road = Road::new();
    road.see(&datagram(0, CLIENT, SERVER, &[0xc0; 1200])).see(&replied(MS));
    assert_eq!((road.tracker.flows(), road.tracker.counts().unknown), (0, 2));
}
