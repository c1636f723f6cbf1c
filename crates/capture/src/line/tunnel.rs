//! UDP, and what carries packets in packets.

use super::{DEPTH_MAX, link, u16_at, u32_at};
use etherparse::{EtherType, UdpSlice};
use std::fmt::{self, Write};

const ETHERNET: EtherType = EtherType(0x6558);

/// A datagram, of which there were `whole` octets.
pub(super) fn udp(out: &mut String, octets: &[u8], whole: usize, ports: Option<(u16, u16)>, depth: u8) -> fmt::Result {
    let Ok(datagram) = UdpSlice::from_slice_lax(octets) else { return out.write_str("[|udp]") };
    // A length of 0 is that of a datagram too large to say it.
    let length = match datagram.length() {
        0..8 => whole.saturating_sub(8),
        length => usize::from(length) - 8,
    };
    write!(out, "UDP, length {length}")?;
    let inner = datagram.payload();
    match ports {
        _ if depth >= DEPTH_MAX => Ok(()),
        Some((_, 4789 | 8472)) => vxlan(out, inner, length, depth),
        Some((_, 6081)) => geneve(out, inner, length, depth),
        _ => Ok(()),
    }
}

fn vxlan(out: &mut String, octets: &[u8], whole: usize, depth: u8) -> fmt::Result {
    let Some((_, inner)) = octets.split_at_checked(8) else { return out.write_str(": VXLAN [|vxlan]") };
    write!(out, ": VXLAN vni {}: ", u32_at(octets, 4).unwrap_or(0) >> 8)?;
    link::ethernet(out, inner, whole.saturating_sub(8).max(inner.len()), depth + 1)
}

fn geneve(out: &mut String, octets: &[u8], whole: usize, depth: u8) -> fmt::Result {
    let options = octets.first().map_or(0, |first| usize::from(first & 0x3f) * 4);
    let Some((_, inner)) = octets.split_at_checked(8 + options) else { return out.write_str(": Geneve [|geneve]") };
    write!(out, ": Geneve vni {}: ", u32_at(octets, 4).unwrap_or(0) >> 8)?;
    let kind = EtherType(u16_at(octets, 2).unwrap_or(0));
    link::ether_payload(out, kind, inner, whole.saturating_sub(8 + options).max(inner.len()), depth + 1)
}

/// A packet in GRE, of which there were `whole` octets.
pub(super) fn gre(out: &mut String, octets: &[u8], whole: usize, depth: u8) -> fmt::Result {
    let (Some(flags), Some(kind)) = (u16_at(octets, 0), u16_at(octets, 2)) else { return out.write_str("[|gre]") };
    let version = flags & 7;
    write!(out, "GREv{version}, length {whole}")?;
    // Checksum, key and sequence number are there if their bits say so. Version 1 is PPTP's, and there is PPP in it.
    let header = 4 + [0x8000, 0x2000, 0x1000].iter().filter(|bit| flags & **bit != 0).count() * 4;
    if version != 0 || depth >= DEPTH_MAX {
        return Ok(());
    }
    let Some((_, inner)) = octets.split_at_checked(header) else { return out.write_str(": [|gre]") };
    if flags & 0x2000 != 0 {
        let at = if flags & 0x8000 != 0 { 8 } else { 4 };
        write!(out, ", key {}", u32_at(octets, at).unwrap_or(0))?;
    }
    out.write_str(": ")?;
    let left = whole.saturating_sub(header).max(inner.len());
    // ERSPAN's first kind is a mirrored frame with nothing in front unless packets are numbered, then with eight octets.
    if kind == 0x88be {
        let skipped = if flags & 0x1000 != 0 { 8 } else { 0 };
        let inner = inner.get(skipped..).unwrap_or_default();
        out.write_str("ERSPAN ")?;
        return link::ether_payload(out, ETHERNET, inner, left.saturating_sub(skipped).max(inner.len()), depth);
    }
    link::ether_payload(out, EtherType(kind), inner, left, depth + 1)
}
