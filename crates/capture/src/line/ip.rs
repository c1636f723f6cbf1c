//! IPv4 and IPv6, with their fragments and extension headers.

use super::extensions::{Fragment, extensions};
use super::{DEPTH_MAX, icmp, link, tcp, tunnel, u16_at};
use etherparse::{IpNumber, LaxIpSlice, err::ip::LaxHeaderSliceError};
use std::fmt::{self, Write};
use std::net::IpAddr;

/// Extension headers that are told; a packet can be full of them.
const EXTENSIONS_MAX: usize = 8;

/// What an IP header says lies behind it.
struct Inside<'a> {
    number: IpNumber,
    octets: &'a [u8],
    /// Its octets on the wire.
    whole: usize,
    fragment: Option<Fragment>,
}

/// A packet of IP, of which there were `whole` octets with those that fill up a frame.
pub(super) fn ip(out: &mut String, octets: &[u8], whole: usize, depth: u8) -> fmt::Result {
    let (slice, stopped) = match LaxIpSlice::from_slice(octets) {
        Ok(slice) => slice,
        Err(LaxHeaderSliceError::Len(_)) => {
            let six = octets.first().is_some_and(|octet| octet >> 4 == 6);
            return out.write_str(if six { "[|ip6]" } else { "[|ip]" });
        }
        Err(LaxHeaderSliceError::Content(_)) => return write!(out, "IP [bad header], length {whole}"),
    };
    let inside = inside(&slice, octets, whole);
    out.write_str(if matches!(slice, LaxIpSlice::Ipv4(_)) { "IP " } else { "IP6 " })?;
    let begins = inside.fragment.as_ref().is_none_or(|fragment| fragment.offset == 0);
    let ports =
        if begins && has_ports(inside.number) { u16_at(inside.octets, 0).zip(u16_at(inside.octets, 2)) } else { None };
    address(out, slice.source_addr(), ports.map(|(source, _)| source))?;
    out.write_str(" > ")?;
    address(out, slice.destination_addr(), ports.map(|(_, destination)| destination))?;
    out.write_str(": ")?;
    push_extensions(out, &slice)?;
    if stopped.is_some() {
        return out.write_str("[|ip6 extension]");
    }
    if let Some(Fragment { id, offset, more }) = inside.fragment {
        write!(out, "frag {id}:{}@{offset}{} ", inside.whole, if more { "+" } else { "" })?;
    }
    if begins {
        payload(out, &inside, ports, depth)
    } else {
        write!(out, "{}, length {}", Protocol(inside.number), inside.whole)
    }
}

/// Finds out how long what is inside was on the wire, which may be more than what is there of it.
fn inside<'a>(slice: &LaxIpSlice<'a>, octets: &'a [u8], whole: usize) -> Inside<'a> {
    let (payload, said, fragment) = match slice {
        LaxIpSlice::Ipv4(v4) => {
            let header = v4.header();
            let fragment = header.is_fragmenting_payload().then(|| Fragment {
                id: u32::from(header.identification()),
                offset: usize::from(header.fragments_offset().byte_offset()),
                more: header.more_fragments(),
            });
            (v4.payload(), usize::from(header.total_len()), fragment)
        }
        LaxIpSlice::Ipv6(v6) => {
            let header = v6.header();
            let fragment = extensions(v6.extensions()).find_map(|extension| extension.fragment());
            let said = usize::from(header.payload_length());
            (v6.payload(), if said == 0 { 0 } else { said + header.slice().len() }, fragment)
        }
    };
    // Where the payload begins; that of a length that cannot be true is what there is.
    let start = octets.len().min(payload.payload.as_ptr().addr().saturating_sub(octets.as_ptr().addr()));
    let end = if said >= start && said > 0 { said } else { whole };
    Inside { number: payload.ip_number, octets: payload.payload, whole: end.saturating_sub(start), fragment }
}

fn has_ports(number: IpNumber) -> bool {
    matches!(number, IpNumber::TCP | IpNumber::UDP | IpNumber::SCTP | IpNumber::DCCP | IpNumber::UDP_LITE)
}

fn address(out: &mut String, address: IpAddr, port: Option<u16>) -> fmt::Result {
    match port {
        Some(port) => write!(out, "{address}.{port}"),
        None => write!(out, "{address}"),
    }
}

fn push_extensions(out: &mut String, slice: &LaxIpSlice<'_>) -> fmt::Result {
    match slice {
        LaxIpSlice::Ipv4(v4) if v4.extensions().auth.is_some() => out.write_str("AH "),
        LaxIpSlice::Ipv4(_) => Ok(()),
        LaxIpSlice::Ipv6(v6) => {
            for (at, extension) in extensions(v6.extensions()).enumerate() {
                if at == EXTENSIONS_MAX {
                    return out.write_str("... ");
                }
                out.write_str(extension.word())?;
            }
            Ok(())
        }
    }
}

fn payload(out: &mut String, inside: &Inside<'_>, ports: Option<(u16, u16)>, depth: u8) -> fmt::Result {
    let &Inside { number, octets, whole, .. } = inside;
    let deeper = depth + 1;
    match number {
        IpNumber::TCP => tcp::tcp(out, octets, whole),
        IpNumber::UDP => tunnel::udp(out, octets, whole, ports, depth),
        IpNumber::ICMP => icmp::v4(out, octets, whole),
        IpNumber::IPV6_ICMP => icmp::v6(out, octets, whole),
        IpNumber::GRE => tunnel::gre(out, octets, whole, depth),
        IpNumber::IPV4 | IpNumber::IPV6 if depth < DEPTH_MAX => ip(out, octets, whole, deeper),
        // Ethernet in IP has two octets in front.
        IpNumber(143) if depth < DEPTH_MAX && octets.len() >= 2 => {
            out.write_str("EtherIP: ")?;
            link::ethernet(out, &octets[2..], whole.saturating_sub(2), deeper)
        }
        other => write!(out, "{}, length {whole}", Protocol(other)),
    }
}

/// A protocol by the word for it, or by its number.
struct Protocol(IpNumber);

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.keyword_str() {
            Some(word) => f.write_str(word),
            None => write!(f, "ip-proto-{}", self.0.0),
        }
    }
}
