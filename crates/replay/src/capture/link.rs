//! What a packet's data begin with, and how they are turned into what the kernel programs read: an Ethernet frame or a
//! bare IP packet. The length on the wire stays as the capture has it.

use super::link_names::link_name;
use netrig_model::Direction;
use std::fmt;

/// A link type by its registered number (LINKTYPE_…).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match link_name(self.0) {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A packet as the kernel programs can take it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framed<'a> {
    /// Whether `data` begin with an IP header and not an Ethernet one.
    pub raw_ip: bool,
    /// The frame or packet.
    pub data: &'a [u8],
    /// Which way it went, where its link header tells.
    pub direction: Option<Direction>,
}

/// Where a packet's network layer begins and what it is.
#[derive(Clone, Copy)]
enum Payload<'a> {
    /// IP of whichever version its header says.
    Ip(&'a [u8]),
    /// EtherType and what follows it.
    Ether(u16, &'a [u8]),
    /// The capture has less than the whole link header.
    Cut,
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_PPP: u16 = 0x880b;
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_MULTICAST: u16 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
/// Below it a protocol number is no EtherType.
const ETHERTYPE_MIN: u16 = 0x0600;
/// No EtherType: counted as not IP.
const ETHERTYPE_UNKNOWN: u16 = 0;

impl LinkType {
    const ETHERNET: u32 = 1;
    const COOKED_V2: u32 = 276;

    /// Whether packets that begin so are read.
    #[must_use]
    pub fn is_read(self) -> bool {
        matches!(self.0, 0 | 1 | 9 | 12 | 14 | 50 | 51 | 101 | 104 | 108 | 109 | 113 | 204 | 219 | 228 | 229 | 276)
    }

    /// The kernel's number of the interface a packet was seen on, where its link header tells.
    pub(super) fn ifindex(self, data: &[u8]) -> Option<u32> {
        let header = data.first_chunk::<8>().filter(|_| self.0 == Self::COOKED_V2)?;
        Some(u32::from_be_bytes([header[4], header[5], header[6], header[7]]))
    }

    /// A packet as the kernel programs can take it. What is neither Ethernet nor IP is put behind an Ethernet header
    /// of zeros in `scratch`, so that VLAN tags, labels and EtherTypes keep their meaning.
    #[must_use]
    pub fn frame<'a>(self, data: &'a [u8], scratch: &'a mut Vec<u8>) -> Framed<'a> {
        let mut framed = Framed::default();
        let payload = match self.0 {
            Self::ETHERNET => return Framed { data, ..framed },
            12 | 14 | 101 => Payload::Ip(data),
            228 => Payload::Ether(ETHERTYPE_IPV4, data),
            229 => Payload::Ether(ETHERTYPE_IPV6, data),
            0 => loopback(data),
            108 => family(data, 4),
            109 => family(data, 12),
            9 => ppp(data),
            50 => ppp_serial(data),
            51 => Payload::Ether(ETHERTYPE_PPPOE_SESSION, data),
            104 => cisco_hdlc(data),
            113 => cooked_v1(data, &mut framed),
            204 => ppp_with_direction(data, &mut framed),
            219 => Payload::Ether(ETHERTYPE_MPLS, data),
            Self::COOKED_V2 => cooked_v2(data, &mut framed),
            _ => Payload::Cut,
        };
        match payload {
            Payload::Ip(data) => Framed { raw_ip: true, data, ..framed },
            // Where type and version contradict each other, the programs should find out.
            Payload::Ether(ethertype, data) if ethertype == ethertype_of_version(data) => {
                Framed { raw_ip: true, data, ..framed }
            }
            Payload::Ether(ethertype, data) => {
                scratch.clear();
                scratch.extend_from_slice(&[0; 12]);
                scratch.extend_from_slice(&ethertype.to_be_bytes());
                scratch.extend_from_slice(data);
                Framed { data: scratch, ..framed }
            }
            Payload::Cut => framed,
        }
    }
}

/// The EtherType that goes with an IP packet's version.
fn ethertype_of_version(data: &[u8]) -> u16 {
    match data.first().map(|byte| byte >> 4) {
        Some(4) => ETHERTYPE_IPV4,
        Some(6) => ETHERTYPE_IPV6,
        _ => ETHERTYPE_UNKNOWN,
    }
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

fn outgoing(leaves: bool) -> Option<Direction> {
    Some(if leaves { Direction::Egress } else { Direction::Ingress })
}

/// Beside an address family, some systems wrote PPP or Cisco headers under this link type.
fn loopback(data: &[u8]) -> Payload<'_> {
    match data {
        [0xff, 0x03, ..] => ppp(data),
        [0x0f | 0x8f, 0, high, low, ..] if u16::from_be_bytes([*high, *low]) >= ETHERTYPE_MIN => cisco_hdlc(data),
        _ => family(data, 4),
    }
}

/// A header of `length` bytes that begins with an address family, in the byte order of the machine that captured.
fn family(data: &[u8], length: usize) -> Payload<'_> {
    let (Some(word), Some(rest)) = (data.first_chunk(), data.get(length..)) else { return Payload::Cut };
    // Families are small, so of both readings the smaller is meant.
    let family = u32::from_le_bytes(*word).min(u32::from_be_bytes(*word));
    match family {
        // IPv4 everywhere; IPv6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
        2 => Payload::Ether(ETHERTYPE_IPV4, rest),
        10 | 23 | 24 | 28 | 30 => Payload::Ether(ETHERTYPE_IPV6, rest),
        // Some writers put an EtherType here.
        other => match u16::try_from(other) {
            Ok(ethertype) if ethertype >= ETHERTYPE_MIN => Payload::Ether(ethertype, rest),
            _ => Payload::Ether(ETHERTYPE_UNKNOWN, rest),
        },
    }
}

/// PPP, with or without address and control bytes, its protocol in two bytes or compressed to one.
fn ppp(data: &[u8]) -> Payload<'_> {
    let data = data.strip_prefix(&[0xff, 0x03]).unwrap_or(data);
    let (protocol, rest) = match data {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Payload::Cut,
    };
    match protocol {
        0x0021 => Payload::Ether(ETHERTYPE_IPV4, rest),
        0x0057 => Payload::Ether(ETHERTYPE_IPV6, rest),
        0x0281 => Payload::Ether(ETHERTYPE_MPLS, rest),
        0x0283 => Payload::Ether(ETHERTYPE_MPLS_MULTICAST, rest),
        _ => Payload::Ether(ETHERTYPE_PPP, data),
    }
}

/// A serial line: PPP or Cisco's framing, told apart by the address byte.
fn ppp_serial(data: &[u8]) -> Payload<'_> {
    match data.first() {
        Some(0x0f | 0x8f) => cisco_hdlc(data),
        _ => ppp(data),
    }
}

fn ppp_with_direction<'a>(data: &'a [u8], framed: &mut Framed<'_>) -> Payload<'a> {
    let Some((sent, rest)) = data.split_first() else { return Payload::Cut };
    framed.direction = outgoing(*sent != 0);
    ppp(rest)
}

fn cisco_hdlc(data: &[u8]) -> Payload<'_> {
    match (be16(data, 2), data.get(4..)) {
        (Some(ethertype), Some(rest)) => Payload::Ether(ethertype, rest),
        _ => Payload::Cut,
    }
}

/// Linux's number for packets that leave.
const PACKET_OUTGOING: u16 = 4;
/// Hardware type of netlink, whose protocols are no EtherTypes.
const ARPHRD_NETLINK: u16 = 824;

fn cooked_v1<'a>(data: &'a [u8], framed: &mut Framed<'_>) -> Payload<'a> {
    let (Some(kind), Some(hardware)) = (be16(data, 0), be16(data, 2)) else { return Payload::Cut };
    framed.direction = outgoing(kind == PACKET_OUTGOING);
    match (be16(data, 14), data.get(16..)) {
        (Some(protocol), Some(rest)) => cooked(hardware, protocol, rest),
        _ => Payload::Cut,
    }
}

fn cooked_v2<'a>(data: &'a [u8], framed: &mut Framed<'_>) -> Payload<'a> {
    let (Some(protocol), Some(header), Some(rest)) = (be16(data, 0), data.first_chunk::<20>(), data.get(20..)) else {
        return Payload::Cut;
    };
    framed.direction = outgoing(u16::from(header[10]) == PACKET_OUTGOING);
    cooked(u16::from_be_bytes([header[8], header[9]]), protocol, rest)
}

fn cooked(hardware: u16, protocol: u16, rest: &[u8]) -> Payload<'_> {
    /// Linux's own number for 802.2 behind a length.
    const LLC: u16 = 4;
    const LENGTH_MAX: u16 = 1500;
    match protocol {
        _ if hardware == ARPHRD_NETLINK => Payload::Ether(ETHERTYPE_UNKNOWN, rest),
        LLC => Payload::Ether(u16::try_from(rest.len()).unwrap_or(LENGTH_MAX).min(LENGTH_MAX), rest),
        protocol if protocol < ETHERTYPE_MIN => Payload::Ether(ETHERTYPE_UNKNOWN, rest),
        protocol => Payload::Ether(protocol, rest),
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
