//! HTTP/2: frames made by hand, header blocks of RFC 7541, Appendix C.

use crate::quic::unhex;
use netrig_payload::parse::{Http2Request, Read, http2_request, http2_request_cut, http2_status};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], body].concat()
}

/// C.4.1: `GET http://www.example.com/`.
fn request_block() -> Vec<u8> {
    unhex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")
}

/// C.6.1: 302.
fn response_block() -> Vec<u8> {
    unhex(
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
        8f0b 97c8 e9ae 82ae 43d3",
    )
}

fn literal(index: u8, value: &[u8]) -> Vec<u8> {
    // Without indexing; the index is above 15.
    [&[0x0f, index - 15, value.len() as u8][..], value].concat()
}

fn client(frames: &[Vec<u8>]) -> Vec<u8> {
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]);
    [PREFACE, &settings, &frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]), &frames.concat()].concat()
}

fn example() -> Http2Request {
    Http2Request {
        method: Some("GET".to_owned()),
        host: Some("www.example.com".to_owned()),
        path: Some("/".to_owned()),
        grpc: false,
    }
}

#[test]
fn a_request() {
    let stream = client(&[frame(HEADERS, END_HEADERS | 1, 1, &request_block())]);
    assert_eq!(http2_request(&stream), Read::Whole(example()));
    for end in 0..stream.len() {
        assert_eq!(http2_request(&stream[..end]), Read::More, "cut at {end}");
    }
}

#[test]
fn padding_priority_and_continuation_are_passed_over() {
    let block = request_block();
    let padded = [&[3][..], &[0, 0, 0, 0, 16], &block[..4], &[0; 3]].concat();
    let stream = client(&[frame(HEADERS, 0x28, 1, &padded), frame(CONTINUATION, END_HEADERS, 1, &block[4..])]);
    assert_eq!(http2_request(&stream), Read::Whole(example()));
    for end in 0..stream.len() {
        assert_eq!(http2_request(&stream[..end]), Read::More, "cut at {end}");
    }
}

#[test]
fn grpc_is_known_by_its_content_type() {
    let block = [&[0x83, 0x86][..], &literal(31, b"application/grpc+proto"), &literal(38, b"a.example:50051")].concat();
    let Read::Whole(request) = http2_request(&client(&[frame(HEADERS, END_HEADERS, 1, &block)])) else {
        panic!("not whole")
    };
    assert!(request.grpc);
    assert_eq!((request.method.as_deref(), request.host.as_deref()), (Some("POST"), Some("a.example:50051")));
}

#[test]
fn a_request_whose_rest_never_comes_has_what_there_is() {
    let stream = client(&[frame(HEADERS, END_HEADERS, 1, &request_block())]);
    let cut = http2_request_cut(&stream[..stream.len() - 2]).expect("a request");
    assert_eq!((cut.method.as_deref(), cut.path.as_deref(), cut.host), (Some("GET"), Some("/"), None));
    assert_eq!(http2_request_cut(&stream[..60]), None);
    assert_eq!(http2_request_cut(b"GET / HTTP/1.1\r\n\r\n"), None);
}

#[test]
fn a_servers_status() {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let acknowledged = frame(SETTINGS, 1, 0, &[]);
    let stream = [settings.clone(), acknowledged, frame(HEADERS, END_HEADERS, 1, &response_block())].concat();
    assert_eq!(http2_status(&stream), Read::Whole(Some(302)));
    // The status comes first: the rest of a cut block is not needed.
    assert_eq!(http2_status(&stream[..stream.len() - 10]), Read::Whole(Some(302)));
    for end in 0..30 {
        assert_eq!(http2_status(&stream[..end]), Read::More, "cut at {end}");
    }
    // 103 in between, by name 8 of the table.
    let early = frame(HEADERS, END_HEADERS, 1, b"\x08\x03103");
    let stream = [settings.clone(), early, frame(HEADERS, END_HEADERS, 1, &[0x88])].concat();
    assert_eq!(http2_status(&stream), Read::Whole(Some(200)));
    assert_eq!(http2_status(&[settings, frame(GOAWAY, 0, 0, &[0; 8])].concat()), Read::Whole(None));
}

#[test]
fn what_is_not_http_2_is_refused() {
    for octets in [&b"PRI * HTTP/1.1\r\n\r\n"[..], b"GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(http2_request(octets), Read::No, "{octets:?}");
    }
    let no_settings = [PREFACE, &frame(HEADERS, END_HEADERS, 1, &request_block())].concat();
    assert_eq!(http2_request(&no_settings), Read::No);
    let nonsense = client(&[frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]);
    assert_eq!(http2_request(&nonsense), Read::No);
    let not_continued = client(&[frame(HEADERS, 0, 1, &request_block()), frame(SETTINGS, 0, 0, &[])]);
    assert_eq!(http2_request(&not_continued), Read::No);
    assert_eq!(http2_status(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Read::No);
}
