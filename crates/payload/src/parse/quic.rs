//! QUIC Initial packets: hellos behind keys that everyone can derive.

use super::{ClientHello, ServerAnswer};

/// What a datagram brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuicRead {
    /// The client's hello is whole.
    Client(Box<ClientHello>),
    /// The server's.
    Server(Box<ServerAnswer>),
    /// A part of one; another datagram has the rest.
    More,
    /// Not a QUIC Initial that can be read.
    No,
}

/// The opening of one connection: datagrams of both sides, in any order within a side. Takes bounded memory.
#[derive(Debug, Default)]
pub struct QuicInitials {}

impl QuicInitials {
    /// Takes a datagram of the side that opened.
    pub fn client(&mut self, _datagram: &[u8]) -> QuicRead {
        QuicRead::No
    }

    /// Takes a datagram of the other side.
    pub fn server(&mut self, _datagram: &[u8]) -> QuicRead {
        QuicRead::No
    }
}
