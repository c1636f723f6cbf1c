//! QUIC Initial packets: hellos behind keys that everyone can derive (RFC 9000, 9001, 9369).

mod frames;
mod keys;
mod packet;

use super::tls::{Transport, alert_word, client_body, server_body};
use super::{ClientHello, ServerAnswer};
use frames::{Close, Frame, Frames, Handshake};
use keys::{Side, decrypt};
use packet::{ConnectionId, Initials};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// What a datagram brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuicRead {
    /// The client's hello is whole.
    Client(Box<ClientHello>),
    /// The server's.
    Server(Box<ServerAnswer>),
    /// A part of one, another datagram has the rest; or nothing new.
    More,
    /// Not a QUIC Initial that can be read.
    No,
}

/// The opening of one connection: datagrams of both sides, in any order within a side. Takes bounded memory. Each hello is
/// told once.
#[derive(Debug, Default)]
pub struct QuicInitials {
    /// Where the keys come from: the address of the server that the client made up, or was told to take by a Retry.
    id: Option<ConnectionId>,
    client: Handshake,
    server: Handshake,
}

impl QuicInitials {
    /// Takes a datagram of the side that opened.
    pub fn client(&mut self, datagram: &[u8]) -> QuicRead {
        let mut read = QuicRead::No;
        for initial in Initials::of(datagram) {
            // After a Retry the keys change; after the server's first packet they do not, though its address does.
            let another = Some(initial.destination).filter(|id| self.id.as_ref() != Some(id));
            let mut ids = self.id.into_iter().chain(another);
            let Some((id, payload)) = ids.find_map(|id| Some((id, decrypt(&initial, &id, Side::Client)?))) else {
                continue;
            };
            self.id = Some(id);
            take(&mut self.client, &payload);
            let hello = self.client.message(CLIENT_HELLO).map(|body| client_body(&body, Transport::Quic));
            read = match (hello, read) {
                (Some(Some(hello)), _) => QuicRead::Client(Box::new(hello)),
                (None, QuicRead::No) => QuicRead::More,
                (_, read) => read,
            };
        }
        read
    }

    /// Takes a datagram of the other side.
    pub fn server(&mut self, datagram: &[u8]) -> QuicRead {
        let mut read = QuicRead::No;
        let Some(id) = self.id else { return read };
        for initial in Initials::of(datagram) {
            let Some(payload) = decrypt(&initial, &id, Side::Server) else { continue };
            let close = take(&mut self.server, &payload);
            let hello = self.server.message(SERVER_HELLO).map(|body| server_body(&body));
            let refused = close.filter(|_| !self.server.is_told()).map(|close| {
                self.server.tell();
                ServerAnswer { alert: Some(close_word(close)), ..ServerAnswer::default() }
            });
            read = match (hello.flatten().or(refused), read) {
                (Some(answer), _) => QuicRead::Server(Box::new(answer)),
                (None, QuicRead::No) => QuicRead::More,
                (None, read) => read,
            };
        }
        read
    }
}

/// Takes what a packet has of the handshake; and how it closes the connection, where it does.
fn take(handshake: &mut Handshake, payload: &[u8]) -> Option<Close> {
    let mut closed = None;
    for frame in Frames::of(payload) {
        match frame {
            Frame::Crypto(offset, octets) => handshake.take(offset, octets),
            Frame::Close(close) => closed = Some(close),
        }
    }
    closed
}

/// TLS alerts have their own words; what else ends a connection at once has those of RFC 9000.
fn close_word(Close(code): Close) -> String {
    match code {
        0x0 => "no_error",
        0x1 => "internal_error",
        0x2 => "connection_refused",
        0x8 => "transport_parameter_error",
        0xa => "protocol_violation",
        0xb => "invalid_token",
        0x100..=0x1ff => return alert_word((code & 0xff) as u8),
        _ => return format!("quic_{code:#x}"),
    }
    .to_owned()
}
