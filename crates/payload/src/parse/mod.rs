//! Single messages, read from their first octets.

mod dns;
mod http;
mod http2;
mod quic;
mod text;
mod tls;

pub use dns::{DnsMessage, dns};
pub use http::{Body, HttpRequest, HttpResponse, http_request, http_request_cut, http_response, http_response_cut};
pub use http2::{Http2Request, http2_request, http2_request_cut, http2_status};
pub use quic::{QuicInitials, QuicRead};
pub use tls::{
    ClientHello, NextRecord, ServerAnswer, client_hello, client_hello_cut, hello_octets, next_record, server_answer,
    tls_alert,
};

/// What reading the beginning of a stream came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read<T> {
    /// A message.
    Whole(T),
    /// The beginning of one: more octets are needed.
    More,
    /// Not this protocol, or malformed.
    No,
}
