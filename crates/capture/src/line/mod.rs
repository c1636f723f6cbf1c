//! A packet as one line of text, in tcpdump's manner.
//!
//! What is read here came from anywhere: nothing is believed, headers in headers are followed a few levels deep only, and
//! names that others chose are made harmless.

mod extensions;
mod icmp;
mod ip;
mod link;
mod tcp;
mod tunnel;

use crate::packet::{Packet, Verdict};
use crate::section::{Interface, LinkType};
use crate::text::Harmless;
use crate::zone::Zone;
use netrig_model::Direction;
use std::fmt::{self, Write};

/// How many packets in packets are followed.
const DEPTH_MAX: u8 = 4;

/// Appends one line, without its end: the time, the interface, the way, what the headers say, whose it is, and what became
/// of it.
pub fn push_line(out: &mut String, packet: &Packet<'_>, interface: &Interface, zone: &Zone) {
    // A string takes everything, so there is no error.
    let _ = line(out, packet, interface, zone);
}

fn line(out: &mut String, packet: &Packet<'_>, interface: &Interface, zone: &Zone) -> fmt::Result {
    let time = zone.at(packet.time).time();
    let way = match packet.direction {
        Some(Direction::Ingress) => "In ",
        Some(Direction::Egress) => "Out",
        None => "?  ",
    };
    write!(
        out,
        "{:02}:{:02}:{:02}.{:09} {} {way} ",
        time.hour(),
        time.minute(),
        time.second(),
        time.subsec_nanosecond(),
        Harmless(&interface.name)
    )?;
    push_summary(out, packet.octets, packet.original, interface.link)?;
    if let Some(owner) = packet.owner {
        write!(out, " {}[{}]", Harmless(owner.process), owner.pid)?;
        if let Some(container) = owner.container {
            write!(out, " container={}", Harmless(container))?;
        }
    }
    match packet.verdict {
        Some(Verdict::Xdp(action)) => push_action(out, "XDP", &XDP_ACTIONS, action as usize)?,
        // The first of them is -1.
        Some(Verdict::Tc(action)) => push_action(out, "TC", &TC_ACTIONS, (i64::from(action) + 1) as usize)?,
        Some(Verdict::Dropped(reason)) => write!(out, " dropped: {}", Harmless(reason))?,
        None => {}
    }
    match packet.note {
        Some(note) => write!(out, " {}", Harmless(note)),
        None => Ok(()),
    }
}

/// Words for XDP's actions, by their numbers.
const XDP_ACTIONS: [&str; 5] = ["aborted", "drop", "pass", "tx", "redirect"];
/// Words for traffic control's actions, from -1.
const TC_ACTIONS: [&str; 10] =
    ["unspec", "ok", "reclassify", "shot", "pipe", "stolen", "queued", "repeat", "redirect", "trap"];

fn push_action(out: &mut String, hook: &str, words: &[&str], action: usize) -> fmt::Result {
    match words.get(action) {
        Some(word) => write!(out, " {hook} {word}"),
        None => write!(out, " {hook} unknown action"),
    }
}

/// What the headers of any octets say: no octets can make it fail.
fn push_summary(out: &mut String, octets: &[u8], original: u32, link: LinkType) -> fmt::Result {
    let whole = (original as usize).max(octets.len());
    match link {
        LinkType::Ethernet => link::ethernet(out, octets, whole, 0),
        LinkType::Raw => ip::ip(out, octets, whole, 0),
    }
}

/// The number of two octets at a place.
fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

/// The number of four octets at a place.
fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}
