//! Heads of HTTP/1.

use netrig_payload::parse::{
    Body, HttpRequest, HttpResponse, Read, http_request, http_request_cut, http_response, http_response_cut,
};

fn request(head: &str) -> HttpRequest {
    match http_request(head.as_bytes(), true) {
        Read::Whole(request) => request,
        other => panic!("{head:?}: {other:?}"),
    }
}

fn response(head: &str) -> HttpResponse {
    match http_response(head.as_bytes()) {
        Read::Whole(response) => response,
        other => panic!("{head:?}: {other:?}"),
    }
}

#[test]
fn a_request() {
    let head = "GET /a/b?c=d HTTP/1.1\r\nUser-Agent: x\r\nhOsT:  example.com:8080 \r\n\r\n";
    let got = request(&format!("{head}rest"));
    let expected = HttpRequest {
        version: "1.1",
        method: "GET".into(),
        host: Some("example.com:8080".to_owned()),
        path: "/a/b?c=d".to_owned(),
        head_len: head.len(),
        body: Body::None,
    };
    assert_eq!(got, expected);
}

#[test]
fn the_target_says_where_it_goes() {
    let parts = |line: &str| {
        let got = request(&format!("{line} HTTP/1.0\r\nHost: other.example\r\n\r\n"));
        (got.host.unwrap_or_default(), got.path)
    };
    let pair = |host: &str, path: &str| (host.to_owned(), path.to_owned());
    assert_eq!(parts("GET http://a.example:81/p?q"), pair("a.example:81", "/p?q"));
    assert_eq!(parts("GET http://user:secret@a.example"), pair("a.example", "/"));
    assert_eq!(parts("GET http://a.example?q"), pair("a.example", "?q"));
    assert_eq!(parts("CONNECT a.example:443"), pair("a.example:443", ""));
    assert_eq!(parts("OPTIONS *"), pair("other.example", "*"));
    assert_eq!(parts("GET /go?to=http://b.example/"), pair("other.example", "/go?to=http://b.example/"));
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n").host, None);
    assert_eq!(request("GET / HTTP/1.1\r\nHost:\r\n\r\n").host, None);
}

#[test]
fn what_is_sent_in_practice_is_taken() {
    assert_eq!(request("\r\nPURGE-ALL / HTTP/1.1\nHost: a\n\n").method, "PURGE-ALL");
    assert_eq!(request("GET  /  HTTP/1.1\r\n\r\n").path, "/");
    let folded = "GET / HTTP/1.1\r\nX: a\r\n folded: b\r\nBad Name: c\r\nHost: a.example\r\n\r\n";
    assert_eq!(request(folded).host.as_deref(), Some("a.example"));
    let many: String = (0..500).map(|number| format!("X-{number}: {number}\r\n")).collect();
    assert_eq!(request(&format!("GET / HTTP/1.1\r\n{many}Host: a.example\r\n\r\n")).host.as_deref(), Some("a.example"));
    assert_eq!(response("HTTP/1.1 200\r\n\r\n").status, 200);
    assert_eq!(response("HTTP/1.0 404 Not\tFound \u{e9}\r\nA: b\r\n c\r\n\r\n").version, "1.0");
}

#[test]
fn a_simple_request_is_a_line() {
    let got = request("GET /x\r\n\r\n");
    assert_eq!((got.version, got.path.as_str(), got.head_len, got.body), ("0.9", "/x", 8, Body::None));
    for end in 0..8 {
        assert_eq!(http_request(&b"GET /x\r\n"[..end], true), Read::More, "cut at {end}");
    }
}

#[test]
fn how_bodies_end() {
    let request = |headers: &str| request(&format!("POST / HTTP/1.1\r\n{headers}\r\n")).body;
    assert_eq!(request(""), Body::None);
    assert_eq!(request("Content-Length: 12\r\n"), Body::Length(12));
    assert_eq!(request("Content-Length: 12, 12\r\nContent-Length:12\r\n"), Body::Length(12));
    assert_eq!(request("Content-Length: 12\r\nContent-Length: 13\r\n"), Body::UntilClose);
    assert_eq!(request("Content-Length: +12\r\n"), Body::UntilClose);
    assert_eq!(request("Content-Length: 99999999999999999999\r\n"), Body::UntilClose);
    assert_eq!(request("Content-Length: 12\r\nTransfer-Encoding: gzip, Chunked\r\n"), Body::Chunked);
    assert_eq!(request("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"), Body::UntilClose);
    let response = |status: u16, headers: &str| response(&format!("HTTP/1.1 {status} X\r\n{headers}\r\n")).body;
    assert_eq!(response(200, ""), Body::UntilClose);
    assert_eq!(response(200, "Content-Length: 0\r\n"), Body::Length(0));
    assert_eq!(response(200, "Transfer-Encoding: chunked\r\n"), Body::Chunked);
    for status in [100, 101, 204, 304] {
        assert_eq!(response(status, "Content-Length: 5\r\n"), Body::None);
    }
}

#[test]
fn a_head_that_is_cut_anywhere_needs_more() {
    let whole = b"GET /path HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(http_request(&whole[..end], true), Read::More, "cut at {end}");
    }
    let whole = b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(http_response(&whole[..end]), Read::More, "cut at {end}");
    }
}

#[test]
fn a_head_whose_rest_never_comes_has_what_its_whole_lines_say() {
    let head = b"GET /path HTTP/1.1\r\nHost: a.example\r\nCookie: aaaa";
    let cut = http_request_cut(head, true).expect("a request");
    assert_eq!((cut.host.as_deref(), cut.path.as_str(), cut.body), (Some("a.example"), "/path", Body::UntilClose));
    let cut = http_request_cut(&head[..30], true).expect("a request");
    assert_eq!((cut.host, cut.path.as_str(), cut.head_len), (None, "/path", 30));
    assert_eq!(http_request_cut(b"GET /very/long?and=", true).map(|cut| cut.path).as_deref(), Some("/very/long?and="));
    assert_eq!(http_request_cut(b"GET", true), None);
    assert_eq!(http_request_cut(b"lorem ipsum", true), None);
    let head = b"HTTP/1.1 200 OK\r\nSet-Cookie: aaaaaa";
    assert_eq!(http_response_cut(head).map(|cut| cut.status), Some(200));
    assert_eq!(http_response_cut(&head[..12]), None);
}

#[test]
fn what_is_not_http_is_refused() {
    for octets in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\n\r\n",
        b"GET /a b\r\n",
        b"GET a\r\n",
    ] {
        assert_eq!(http_request(octets, true), Read::No, "{octets:?}");
    }
    for octets in
        [&b"ICY 200 OK\r\n\r\n"[..], b"HTTP/2 200\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n"]
    {
        assert_eq!(http_response(octets), Read::No, "{octets:?}");
    }
}

#[test]
fn a_request_whose_first_line_is_malformed_is_read_by_what_it_says() {
    for (head, method, path) in [
        ("GET  HTTP/1.1\r\nHost: a.example\r\n\r\n", "GET", "/"),
        ("GET HTTP/1.1\r\nHost: a.example\r\n\r\n", "GET", "/"),
        ("PUT /HTTP/1.1\nHost: a.example\n\n", "PUT", "/HTTP/1.1"),
        ("GET /HTTP/1.1\nHost: a.example\n\n", "GET", "/HTTP/1.1"),
        ("POST / HTTP/1.\nHost: a.example\n\n", "POST", "/"),
        ("GET /a b c HTTP/1.0\r\nHost: a.example\r\n\r\n", "GET", "/a"),
        ("POST / / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\n", "POST", "/"),
    ] {
        let Read::Whole(read) = http_request([head, "abc"].concat().as_bytes(), true) else { panic!("{head:?}") };
        assert_eq!((&*read.method, read.path.as_str(), read.head_len), (method, path, head.len()), "{head:?}");
        assert_eq!(read.host.as_deref(), Some("a.example"), "{head:?}");
    }
    assert_eq!(http_request(b"GET / / HTTP/1.1\r\nHost: a.exa", true), Read::More);
    assert_eq!(http_request(b"GET me a coffee\r\n\r\n", true), Read::No);
}
