//! Requests of HTTP/1 and HTTP/2, and their answers.

use super::build::*;
use netrig_model::{Direction, Exchange, RequestOutcome};

const CLIENT: (u8, u16) = (1, 40_000);
const SERVER: (u8, u16) = (2, 80);
const ANSWERED: RequestOutcome = RequestOutcome::Answered;

/// Both sides of a connection, with where each has got to.
pub(crate) struct Talk {
    pub(crate) road: Road,
    pub(crate) now: i64,
    sent: [u32; 2],
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self { road: Road::telling_all(), now: 0, sent: [1, 1] }
    }

    pub(crate) fn asks(&mut self, octets: &str) -> &mut Self {
        self.sends(0, octets.as_bytes(), octets.len())
    }

    pub(crate) fn answers(&mut self, octets: &str) -> &mut Self {
        self.sends(1, octets.as_bytes(), octets.len())
    }

    /// Of so many octets only the first are copied.
    pub(crate) fn answers_long(&mut self, octets: &str, length: usize) -> &mut Self {
        self.sends(1, octets.as_bytes(), length)
    }

    pub(crate) fn misses(&mut self, side: usize, octets: usize) -> &mut Self {
        self.sent[side] = self.sent[side].wrapping_add(octets as u32);
        self
    }

    pub(crate) fn ends(&mut self, side: usize, flags: u8) -> &mut Self {
        let packet = self.packet(side, &[]).flags(flags);
        self.road.see(&packet);
        self
    }

    pub(crate) fn waits(&mut self, ns: i64) -> &mut Self {
        self.now += ns;
        self.road.tick(self.now);
        self
    }

    fn packet(&self, side: usize, octets: &[u8]) -> Packet {
        let (from, to) = if side == 0 { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let direction = if side == 0 { Direction::Egress } else { Direction::Ingress };
        segment(self.now, from, to, self.sent[side], octets).at(1, direction)
    }

    fn sends(&mut self, side: usize, octets: &[u8], length: usize) -> &mut Self {
        self.now += MS;
        let packet = self.packet(side, octets).of_length(length as u32);
        self.road.see(&packet);
        self.misses(side, length)
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.org\r\n\r\n")
}

pub(crate) fn answer(status: u16, length: usize) -> String {
    format!("HTTP/1.1 {status} Word\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn a_request_is_told_with_its_answer() {
    let mut talk = Talk::new();
    talk.asks(&get("/a?b=c")).answers(&answer(404, 0));
    let request = talk.road.one();
    assert_eq!((request.latency_ns, request.outcome, request.key.dst_port), (Some(MS as u64), ANSWERED, 80));
    let Exchange::Http(http) = &request.what else { panic!() };
    assert_eq!(
        (http.method.as_deref(), http.host.as_deref(), http.path.as_deref()),
        (Some("GET"), Some("a.org"), Some("/a?b=c"))
    );
    assert_eq!((http.version, http.status, http.grpc), (Some("1.1"), Some(404), false));
}

#[test]
fn no_path_is_told_unless_it_is_wanted() {
    let mut road = Road::new();
    road.see(&segment(0, CLIENT, SERVER, 1, get("/secret").as_bytes())).finish();
    assert_eq!(road.http(), [(String::new(), None, RequestOutcome::Unknown)]);
}

#[test]
fn a_connection_that_is_kept_has_many_requests() {
    let mut talk = Talk::new();
    for n in 0..1000 {
        let head = answer(200 + n % 100, 5_000_000);
        talk.asks(&get(&format!("/{n}"))).answers_long(&head, 1000).misses(1, 4_999_000 + head.len());
        talk.waits(30_000 * MS);
    }
    let told = talk.road.http();
    assert_eq!(told.len(), 1000);
    assert!(told.iter().enumerate().all(|(n, t)| *t == (format!("/{n}"), Some(200 + n as u16 % 100), ANSWERED)),);
    assert!(talk.road.tracker.bytes() < 200_000, "{}", talk.road.tracker.bytes());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut talk = Talk::new();
    talk.asks(&(get("/1") + &get("/2") + &get("/3"))).asks(&get("/4"));
    talk.answers(&(answer(201, 3) + "abc" + &answer(202, 0))).answers(&(answer(203, 2) + "xy"));
    talk.answers(&answer(204, 0)).waits(10 * MS);
    let expected = [("/1", 201), ("/2", 202), ("/3", 203), ("/4", 204)]
        .map(|(path, status)| (path.to_owned(), Some(status), ANSWERED));
    assert_eq!(talk.road.http(), expected);
}

#[test]
fn many_answers_in_a_moment_have_room_while_the_first_is_waited_for() {
    let mut road = Road::telling_all();
    let (mut requests, mut at) = (String::new(), 1);
    (0..20).for_each(|n| requests += &get(&format!("/{n}")));
    road.see(&segment(0, CLIENT, SERVER, 1, requests.as_bytes()));
    for n in 0..20 {
        let octets = answer(200 + n, 600) + &"x".repeat(600);
        road.see(&segment(MS + i64::from(n) * 1000, SERVER, CLIENT, at, octets.as_bytes()));
        at += octets.len() as u32;
    }
    let expected: Vec<_> = (0..20).map(|n| (format!("/{n}"), Some(200 + n), ANSWERED)).collect();
    assert_eq!((road.http(), road.tracker.counts().no_room), (expected, 0));
}

#[test]
fn interim_answers_do_not_end_a_request() {
    let mut talk = Talk::new();
    talk.asks("POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n");
    talk.answers("HTTP/1.1 100 Continue\r\n\r\n").misses(0, 5000).answers(&answer(201, 0));
    talk.asks(&get("/next")).answers(&answer(200, 0));
    assert_eq!(talk.road.http(), [("/up".to_owned(), Some(201), ANSWERED), ("/next".to_owned(), Some(200), ANSWERED)]);
}

#[test]
fn answers_to_head_have_no_body_whatever_length_they_tell() {
    let mut talk = Talk::new();
    talk.asks("HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n").answers(&answer(200, 77_777));
    talk.asks(&get("/2")).answers(&(answer(304, 500) + &answer(200, 0))).asks(&get("/3")).waits(20 * MS);
    let told = talk.road.http();
    assert_eq!(told[..2], [("/1".to_owned(), Some(200), ANSWERED), ("/2".to_owned(), Some(304), ANSWERED)]);
    assert_eq!(told[2..], [(String::new(), Some(200), ANSWERED)], "an answer that nobody asked for");
}

#[test]
fn behind_a_chunked_body_the_next_answer_is_found() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut talk = Talk::new();
    talk.asks(&get("/1")).answers_long(&format!("{chunked}2000\r\nxxxx"), 1400).misses(1, 90_000);
    talk.asks(&get("/2")).answers(&format!("{chunked}1\r\nx\r\n0\r\n\r\n")).asks(&get("/3")).answers(&answer(503, 0));
    talk.waits(10 * MS);
    let statuses: Vec<_> = talk.road.http().into_iter().map(|(path, status, _)| (path, status)).collect();
    assert_eq!(statuses, [("/1".to_owned(), Some(200)), ("/2".to_owned(), Some(200)), ("/3".to_owned(), Some(503))]);
}

#[test]
fn after_an_upgrade_nothing_is_http() {
    let mut talk = Talk::new();
    talk.asks("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    talk.answers("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").asks(&get("/not-a-request"));
    talk.ends(1, FIN).waits(20_000 * MS);
    assert_eq!(talk.road.http(), [("/ws".to_owned(), Some(101), ANSWERED)]);
}

#[test]
fn a_connection_that_ends_leaves_its_requests_unanswered() {
    let mut talk = Talk::new();
    talk.asks(&get("/1")).ends(0, FIN).waits(100 * MS);
    assert!(talk.road.told.is_empty(), "who has said all may yet be answered");
    talk.ends(1, RST).waits(10 * MS);
    assert_eq!(talk.road.http(), [("/1".to_owned(), None, RequestOutcome::Unanswered)]);
}

#[test]
fn a_slow_answer_is_not_told_again_and_the_next_pair_is_right() {
    let mut talk = Talk::new();
    talk.asks(&get("/slow"))
        .waits(6000 * MS)
        .answers(&answer(200, 0))
        .asks(&get("/2"))
        .answers(&answer(404, 0))
        .waits(20 * MS);
    assert_eq!(
        talk.road.http(),
        [("/slow".to_owned(), None, RequestOutcome::Unanswered), ("/2".to_owned(), Some(404), ANSWERED)]
    );
}

#[test]
fn a_head_longer_than_what_is_copied_tells_what_was() {
    let mut talk = Talk::new();
    let long = format!("GET /a HTTP/1.1\r\nHost: a.org\r\nCookie: {}", "x".repeat(3000));
    talk.sends(0, &long.as_bytes()[..2048], 3100)
        .answers(&format!("HTTP/1.1 200 OK\r\nSet-Cookie: {}", "x".repeat(2040)));
    talk.asks(&get("/b")).answers(&answer(404, 0));
    assert_eq!(talk.road.http(), [("/a".to_owned(), Some(200), ANSWERED), ("/b".to_owned(), Some(404), ANSWERED)]);
    let Exchange::Http(http) = &talk.road.told[0].what else { panic!() };
    assert_eq!(http.host.as_deref(), Some("a.org"));
}

#[test]
fn a_first_line_longer_than_what_is_copied_tells_its_method() {
    let mut talk = Talk::new();
    talk.sends(0, format!("DELETE /{}", "x".repeat(2040)).as_bytes(), 9000).answers(&answer(200, 0));
    let Exchange::Http(http) = &talk.road.one().what else { panic!() };
    assert_eq!((http.method.as_deref(), http.path.is_some(), http.status), (Some("DELETE"), true, Some(200)));
}

#[test]
fn of_http_2_the_first_request_is_told() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    // :method GET, :scheme http, :path /, by the static table; END_STREAM, END_HEADERS.
    let request = b"\x00\x00\x03\x01\x05\x00\x00\x00\x01\x82\x86\x84";
    let settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let status = b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88";
    let mut talk = Talk::new();
    talk.sends(0, preface, preface.len()).sends(1, settings, settings.len()).waits(1000 * MS);
    talk.sends(0, request, request.len()).sends(1, status, status.len());
    let request = talk.road.one();
    assert_eq!((request.latency_ns, request.outcome), (Some(MS as u64), ANSWERED));
    let Exchange::Http2(http) = &request.what else { panic!("{request:?}") };
    assert_eq!((http.method.as_deref(), http.path.as_deref(), http.status), (Some("GET"), Some("/"), Some(200)));
    assert_eq!(http.version, Some("2"));
}
