//! Hellos of TLS.

use super::Read;

/// A client's hello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name.
    pub sni: Option<String>,
    /// The first protocol offered.
    pub alpn: Option<String>,
    /// The highest version offered: `TLS 1.3`.
    pub version: Option<String>,
    /// JA4.
    pub ja4: String,
    /// Whether it is, or looks as if it were, an outer hello of ECH.
    pub ech: bool,
    /// Its session id, which a TLS 1.2 server echoes when it resumes.
    pub session_id: Vec<u8>,
    /// Whether it offers a session of before (TLS 1.2: a ticket; 1.3: a pre-shared key).
    pub offers_resumption: bool,
}

/// What a server answers a hello with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerAnswer {
    /// The version it chose.
    pub version: Option<String>,
    /// The cipher suite.
    pub cipher: Option<String>,
    /// The protocol, where it is in the clear (up to TLS 1.2).
    pub alpn: Option<String>,
    /// Its session id.
    pub session_id: Vec<u8>,
    /// TLS 1.3: whether it took a pre-shared key.
    pub took_psk: bool,
    /// Whether it asks for another hello.
    pub is_retry: bool,
    /// The alert it sent instead, or behind.
    pub alert: Option<String>,
}

/// Reads a client's hello at the beginning of its stream: TLS records, the hello in one or several of them.
#[must_use]
pub fn client_hello(_octets: &[u8]) -> Read<ClientHello> {
    Read::No
}

/// Reads a server's hello, or its alert, at the beginning of its stream.
#[must_use]
pub fn server_answer(_octets: &[u8]) -> Read<ServerAnswer> {
    Read::No
}
