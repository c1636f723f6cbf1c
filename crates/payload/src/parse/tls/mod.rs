//! Hellos of TLS: records by hand, for a hello may lie in several; what is in them by the `tls-parser` crate.

mod hello;
mod ja4;
mod records;
mod words;

pub(super) use hello::{client_body, server_body};
pub(super) use ja4::Transport;
pub(super) use words::alert as alert_word;

use super::Read;
use records::{ALERT, DATA, Records, handshake};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const FATAL: u8 = 2;

/// A client's hello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name, lower case.
    pub sni: Option<String>,
    /// The first protocol offered.
    pub alpn: Option<String>,
    /// The highest version offered: `TLS 1.3`.
    pub version: Option<String>,
    /// JA4; empty where the hello is cut.
    pub ja4: String,
    /// Whether it is, or looks as if it were, an outer hello of ECH.
    pub ech: bool,
    /// Its session id, which a TLS 1.2 server echoes when it resumes.
    pub session_id: Vec<u8>,
    /// Whether it offers a session of before (TLS 1.2: its id or a ticket; 1.3: a pre-shared key).
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
pub fn client_hello(octets: &[u8]) -> Read<ClientHello> {
    match handshake(octets, CLIENT_HELLO) {
        Read::Whole(message) => client_body(&message.body, Transport::Tcp).map_or(Read::No, Read::Whole),
        Read::More => Read::More,
        Read::No => Read::No,
    }
}

/// What there is of a client's hello whose rest will not come: the name, if it is whole.
#[must_use]
pub fn client_hello_cut(octets: &[u8]) -> Option<ClientHello> {
    hello::client_body_cut(&records::handshake_cut(octets, CLIENT_HELLO)?)
}

/// Reads a server's hello, or its alert, at the beginning of its stream.
#[must_use]
pub fn server_answer(octets: &[u8]) -> Read<ServerAnswer> {
    let hello = match handshake(octets, SERVER_HELLO) {
        Read::Whole(message) => server_body(&message.body).map_or(Read::No, Read::Whole),
        Read::More => Read::More,
        Read::No => return Read::No,
    };
    match (hello, tls_alert(octets)) {
        (Read::Whole(hello), alert) => Read::Whole(ServerAnswer { alert, ..hello }),
        (_, Some(alert)) => Read::Whole(ServerAnswer { alert: Some(alert), ..ServerAnswer::default() }),
        (other, None) => other,
    }
}

/// What a client says behind its hello, record by record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextRecord {
    /// A fatal alert in the clear, by its word: it gives up.
    Alert(String),
    /// Enciphered data, behind which no alert can be in the clear.
    Data,
    /// Anything else.
    Other {
        /// Octets of it with its header, here or yet to come.
        octets: usize,
    },
}

/// The record that a stream goes on with; none while there is too little of it. What is no record is [`NextRecord::Data`].
#[must_use]
pub fn next_record(octets: &[u8]) -> Option<NextRecord> {
    match Records(octets).next() {
        Some(record) if record.kind == DATA => Some(NextRecord::Data),
        Some(record) if record.kind == ALERT && octets.len() < record.whole => None,
        Some(record) => Some(match tls_alert(octets.get(..record.whole).unwrap_or(octets)) {
            Some(word) => NextRecord::Alert(word),
            None => NextRecord::Other { octets: record.whole },
        }),
        None if records::could_be_record(octets) => None,
        None => Some(NextRecord::Data),
    }
}

/// Octets of the records that a client's whole hello lies in; none while it is not whole.
#[must_use]
pub fn hello_octets(octets: &[u8]) -> Option<usize> {
    records::first_message_octets(octets)
}

/// The first fatal alert in the clear in a stream, of either side, as far as it goes.
#[must_use]
pub fn tls_alert(octets: &[u8]) -> Option<String> {
    let fatal = Records(octets).find(|record| record.kind == ALERT && matches!(record.body, [FATAL, _]))?;
    fatal.body.last().map(|code| words::alert(*code))
}
