//! Datagrams from addresses that are not this host's.

use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

/// The sending end, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Spoofed {
    socket: OwnedFd,
}

const HEADERS: usize = 28;

impl Spoofed {
    /// Opens it.
    ///
    /// # Panics
    /// Without root's rights: ask [`crate::require_root!`] first.
    #[must_use]
    pub fn open() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW));
        Self { socket: socket.expect("a raw socket, which takes root") }
    }

    /// Sends a datagram of `payload` octets (zeros, without a checksum) as if `from` had.
    ///
    /// # Panics
    /// When the kernel does not take it.
    pub fn send(&self, from: Ipv4Addr, to: SocketAddrV4, payload: usize) {
        let mut packet = vec![0; HEADERS + payload];
        // Length, identification and checksum of the IP header are the kernel's to fill in.
        packet[0] = 0x45;
        packet[8] = 64;
        packet[9] = 17;
        packet[12..16].copy_from_slice(&from.octets());
        packet[16..20].copy_from_slice(&to.ip().octets());
        packet[20..22].copy_from_slice(&40_000_u16.to_be_bytes());
        packet[22..24].copy_from_slice(&to.port().to_be_bytes());
        packet[24..26].copy_from_slice(&u16::try_from(8 + payload).expect("a datagram's length").to_be_bytes());
        let sent = sendto(&self.socket, &packet, SendFlags::empty(), &to);
        assert_eq!(sent.expect("send a datagram"), packet.len());
    }
}
