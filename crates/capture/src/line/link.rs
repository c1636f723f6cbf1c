//! What lies below IP.

use super::{DEPTH_MAX, ip, u16_at, u32_at};
use etherparse::{ArpPacketSlice, EtherType, Ethernet2Slice, SingleVlanSlice};
use std::fmt::{self, Write};
use std::net::Ipv4Addr;

/// Tags in front of a packet that are followed.
const TAGS_MAX: usize = 8;
/// What is smaller is a length, not a type.
const TYPE_MIN: u16 = 0x0600;

/// An Ethernet frame, of which there were `whole` octets.
pub(super) fn ethernet(out: &mut String, octets: &[u8], whole: usize, depth: u8) -> fmt::Result {
    let Ok(frame) = Ethernet2Slice::from_slice_without_fcs(octets) else { return out.write_str("[|ether]") };
    let left = whole.saturating_sub(octets.len() - frame.payload_slice().len());
    ether_payload(out, frame.ether_type(), frame.payload_slice(), left, depth)
}

/// What an ethertype says follows.
pub(super) fn ether_payload(
    out: &mut String,
    mut kind: EtherType,
    mut octets: &[u8],
    mut whole: usize,
    depth: u8,
) -> fmt::Result {
    for _ in 0..TAGS_MAX {
        match kind {
            EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED_FRAME => {
                let Ok(tag) = SingleVlanSlice::from_slice(octets) else { return out.write_str("[|vlan]") };
                write!(out, "vlan {}, ", tag.vlan_identifier().value())?;
                whole = whole.saturating_sub(octets.len() - tag.payload_slice().len());
                (kind, octets) = (tag.ether_type(), tag.payload_slice());
            }
            EtherType(0x8847 | 0x8848) => {
                let Some(entry) = u32_at(octets, 0) else { return out.write_str("[|mpls]") };
                write!(out, "mpls {}, ", entry >> 12)?;
                (octets, whole) = (&octets[4..], whole.saturating_sub(4));
                if entry & 0x100 != 0 {
                    // Nothing says what is below the last label; all but IP has other first octets.
                    return match octets.first().map(|octet| octet >> 4) {
                        Some(4 | 6) if depth < DEPTH_MAX => ip::ip(out, octets, whole, depth + 1),
                        _ => write!(out, "length {whole}"),
                    };
                }
            }
            EtherType::IPV4 | EtherType::IPV6 => return ip::ip(out, octets, whole, depth),
            EtherType::ARP => return arp(out, octets, whole),
            EtherType(0x6558) if depth < DEPTH_MAX => return ethernet(out, octets, whole, depth + 1),
            EtherType(length) if length < TYPE_MIN => return write!(out, "802.3, length {whole}"),
            EtherType(number) => return write!(out, "{}0x{number:04x}, length {whole}", word(number)),
        }
    }
    write!(out, "ethertype 0x{:04x}, length {whole}", kind.0)
}

/// What people call an ethertype, for those that are seen on any network.
fn word(number: u16) -> &'static str {
    match number {
        0x8863 => "PPPoE discovery, ethertype ",
        0x8864 => "PPPoE session, ethertype ",
        0x888e => "EAPOL, ethertype ",
        0x8809 => "slow protocols, ethertype ",
        0x88cc => "LLDP, ethertype ",
        0x88e5 => "MACsec, ethertype ",
        0x88f7 => "PTP, ethertype ",
        0x86dd => "IP6, ethertype ",
        _ => "ethertype ",
    }
}

fn arp(out: &mut String, octets: &[u8], whole: usize) -> fmt::Result {
    let Ok(arp) = ArpPacketSlice::from_slice(octets) else { return out.write_str("ARP, [|arp]") };
    let address = |octets: &[u8]| <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from);
    let (sender, target) = (address(arp.sender_protocol_addr()), address(arp.target_protocol_addr()));
    out.write_str("ARP, ")?;
    match (u16_at(octets, 6), sender, target) {
        (Some(1), Some(sender), Some(target)) => write!(out, "Request who-has {target} tell {sender}")?,
        (Some(2), Some(sender), _) => {
            write!(out, "Reply {sender} is-at ")?;
            hardware(out, arp.sender_hw_addr())?;
        }
        (operation, ..) => write!(out, "operation {}", operation.unwrap_or(0))?,
    }
    // Short frames are filled up; what counts is what ARP says of itself.
    write!(out, ", length {}", arp.slice().len().min(whole))
}

/// `02:00:00:00:00:01`.
fn hardware(out: &mut String, octets: &[u8]) -> fmt::Result {
    for (at, octet) in octets.iter().enumerate() {
        write!(out, "{}{octet:02x}", if at == 0 { "" } else { ":" })?;
    }
    Ok(())
}
