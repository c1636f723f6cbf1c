//! Heads of HTTP/1 messages.

use super::Read;

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
    /// `1.0` or `1.1`.
    pub version: &'static str,
    /// Method.
    pub method: String,
    /// Host, by the request's target or its header.
    pub host: Option<String>,
    /// Path and query.
    pub path: String,
    /// Octets of the head, its empty line included.
    pub head_len: usize,
    /// How its body ends.
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

/// Reads a request's head at the beginning of `octets`.
#[must_use]
pub fn http_request(_octets: &[u8]) -> Read<HttpRequest> {
    Read::No
}

/// Reads an answer's head at the beginning of `octets`.
#[must_use]
pub fn http_response(_octets: &[u8]) -> Read<HttpResponse> {
    Read::No
}
