//! Hellos of TLS and their answers.

use super::build::*;
use netrig_model::{Direction, Exchange, RequestOutcome, Timestamp};
use netrig_payload::track::TrackerConfig;

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 443);

fn said(time_ns: i64, at: u32, octets: &[u8]) -> Packet {
    segment(time_ns, CLIENT, SERVER, at, octets)
}

fn replied(time_ns: i64, at: u32, octets: &[u8]) -> Packet {
    segment(time_ns, SERVER, CLIENT, at, octets).at(1, Direction::Ingress)
}

/// What a client that goes on says behind the answer.
const CHANGE_CIPHER: [u8; 6] = [0x14, 3, 3, 0, 1, 1];

/// When a client that said nothing has not refused the answer.
const ACCEPTED_NS: i64 = 2000 * MS;

#[test]
fn a_hello_is_told_with_its_answer() {
    let mut road = Road::new();
    let hello = client_hello("example.org", &[], 0);
    road.see(&said(100 * MS, 1, &hello).by(5));
    assert_eq!(road.tracker.pending(), 1);
    road.see(&replied(120 * MS, 1, &server_hello(false)));
    assert_eq!((road.told.len(), road.tracker.pending()), (0, 0));
    road.see(&said(121 * MS, 1 + hello.len() as u32, &CHANGE_CIPHER));
    let request = road.one();
    assert_eq!((request.started, request.latency_ns), (Timestamp(100 * MS), Some(20 * MS as u64)));
    assert_eq!((request.key, request.owner.map(|o| o.pid)), (said(0, 0, &[]).key(), Some(5)));
    let tls = tls_of(request);
    assert_eq!((tls.sni.as_deref(), tls.version.as_deref()), (Some("example.org"), Some("TLS 1.3")));
    assert_eq!((tls.resumed, tls.ech, tls.ja4.is_some()), (Some(false), Some(false), true));
    assert!(tls.cipher.is_some());
    assert_eq!(road.tracker.pending(), 0);
    road.see(&said(130 * MS, 900, &[0x14, 3, 3, 0, 1, 1])).see(&said(140 * MS, 906, b"").flags(FIN)).tick(20_000 * MS);
    road.one();
    assert_eq!(road.tracker.flows(), 0);
}

#[test]
fn a_hello_may_be_cut_anywhere_late_sent_again_and_wrap() {
    let hello = client_hello("example.org", &[9; 32], 0);
    let start = u32::MAX - 40;
    for cut in 1..hello.len() {
        let (left, right) = (said(0, start, &hello[..cut]), said(MS, start.wrapping_add(cut as u32), &hello[cut..]));
        for order in [[&left, &right, &left], [&right, &left, &right]] {
            let mut road = Road::new();
            order.into_iter().for_each(|packet| {
                road.see(packet);
            });
            road.see(&replied(2 * MS, u32::MAX, &server_hello(true))).tick(20_000 * MS);
            let request = road.one();
            assert_eq!(tls_of(request).sni.as_deref(), Some("example.org"), "cut at {cut}");
            assert_eq!((request.latency_ns, tls_of(request).resumed), (Some(2 * MS as u64), Some(true)));
            assert_eq!(road.tracker.counts().again, 1, "cut at {cut}");
        }
    }
}

#[test]
fn an_answer_may_be_cut_anywhere() {
    let answer = server_hello(false);
    for cut in 1..answer.len() {
        let mut road = Road::new();
        road.see(&said(0, 1, &client_hello("a.org", &[], 0)));
        road.see(&replied(MS, 1, &answer[..cut])).see(&replied(2 * MS, 1 + cut as u32, &answer[cut..]));
        road.tick(ACCEPTED_NS);
        assert_eq!((road.one().latency_ns, tls_of(road.one()).resumed), (Some(MS as u64), Some(false)), "cut at {cut}");
    }
}

#[test]
fn before_tls_13_a_session_id_that_comes_back_resumes() {
    for (offered, echoed, resumed) in
        [(&[9; 32][..], &[9; 32][..], Some(true)), (&[9; 32], &[1; 32], Some(false)), (&[], &[1; 32], Some(false))]
    {
        let mut road = Road::new();
        road.see(&said(0, 1, &client_hello("a.org", offered, 0))).see(&replied(MS, 1, &server_hello_12(echoed)));
        road.tick(ACCEPTED_NS);
        assert_eq!(tls_of(road.one()).resumed, resumed);
        assert_eq!(tls_of(road.one()).version.as_deref(), Some("TLS 1.2"));
    }
}

#[test]
fn another_hello_that_was_asked_for_is_no_other_request() {
    let mut road = Road::new();
    let hello = client_hello("a.org", &[], 0);
    road.see(&said(0, 1, &hello)).see(&replied(10 * MS, 1, &hello_retry()));
    assert!(road.told.is_empty());
    road.see(&said(20 * MS, 1 + hello.len() as u32, &client_hello("a.org", &[], 8)));
    road.see(&replied(30 * MS, 1 + hello_retry().len() as u32, &server_hello(true))).tick(20_000 * MS);
    assert_eq!((road.one().latency_ns, tls_of(road.one()).resumed), (Some(10 * MS as u64), Some(true)));
}

#[test]
fn an_alert_is_an_answer() {
    let mut road = Road::new();
    road.see(&said(0, 1, &client_hello("a.org", &[], 0))).see(&replied(MS, 1, &alert(40)));
    assert_eq!(road.one().outcome, RequestOutcome::Answered);
    assert_eq!(tls_of(road.one()).alert.as_deref(), Some("handshake_failure"));
}

#[test]
fn an_alert_of_the_client_ends_the_handshake() {
    let (hello, answer) = (client_hello("a.org", &[], 0), server_hello_12(&[]));
    let behind = 1 + hello.len() as u32;
    let octets = alert(48);
    for cut in 0..octets.len() {
        let mut road = Road::new();
        road.see(&said(0, 1, &hello)).see(&replied(10 * MS, 1, &answer));
        road.see(&said(30 * MS, behind, &octets[..cut])).see(&said(31 * MS, behind + cut as u32, &octets[cut..]));
        let request = road.one();
        assert_eq!(
            (request.outcome, request.latency_ns),
            (RequestOutcome::Answered, Some(10 * MS as u64)),
            "cut at {cut}"
        );
        assert_eq!(tls_of(request).alert.as_deref(), Some("unknown_ca"), "cut at {cut}");
        assert_eq!(tls_of(request).version.as_deref(), Some("TLS 1.2"), "cut at {cut}");
        road.see(&said(32 * MS, behind + 7, b"").flags(FIN)).tick(20_000 * MS);
        road.one();
    }
}

#[test]
fn an_alert_of_the_client_is_told_whatever_order_its_copies_come_in() {
    let (hello, answer) = (client_hello("a.org", &[], 0), server_hello_12(&[]));
    let behind = 1 + hello.len() as u32;
    let packets = [
        said(0, 1, &hello),
        replied(MS, 1, &answer),
        said(2 * MS, behind, &alert(42)),
        said(3 * MS, behind + 7, b"").flags(RST),
    ];
    for order in [[0, 2, 1, 3], [1, 0, 2, 3], [0, 1, 2, 3], [1, 2, 0, 3]] {
        let mut road = Road::new();
        for index in order {
            road.see(&packets[index]);
        }
        road.tick(20_000 * MS);
        assert_eq!(tls_of(road.one()).alert.as_deref(), Some("bad_certificate"), "{order:?}");
        assert_eq!(tls_of(road.one()).sni.as_deref(), Some("a.org"), "{order:?}");
    }
}

#[test]
fn what_is_enciphered_is_no_alert() {
    let (hello, answer) = (client_hello("a.org", &[], 0), server_hello(false));
    let behind = 1 + hello.len() as u32;
    let enciphered = [&[0x15, 3, 3, 0, 26][..], &[2; 26]].concat();
    let warning = [0x15, 3, 3, 0, 2, 1, 90];
    for first in [&CHANGE_CIPHER[..], &enciphered, &warning, &[0x17, 3, 3, 0, 2, 2, 48], b"GET / HTTP/1.0\r\n\r\n"] {
        let mut road = Road::new();
        road.see(&said(0, 1, &hello)).see(&replied(MS, 1, &answer)).see(&said(2 * MS, behind, first));
        assert_eq!(tls_of(road.one()).alert, None, "{first:?}");
        road.see(&said(3 * MS, behind + first.len() as u32, &alert(48))).tick(20_000 * MS);
        road.one();
    }
}

#[test]
fn an_alert_behind_another_hello_that_was_asked_for_ends_it() {
    let (first, second) = (client_hello("a.org", &[], 0), client_hello("a.org", &[], 8));
    let mut road = Road::new();
    road.see(&said(0, 1, &first)).see(&replied(10 * MS, 1, &hello_retry()));
    let behind = 1 + first.len() as u32;
    road.see(&said(20 * MS, behind, &CHANGE_CIPHER)).see(&said(20 * MS, behind + 6, &second));
    road.see(&replied(30 * MS, 1 + hello_retry().len() as u32, &server_hello(false)));
    road.see(&said(40 * MS, behind + 6 + second.len() as u32, &alert(47)));
    assert_eq!(tls_of(road.one()).alert.as_deref(), Some("illegal_parameter"));
}

#[test]
fn a_client_whose_next_record_was_lost_or_that_stays_silent_is_told_in_time() {
    let (hello, answer) = (client_hello("a.org", &[], 0), server_hello_12(&[]));
    let behind = 1 + hello.len() as u32;
    let mut road = Road::new();
    road.see(&said(0, 1, &hello)).see(&replied(MS, 1, &answer)).see(&said(2 * MS, behind + 100, &alert(48)));
    assert!(road.told.is_empty());
    road.tick(13 * MS);
    assert_eq!(tls_of(road.one()).alert, None);
    let mut road = Road::new();
    road.see(&said(0, 1, &hello)).see(&replied(MS, 1, &answer)).tick(900 * MS);
    assert!(road.told.is_empty());
    road.tick(1100 * MS);
    assert_eq!(road.one().latency_ns, Some(MS as u64));
}

#[test]
fn a_connection_that_ends_before_the_answer_leaves_the_hello_unanswered() {
    for end in
        [replied(5 * MS, 1, b"").flags(RST), replied(5 * MS, 1, b"").flags(FIN), said(5 * MS, 600, b"").flags(RST)]
    {
        let mut road = Road::new();
        road.see(&said(0, 1, &client_hello("a.org", &[], 0))).see(&end).tick(15 * MS);
        assert_eq!(road.one().outcome, RequestOutcome::Unanswered);
    }
    let mut road = Road::new();
    road.see(&said(0, 1, &client_hello("a.org", &[], 0))).tick(5000 * MS);
    assert_eq!(road.one().outcome, RequestOutcome::Unanswered);
}

#[test]
fn a_hello_longer_than_what_is_copied_is_told_with_its_answer() {
    let hello = client_hello("a.org", &[], 4000);
    let mut road = Road::new();
    road.see(&said(0, 1, &hello[..2048]).of_length(hello.len() as u32));
    road.see(&replied(MS, 1, &server_hello(false))).tick(20_000 * MS);
    assert_eq!((road.one().latency_ns, tls_of(road.one()).version.as_deref()), (Some(MS as u64), Some("TLS 1.3")));
    assert_eq!((tls_of(road.one()).sni.as_deref(), tls_of(road.one()).ja4.as_deref()), (Some("a.org"), None));
}

#[test]
fn of_a_hello_whose_rest_was_lost_the_name_is_told() {
    let hello = client_hello("a.org", &[], 900);
    for is_answered in [true, false] {
        let mut road = Road::new();
        road.see(&said(0, 1, &hello[..600]));
        if is_answered {
            road.see(&replied(MS, 1, &server_hello(false)));
        }
        road.tick(4000 * MS).tick(5000 * MS);
        assert_eq!(tls_of(road.one()).sni.as_deref(), Some("a.org"));
        assert_eq!(road.one().outcome == RequestOutcome::Answered, is_answered);
    }
}

#[test]
fn an_answer_whose_hello_was_not_seen_is_told_as_far_as_it_goes() {
    let mut road = Road::new();
    road.see(&replied(MS, 1, &server_hello(true))).tick(5 * MS);
    assert!(road.told.is_empty());
    road.tick(11 * MS);
    let request = road.one();
    assert_eq!((request.key.dst_port, request.latency_ns, request.started), (443, None, Timestamp(MS)));
    assert_eq!((tls_of(request).sni.as_deref(), tls_of(request).resumed), (None, Some(true)));
}

#[test]
fn an_answer_that_comes_before_its_hello_finds_it() {
    let mut road = Road::new();
    road.see(&replied(2 * MS, 1, &server_hello(false))).see(&said(MS, 1, &client_hello("a.org", &[], 0)));
    road.tick(ACCEPTED_NS);
    assert_eq!((road.one().latency_ns, tls_of(road.one()).sni.as_deref()), (Some(MS as u64), Some("a.org")));
}

#[test]
fn a_server_that_speaks_something_else_has_answered() {
    let mut road = Road::new();
    road.see(&said(0, 1, &client_hello("a.org", &[], 0)));
    road.see(&replied(MS, 1, b"HTTP/1.1 400 Bad Request\r\n\r\n")).tick(20 * MS);
    assert_eq!((road.one().outcome, road.one().latency_ns), (RequestOutcome::Answered, Some(MS as u64)));
}

#[test]
fn tls_may_begin_later_in_a_stream() {
    let mut road = Road::new();
    road.see(&replied(0, 1, b"220 mail.example.org\r\n")).see(&said(MS, 1, b"EHLO me\r\n"));
    road.see(&replied(2 * MS, 23, b"250 STARTTLS\r\n")).see(&said(30 * MS, 10, b"STARTTLS\r\n"));
    road.see(&replied(31 * MS, 37, b"220 go\r\n")).see(&said(40 * MS, 20, &client_hello("mail.example.org", &[], 0)));
    road.see(&replied(60 * MS, 45, &server_hello(false))).tick(ACCEPTED_NS);
    assert_eq!(
        (road.one().latency_ns, tls_of(road.one()).sni.as_deref()),
        (Some(20 * MS as u64), Some("mail.example.org"))
    );
}

#[test]
fn inside_a_tunnel_of_http_there_is_tls() {
    let mut road = Road::new();
    let connect = b"CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n";
    let established = b"HTTP/1.1 200 Connection established\r\nContent-Length: 0\r\n\r\n";
    road.see(&said(0, 1, connect)).see(&replied(10 * MS, 1, established));
    road.see(&said(20 * MS, 1 + connect.len() as u32, &client_hello("a.org", &[], 0)));
    road.see(&replied(25 * MS, 1 + established.len() as u32, &server_hello(false))).tick(ACCEPTED_NS);
    assert_eq!(road.told.len(), 2);
    assert!(matches!(&road.told[0].what, Exchange::Http(http) if http.status == Some(200)));
    assert_eq!((road.told[1].latency_ns, tls_of(&road.told[1]).sni.as_deref()), (Some(5 * MS as u64), Some("a.org")));
}

#[test]
fn a_port_used_again_is_another_connection() {
    let mut road = Road::new();
    for (turn, isn) in [(0, 1000), (100 * MS, 500_000), (200 * MS, 90_000_000)] {
        road.see(&said(turn, isn, &client_hello("a.org", &[], 0))).see(&replied(turn + MS, isn, &server_hello(false)));
        if turn == 100 * MS {
            road.see(&said(turn + 2 * MS, isn + 300, b"").flags(FIN))
                .see(&replied(turn + 3 * MS, isn + 300, b"").flags(FIN));
        }
    }
    road.tick(20_000 * MS);
    assert_eq!(road.told.len(), 3);
}

#[test]
fn seen_at_two_places_it_is_one_request() {
    let mut road = Road::new();
    let (hello, answer) = (client_hello("a.org", &[], 0), server_hello(false));
    road.see(&said(0, 1, &hello)).see(&said(1000, 1, &hello).at(1, Direction::Ingress));
    road.see(&replied(MS, 1, &answer).at(1, Direction::Egress)).see(&replied(MS + 1000, 1, &answer)).tick(20_000 * MS);
    assert_eq!(road.one().latency_ns, Some(MS as u64));
    assert_eq!(road.tracker.counts().again, 2);
}

#[test]
fn in_a_capture_whose_time_jumps_a_handshake_that_is_there_twice_is_one() {
    let mut road = Road::with(TrackerConfig { remember: true, ..TrackerConfig::default() });
    let hello = said(0, 1, &client_hello("example.org", &[], 0));
    let answer = replied(MS, 1, &server_hello(false));
    let years_later = said(5_000_000_000 * MS, 7, b"\x16\x03");
    road.see(&hello).see(&answer).see(&years_later).see(&hello).see(&answer).tick(5_000_020_000 * MS);
    assert_eq!(tls_of(road.one()).sni.as_deref(), Some("example.org"));
}
