//! Blocks that say what a capture is: the section's header, an interface's description and its statistics.

use super::block::{Block, COMMENT, INTERFACE, SECTION, STATISTICS};
use crate::section::{Interface, Section, Statistics};
use crate::text::{OPTION_MAX, push_harmless};
use netrig_model::Timestamp;

/// Octets in this order mean that the writer was little-endian.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Times are in units of ten to the minus this many seconds.
const TIME_RESOLUTION: u8 = 9;

/// A time as pcapng splits it: the upper half first, each in the section's order of octets.
pub(super) fn halves(time: Timestamp) -> [u8; 8] {
    let ns = u64::try_from(time.0).unwrap_or(0);
    // Swapping the halves of a little-endian number puts the upper one first.
    ns.rotate_left(32).to_le_bytes()
}

/// Appends a section's header, whose length is not known in advance.
pub(super) fn section(out: &mut Vec<u8>, section: &Section) {
    let mut block = Block::begin(out, SECTION);
    block.body(&BYTE_ORDER.to_le_bytes());
    block.body(&[1, 0, 0, 0]);
    block.body(&(-1_i64).to_le_bytes());
    for (code, text) in [(2, &section.hardware), (3, &section.os), (4, &section.application)] {
        if let Some(text) = text {
            block.text(code, text);
        }
    }
    if let Some(comment) = &section.comment {
        block.comment(comment);
    }
    block.end();
}

/// Appends an interface's description.
pub(super) fn interface(out: &mut Vec<u8>, interface: &Interface) {
    let mut block = Block::begin(out, INTERFACE);
    block.body(&u32::from(interface.link.number()).to_le_bytes());
    block.body(&interface.snaplen.to_le_bytes());
    block.text(2, &interface.name);
    if !interface.hook.is_empty() {
        block.text(3, &interface.hook);
    }
    if let Some(bps) = interface.speed_bps {
        block.option(8, &bps.to_le_bytes());
    }
    block.option(9, &[TIME_RESOLUTION]);
    if let Some(filter) = &interface.filter {
        // The first octet says that what follows is libpcap's language.
        block.text_by(11, |out| {
            out.push(0);
            push_harmless(out, filter, OPTION_MAX - 1, true);
        });
    }
    if let Some(os) = &interface.os {
        block.text(12, os);
    }
    if let Some(comment) = &interface.comment {
        block.comment(comment);
    }
    block.end();
}

/// Appends an interface's statistics.
pub(super) fn statistics(out: &mut Vec<u8>, number: u32, statistics: &Statistics, delivered: u64) {
    let mut block = Block::begin(out, STATISTICS);
    block.body(&number.to_le_bytes());
    block.body(&halves(statistics.end));
    block.option(2, &halves(statistics.start));
    block.option(3, &halves(statistics.end));
    let counts = [
        (4, statistics.received),
        (5, statistics.dropped_by_interface),
        (6, statistics.accepted),
        (7, statistics.dropped_by_us),
        (8, Some(statistics.delivered.unwrap_or(delivered))),
    ];
    for (code, count) in counts {
        if let Some(count) = count {
            block.option(code, &count.to_le_bytes());
        }
    }
    if statistics.by_reason.iter().any(|(_, count)| *count > 0) {
        block.text_by(COMMENT, |out| {
            push_harmless(out, "lost: ", OPTION_MAX, false);
            let told = statistics.by_reason.iter().filter(|(_, count)| *count > 0);
            for (at, (reason, count)) in told.enumerate() {
                out.extend_from_slice(if at == 0 { b"" } else { b", " });
                push_harmless(out, reason, OPTION_MAX, false);
                out.extend_from_slice(format!(" {count}").as_bytes());
            }
        });
    }
    block.end();
}
