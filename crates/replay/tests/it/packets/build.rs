//! Each function puts one header before what it carries. Checksums are left 0: nothing here looks at them.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const A4: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
pub(crate) const B4: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
pub(crate) const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(crate) const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(ethertype: u16, rest: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ethertype.to_be_bytes(), rest])
}

/// An 802.3 frame: the length in place of the type.
pub(crate) fn ethernet_802_3(rest: &[u8]) -> Vec<u8> {
    ethernet(rest.len().min(1500) as u16, rest)
}

/// What stands behind a frame's first EtherType, 0x8100 or 0x88a8: the tag, and what it tags.
pub(crate) fn vlan(tci: u16, ethertype: u16, rest: &[u8]) -> Vec<u8> {
    join(&[&tci.to_be_bytes(), &ethertype.to_be_bytes(), rest])
}

pub(crate) fn mpls(labels: &[u32], rest: &[u8]) -> Vec<u8> {
    let last = labels.len().saturating_sub(1);
    let word = |(n, label): (usize, &u32)| (label << 12 | u32::from(n == last) << 8 | 64).to_be_bytes();
    join(&[&labels.iter().enumerate().flat_map(word).collect::<Vec<_>>(), rest])
}

pub(crate) fn pppoe(code: u8, ppp: &[u8]) -> Vec<u8> {
    join(&[&[0x11, code, 0, 7], &(ppp.len() as u16).to_be_bytes(), ppp])
}

pub(crate) fn snap(ethertype: u16, rest: &[u8]) -> Vec<u8> {
    join(&[&[0xaa, 0xaa, 3, 0, 0, 0], &ethertype.to_be_bytes(), rest])
}

/// The parts of an IPv4 header that matter here.
#[derive(Clone, Debug)]
pub(crate) struct V4 {
    pub(crate) src: Ipv4Addr,
    pub(crate) dst: Ipv4Addr,
    pub(crate) tos: u8,
    /// In words.
    pub(crate) options: u8,
    /// Flags and offset as in the header.
    pub(crate) fragment: u16,
}

impl Default for V4 {
    fn default() -> Self {
        Self { src: A4, dst: B4, tos: 0, options: 0, fragment: 0 }
    }
}

pub(crate) fn ipv4(head: &V4, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let words = 5 + head.options;
    let length = (usize::from(words) * 4 + rest.len()) as u16;
    let start = join(&[&[0x40 | words, head.tos], &length.to_be_bytes(), &[0, 1], &head.fragment.to_be_bytes()]);
    let options = vec![1; usize::from(head.options) * 4];
    join(&[&start, &[64, protocol, 0, 0], &head.src.octets(), &head.dst.octets(), &options, rest])
}

/// The parts of an IPv6 header that matter here, and its chain of extension headers.
#[derive(Clone, Debug)]
pub(crate) struct V6 {
    pub(crate) src: Ipv6Addr,
    pub(crate) dst: Ipv6Addr,
    pub(crate) class: u8,
    pub(crate) extensions: Vec<Extension>,
}

impl Default for V6 {
    fn default() -> Self {
        Self { src: A6, dst: B6, class: 0, extensions: Vec::new() }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Extension {
    /// Hop-by-hop, routing, destination, shim6, and those that nothing follows (mobility, HIP): by number, with this many words of eight bytes more.
    Plain(u8, u8),
    /// Authentication, with this many words of four bytes more.
    Authentication(u8),
    /// Offset and flags as in the header.
    Fragment(u16),
}

impl Extension {
    fn number(&self) -> u8 {
        match self {
            Self::Plain(number, _) => *number,
            Self::Authentication(_) => 51,
            Self::Fragment(_) => 44,
        }
    }

    fn bytes(&self, next: u8) -> Vec<u8> {
        match self {
            Self::Plain(_, more) => join(&[&[next, *more], &vec![0; 6 + usize::from(*more) * 8]]),
            Self::Authentication(more) => join(&[&[next, *more], &vec![0; 6 + usize::from(*more) * 4]]),
            Self::Fragment(offset) => join(&[&[next, 0], &offset.to_be_bytes(), &[0, 0, 0, 9]]),
        }
    }
}

pub(crate) fn ipv6(head: &V6, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let mut next = protocol;
    let mut body = rest.to_vec();
    for extension in head.extensions.iter().rev() {
        body = join(&[&extension.bytes(next), &body]);
        next = extension.number();
    }
    let class = 0x6000_0000 | u32::from(head.class) << 20;
    let length = (body.len() as u16).to_be_bytes();
    join(&[&class.to_be_bytes(), &length, &[next, 64], &head.src.octets(), &head.dst.octets(), &body])
}

pub(crate) fn tcp(ports: (u16, u16), flags: u8, rest: &[u8]) -> Vec<u8> {
    join(&[&ports.0.to_be_bytes(), &ports.1.to_be_bytes(), &[0; 8], &[0x50, flags, 1, 0, 0, 0, 0, 0], rest])
}

pub(crate) fn udp(ports: (u16, u16), rest: &[u8]) -> Vec<u8> {
    let length = (8 + rest.len()) as u16;
    join(&[&ports.0.to_be_bytes(), &ports.1.to_be_bytes(), &length.to_be_bytes(), &[0, 0], rest])
}

pub(crate) fn sctp(ports: (u16, u16), rest: &[u8]) -> Vec<u8> {
    join(&[&ports.0.to_be_bytes(), &ports.1.to_be_bytes(), &[0; 8], rest])
}

pub(crate) fn icmp(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    join(&[&[kind, code, 0, 0, 0, 1, 0, 1], rest])
}

pub(crate) fn vxlan(id: u32, frame: &[u8]) -> Vec<u8> {
    join(&[&[8, 0, 0, 0], &(id << 8).to_be_bytes(), frame])
}

pub(crate) fn vxlan_gpe(id: u32, next: u8, rest: &[u8]) -> Vec<u8> {
    join(&[&[0x0c, 0, 0, next], &(id << 8).to_be_bytes(), rest])
}

pub(crate) fn geneve(id: u32, option_words: u8, ethertype: u16, rest: &[u8]) -> Vec<u8> {
    let options = vec![0; usize::from(option_words) * 4];
    join(&[&[option_words, 0], &ethertype.to_be_bytes(), &(id << 8).to_be_bytes(), &options, rest])
}

/// Which optional parts a GRE header has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gre {
    pub(crate) checksum: bool,
    pub(crate) key: Option<u32>,
    pub(crate) sequence: bool,
    /// PPTP's version 1, with an acknowledgement or not.
    pub(crate) pptp: Option<bool>,
}

pub(crate) fn gre(mut head: Gre, ethertype: u16, rest: &[u8]) -> Vec<u8> {
    if head.pptp.is_some() {
        // Always a key: the payload's length and the call's number.
        head.key = Some((rest.len() as u32) << 16 | head.key.unwrap_or_default() & 0xffff);
    }
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    let mut out = vec![bit(head.checksum, 0x80) | bit(head.key.is_some(), 0x20) | bit(head.sequence, 0x10)];
    out.push(bit(head.pptp.is_some(), 1) | bit(head.pptp == Some(true), 0x80));
    out.extend(ethertype.to_be_bytes());
    out.extend(vec![0; if head.checksum { 4 } else { 0 }]);
    out.extend(head.key.iter().flat_map(|key| key.to_be_bytes()));
    out.extend(vec![0; if head.sequence { 4 } else { 0 }]);
    out.extend(vec![0; if head.pptp == Some(true) { 4 } else { 0 }]);
    out.extend(rest);
    out
}
