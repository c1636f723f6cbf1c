//! Heads of HTTP/1 messages, also such as never become whole, and where bodies end.

use super::lately::Place;
use crate::parse::{
    Body, HttpRequest, HttpResponse, Read, http_request, http_request_cut, http_response, http_response_cut,
};
use netrig_model::HttpExchange;

/// What a head says, and where its message goes on.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) exchange: HttpExchange,
    pub(super) octets: usize,
    pub(super) body: Body,
}

pub(super) enum Reading {
    Head(Head),
    More,
    No,
}

/// Reads a request's head. When there will be `no_more` octets, what there are must do.
pub(super) fn read_request(run: &[u8], no_more: bool, with_path: bool, lately: &mut Place) -> Reading {
    if let Some(known) = lately.find(run) {
        return Reading::Head(known);
    }
    match http_request(run, with_path) {
        Read::Whole(request) => whole(run, request.into(), lately),
        Read::No => Reading::No,
        Read::More if !no_more => Reading::More,
        Read::More => cut(http_request_cut(run, with_path)),
    }
}

/// Reads an answer's head likewise.
pub(super) fn read_answer(run: &[u8], no_more: bool, lately: &mut Place) -> Reading {
    if let Some(known) = lately.find(run) {
        return Reading::Head(known);
    }
    match http_response(run) {
        Read::Whole(answer) => whole(run, answer.into(), lately),
        Read::No => Reading::No,
        Read::More if !no_more => Reading::More,
        Read::More => cut(http_response_cut(run)),
    }
}

fn whole(run: &[u8], head: Head, lately: &mut Place) -> Reading {
    lately.learn(run, &head);
    Reading::Head(head)
}

/// Where the head of a message ends is not known then, nor its body.
fn cut(head: Option<impl Into<Head>>) -> Reading {
    head.map_or(Reading::No, |head| Reading::Head(Head { body: Body::UntilClose, ..head.into() }))
}

impl From<HttpRequest> for Head {
    fn from(request: HttpRequest) -> Self {
        let exchange = HttpExchange {
            version: Some(request.version),
            method: Some(request.method),
            host: request.host,
            path: Some(request.path).filter(|path| !path.is_empty()),
            ..HttpExchange::default()
        };
        Self { exchange, octets: request.head_len, body: request.body }
    }
}

impl From<HttpResponse> for Head {
    fn from(answer: HttpResponse) -> Self {
        let (version, status) = (Some(answer.version), Some(answer.status));
        let exchange = HttpExchange { version, status, ..HttpExchange::default() };
        Self { exchange, octets: answer.head_len, body: answer.body }
    }
}

/// Octets of a chunked body, when all of it is there.
pub(super) fn chunked_octets(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = body.get(at..)?;
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let digits = rest[..line].split(|octet| *octet == b';').next()?.trim_ascii();
        let size = usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        at += line + 2;
        if size == 0 {
            return trailers_end(body, at);
        }
        at = at.checked_add(size)?.checked_add(2)?;
    }
}

fn trailers_end(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = body.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_ends_behind_its_trailers() {
        let body = b"4;x=1\r\nWiki\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nHTTP/1.1";
        assert_eq!(chunked_octets(body), Some(body.len() - 8));
        assert_eq!(chunked_octets(b"0\r\n\r\n"), Some(5));
        for cut in 0..body.len() - 8 {
            assert_eq!(chunked_octets(&body[..cut]), None, "{cut}");
        }
        assert_eq!(chunked_octets(b"ffffffffffffffff\r\n"), None);
        assert_eq!(chunked_octets(b"x\r\n\r\n"), None);
    }
}
