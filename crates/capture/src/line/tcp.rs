//! TCP, with its options.

use super::{u16_at, u32_at};
use etherparse::TcpSlice;
use std::fmt::{self, Write};

/// Octets of a header without options.
const HEADER: usize = 20;

/// A segment, of which there were `whole` octets.
pub(super) fn tcp(out: &mut String, octets: &[u8], whole: usize) -> fmt::Result {
    let Some(fixed) = octets.first_chunk::<HEADER>() else { return out.write_str("[|tcp]") };
    let header = usize::from(fixed[12] >> 4) * 4;
    if header < HEADER {
        return write!(out, "tcp [bad header], length {whole}");
    }
    // Without its options a header can be read even where the options were cut off.
    let mut alone = *fixed;
    alone[12] = 5 << 4;
    let Ok(segment) = TcpSlice::from_slice(&alone) else { return out.write_str("[|tcp]") };
    let length = whole.saturating_sub(header);

    out.write_str("Flags [")?;
    push_flags(out, fixed[13])?;
    out.write_str("]")?;
    let sequence = segment.sequence_number();
    if length > 0 {
        write!(out, ", seq {sequence}:{}", sequence.wrapping_add(length as u32))?;
    } else if segment.syn() || segment.fin() || segment.rst() {
        write!(out, ", seq {sequence}")?;
    }
    if segment.ack() {
        write!(out, ", ack {}", segment.acknowledgment_number())?;
    }
    write!(out, ", win {}", segment.window_size())?;
    if segment.urg() {
        write!(out, ", urg {}", segment.urgent_pointer())?;
    }
    if header > HEADER {
        out.write_str(", options [")?;
        push_options(out, &octets[HEADER..header.min(octets.len())])?;
        out.write_str(if octets.len() < header { "[|tcp]]" } else { "]" })?;
    }
    write!(out, ", length {length}")
}

/// The letters tcpdump has for flags, in its order.
fn push_flags(out: &mut String, flags: u8) -> fmt::Result {
    if flags == 0 {
        return out.write_str("none");
    }
    for (bit, letter) in "FSRP.UEW".chars().enumerate() {
        if flags & 1 << bit != 0 {
            out.write_char(letter)?;
        }
    }
    Ok(())
}

fn push_options(out: &mut String, mut octets: &[u8]) -> fmt::Result {
    let mut comma = "";
    while let [kind, rest @ ..] = octets {
        out.write_str(comma)?;
        comma = ",";
        if *kind < 2 {
            out.write_str(if *kind == 0 { "eol" } else { "nop" })?;
            if *kind == 0 {
                break;
            }
            octets = rest;
            continue;
        }
        let length = rest.first().map_or(0, |length| usize::from(*length));
        let Some(option) = octets.get(..length).filter(|option| option.len() >= 2) else {
            return out.write_str("[bad option]");
        };
        push_option(out, *kind, &option[2..])?;
        octets = &octets[length..];
    }
    Ok(())
}

fn push_option(out: &mut String, kind: u8, value: &[u8]) -> fmt::Result {
    match (kind, value.len()) {
        (2, 2) => write!(out, "mss {}", u16_at(value, 0).unwrap_or(0)),
        (3, 1) => write!(out, "wscale {}", value[0]),
        (4, 0) => out.write_str("sackOK"),
        (5, 8 | 16 | 24 | 32) => {
            write!(out, "sack {} ", value.len() / 8)?;
            for edges in value.chunks_exact(8) {
                write!(out, "{{{}:{}}}", u32_at(edges, 0).unwrap_or(0), u32_at(edges, 4).unwrap_or(0))?;
            }
            Ok(())
        }
        (8, 8) => write!(out, "TS val {} ecr {}", u32_at(value, 0).unwrap_or(0), u32_at(value, 4).unwrap_or(0)),
        (19, 16) => out.write_str("md5"),
        (30, _) => out.write_str("mptcp"),
        (34, _) => out.write_str("tfo"),
        _ => write!(out, "unknown-{kind}"),
    }
}
