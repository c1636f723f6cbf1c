//! Heads of HTTP/1 messages, by the `httparse` crate, set to take whatever is sent in practice.

use super::Read;
use super::text::text;
use httparse::{Error, Header, ParserConfig, Request, Response, Status};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// Headers for which there is room without asking for memory.
const HEADERS: usize = 64;

/// How a message's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// After so many octets.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `1.0`, `1.1`, or `0.9`, whose answer has no head.
    pub version: &'static str,
    /// Method.
    pub method: Cow<'static, str>,
    /// Host, by the request's target or its header.
    pub host: Option<String>,
    /// Path and query; empty for CONNECT, and where it was not asked for.
    pub path: String,
    /// Octets of the head, its empty line included; of a cut head, those there are.
    pub head_len: usize,
    /// How its body ends; with the connection, where that cannot be said.
    pub body: Body,
}

/// An answer's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// `1.0` or `1.1`.
    pub version: &'static str,
    /// Status.
    pub status: u16,
    /// Octets of the head, its empty line included.
    pub head_len: usize,
    /// How its body ends, were it not the answer to a HEAD or CONNECT.
    pub body: Body,
}

/// Reads a request's head at the beginning of `octets`. A path that nobody is told needs no memory.
#[must_use]
pub fn http_request(octets: &[u8], with_path: bool) -> Read<HttpRequest> {
    match well_formed_request(octets, with_path) {
        Read::No => match mended_request(octets, with_path) {
            Read::No => simple_request(octets, with_path),
            mended => mended,
        },
        read => read,
    }
}

fn well_formed_request(octets: &[u8], with_path: bool) -> Read<HttpRequest> {
    with_headers(octets, |config, headers| {
        let mut request = Request::new(&mut []);
        let head = config.parse_request_with_uninit_headers(&mut request, octets, headers)?;
        let Status::Complete(head_len) = head else { return Ok(None) };
        Ok(request_of(&request, head_len, with_path))
    })
}

/// Reads an answer's head at the beginning of `octets`.
#[must_use]
pub fn http_response(octets: &[u8]) -> Read<HttpResponse> {
    with_headers(octets, |config, headers| {
        let mut response = Response::new(&mut []);
        let head = config.parse_response_with_uninit_headers(&mut response, octets, headers)?;
        let Status::Complete(head_len) = head else { return Ok(None) };
        Ok(response_of(&response, head_len))
    })
}

/// What is known of a request's head whose rest will not come: what its whole lines say. Of a first line that is cut itself,
/// the method and the beginning of the path.
#[must_use]
pub fn http_request_cut(octets: &[u8], with_path: bool) -> Option<HttpRequest> {
    let lines = whole_lines(octets);
    let head = if lines.is_empty() { first_line(octets)? } else { [lines, b"\r\n"].concat() };
    let Read::Whole(request) = http_request(&head, with_path) else { return None };
    Some(HttpRequest { head_len: octets.len(), body: Body::UntilClose, ..request })
}

/// What is known of an answer's head whose rest will not come: what its whole lines say.
#[must_use]
pub fn http_response_cut(octets: &[u8]) -> Option<HttpResponse> {
    let head = [whole_lines(octets), b"\r\n"].concat();
    let Read::Whole(response) = http_response(&head) else { return None };
    Some(HttpResponse { head_len: octets.len(), body: Body::UntilClose, ..response })
}

/// A request of HTTP/0.9, which some probes still send: `GET /path`, and nothing else.
fn simple_request(octets: &[u8], with_path: bool) -> Read<HttpRequest> {
    let end = octets.iter().position(|octet| *octet == b'\n');
    let line = octets[..end.unwrap_or(octets.len())].trim_ascii_end();
    let Some(path) = line.strip_prefix(b"GET ").filter(|path| path.starts_with(b"/")) else { return Read::No };
    if !path.iter().all(u8::is_ascii_graphic) {
        return Read::No;
    }
    let Some(end) = end else { return Read::More };
    Read::Whole(HttpRequest {
        version: "0.9",
        method: Cow::Borrowed("GET"),
        host: None,
        path: if with_path { text(path) } else { String::new() },
        head_len: end + 1,
        body: Body::None,
    })
}

/// Methods that the kernel's side knows a request by.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "HEAD", "PATCH", "TRACE", "DELETE", "OPTIONS", "CONNECT"];

/// A request whose first line is malformed, but says HTTP somewhere: read as if its target were the first word behind the method.
fn mended_request(octets: &[u8], with_path: bool) -> Read<HttpRequest> {
    let Some(end) = octets.iter().position(|octet| *octet == b'\n') else { return Read::No };
    let line = octets[..end].trim_ascii_end();
    let mut words = line.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let (Some(method), Some(second)) = (words.next(), words.next()) else { return Read::No };
    let version = b"HTTP/1.";
    if !METHODS.iter().any(|known| known.as_bytes() == method)
        || !line.windows(version.len()).any(|word| word == version)
    {
        return Read::No;
    }
    let target = if second.starts_with(version) { b"/" } else { second };
    let first = [method, b" ", target, b" HTTP/1.1\r\n"].concat();
    let mended = [&first, &octets[end + 1..]].concat();
    match well_formed_request(&mended, with_path) {
        Read::Whole(head) => Read::Whole(HttpRequest { head_len: head.head_len - first.len() + end + 1, ..head }),
        read => read,
    }
}

type Headers<'a> = [MaybeUninit<Header<'a>>];

/// Parses with room for as many headers as there are.
fn with_headers<'a, T>(
    octets: &'a [u8],
    parse: impl Fn(&ParserConfig, &mut Headers<'a>) -> Result<Option<T>, Error>,
) -> Read<T> {
    let mut config = ParserConfig::default();
    config
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true);
    let mut read = parse(&config, &mut [const { MaybeUninit::uninit() }; HEADERS]);
    if matches!(read, Err(Error::TooManyHeaders)) {
        let lines = octets.iter().filter(|octet| **octet == b'\n').count();
        let mut headers = Vec::with_capacity(lines);
        headers.resize_with(lines, MaybeUninit::uninit);
        read = parse(&config, &mut headers);
    }
    match read {
        Ok(Some(head)) => Read::Whole(head),
        Ok(None) => Read::More,
        Err(_) => Read::No,
    }
}

fn request_of(request: &Request<'_, '_>, head_len: usize, with_path: bool) -> Option<HttpRequest> {
    let (method, target) = (request.method?, request.path?);
    let (authority, path) = target_parts(method, target);
    let named = || header(request.headers, "host").map(|value| text(value.trim_ascii()));
    let host = authority.map(|authority| text(authority.as_bytes())).or_else(named).filter(|host| !host.is_empty());
    Some(HttpRequest {
        version: version_word(request.version),
        method: method_word(method),
        host,
        path: if with_path { text(path.as_bytes()) } else { String::new() },
        head_len,
        body: announced_body(request.headers).unwrap_or(Body::None),
    })
}

fn response_of(response: &Response<'_, '_>, head_len: usize) -> Option<HttpResponse> {
    let status = response.code?;
    let body = match status {
        100..200 | 204 | 304 => Body::None,
        _ => announced_body(response.headers).unwrap_or(Body::UntilClose),
    };
    Some(HttpResponse { version: version_word(response.version), status, head_len, body })
}

/// Authority, if the target has one, and path (RFC 9112, 3.2). Names of users and passwords before the host are nobody's
/// business.
fn target_parts<'a>(method: &str, target: &'a str) -> (Option<&'a str>, &'a str) {
    let without_user = |authority: &'a str| authority.rsplit('@').next();
    if method == "CONNECT" {
        return (without_user(target), "");
    }
    if target.starts_with('/') {
        return (None, target);
    }
    let Some((scheme, rest)) = target.split_once("://") else { return (None, target) };
    if scheme.is_empty() || !scheme.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet)) {
        return (None, target);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    (without_user(authority), if path.is_empty() { "/" } else { path })
}

/// What headers say of the body (RFC 9112, 6.3).
fn announced_body(headers: &[Header<'_>]) -> Option<Body> {
    if let Some(codings) = headers.iter().rev().find(|header| header.name.eq_ignore_ascii_case("transfer-encoding")) {
        let last = codings.value.rsplit(|octet| *octet == b',').next().unwrap_or_default();
        let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Some(if is_chunked { Body::Chunked } else { Body::UntilClose });
    }
    let lengths = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length"));
    let mut lengths = lengths.flat_map(|header| header.value.split(|octet| *octet == b',')).map(length);
    let first = lengths.next()?;
    Some(match first {
        Some(length) if lengths.all(|other| other == first) => Body::Length(length),
        _ => Body::UntilClose,
    })
}

fn length(digits: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(digits.trim_ascii()).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn header<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn method_word(method: &str) -> Cow<'static, str> {
    let known = METHODS.into_iter().find(|known| *known == method);
    known.map_or_else(|| Cow::Owned(method.to_owned()), Cow::Borrowed)
}

fn version_word(minor: Option<u8>) -> &'static str {
    if minor == Some(0) { "1.0" } else { "1.1" }
}

fn whole_lines(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    &octets[..end]
}

/// A first line made whole, if it begins with what can only be a method.
fn first_line(octets: &[u8]) -> Option<Vec<u8>> {
    let mut words = octets.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let (method, target) = (words.next()?, words.next()?);
    let is_method = method.len() > 2 && method.iter().all(u8::is_ascii_uppercase);
    is_method.then(|| [method, b" ", target, b" HTTP/1.1\r\n\r\n"].concat())
}
