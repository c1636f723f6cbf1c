//! A packet's block. This is the one that is written a million times a second.

use super::block::{Block, COMMENT, PACKET, padding};
use super::describe::halves;
use crate::packet::{InterfaceNumber, Octets, Owner, Packet, Verdict};
use crate::text::{OPTION_MAX, push_harmless};
use netrig_model::{Direction, Timestamp};

/// The most octets of a packet that readers accept; libpcap and Wireshark call more an error.
const OCTETS_MAX: usize = 262_144;

/// The option that tells how many packets were lost before this one.
const DROPCOUNT: u16 = 4;

/// Options of known length, put together on the stack so that they are copied once.
struct Options {
    octets: [u8; 96],
    length: usize,
}

impl Options {
    fn push<const N: usize>(&mut self, code: u16, value: [u8; N]) {
        // N is known where this is compiled in, so each of these is a plain store.
        let whole = 4 + N + padding(N);
        let Some(place) = self.octets.get_mut(self.length..self.length + whole) else { return };
        place[..2].copy_from_slice(&code.to_le_bytes());
        place[2..4].copy_from_slice(&(N as u16).to_le_bytes());
        place[4..4 + N].copy_from_slice(&value);
        self.length += whole;
    }
}

/// What a packet's block has in front of its octets.
const HEAD_OCTETS: usize = 28;
/// The option that ends options.
const OPTIONS_END: usize = 4;

/// Appends a packet's block; `snaplen` is what its interface keeps of a packet, 0 for all.
pub(super) fn packet(out: &mut Vec<u8>, packet: &Packet<'_>, snaplen: u32, lost_before: u64) {
    let octets = kept(packet.octets, snaplen);
    let original = original(packet.original, packet.octets);

    let mut block = Block::begin(out, PACKET);
    block.body(&head(packet.interface, packet.time, octets.len(), original)[8..]);
    block.body(octets);
    block.body(&[0; 3][..padding(octets.len())]);
    let options = fixed_options(packet, lost_before);
    block.options(&options.octets[..options.length]);
    if packet.owner.is_some() || packet.note.is_some() || matches!(packet.verdict, Some(Verdict::Dropped(_))) {
        comments(&mut block, packet);
    }
    block.end();
}

fn kept(octets: &[u8], snaplen: u32) -> &[u8] {
    let most = if snaplen == 0 { OCTETS_MAX } else { OCTETS_MAX.min(snaplen as usize) };
    octets.get(..most).unwrap_or(octets)
}

/// Never less than there is.
fn original(told: u32, octets: &[u8]) -> u32 {
    told.max(u32::try_from(octets.len()).unwrap_or(u32::MAX))
}

/// What a block begins with; its length is not known yet.
fn head(interface: InterfaceNumber, time: Timestamp, captured: usize, original: u32) -> [u8; HEAD_OCTETS] {
    let mut head = [0; HEAD_OCTETS];
    head[..4].copy_from_slice(&PACKET.to_le_bytes());
    head[8..12].copy_from_slice(&interface.0.to_le_bytes());
    head[12..20].copy_from_slice(&halves(time));
    head[20..24].copy_from_slice(&(captured as u32).to_le_bytes());
    head[24..].copy_from_slice(&original.to_le_bytes());
    head
}

/// What the blocks of many packets have in common: all but times, lengths and octets. Making it takes as long as a packet's block; a block
/// with it takes a third of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    interface: InterfaceNumber,
    /// Options and their end.
    options: Vec<u8>,
}

impl Alike {
    /// As this packet: its time, its octets, and what was lost before it are its own.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Self {
        let mut block = Vec::new();
        self::packet(&mut block, &Packet { octets: &[], ..*packet }, 0, 0);
        // Behind the options comes the length alone.
        let options = block[HEAD_OCTETS..block.len() - 4].to_vec();
        Self { interface: packet.interface, options }
    }

    pub(crate) fn interface(&self) -> InterfaceNumber {
        self.interface
    }
}

/// Appends the block of a packet like others.
#[inline]
pub(super) fn alike(out: &mut Vec<u8>, alike: &Alike, packet: &Octets<'_>, snaplen: u32, lost_before: u64) {
    let mut lost = Options { octets: [0; 96], length: 0 };
    let mut end = 0;
    if lost_before > 0 {
        lost.push(DROPCOUNT, lost_before.to_le_bytes());
        end = if alike.options.is_empty() { OPTIONS_END } else { 0 };
    }
    let octets = kept(packet.octets, snaplen);
    let pad = padding(octets.len());
    let length = HEAD_OCTETS + octets.len() + pad + lost.length + alike.options.len() + end + 4;
    let mut head = head(alike.interface, packet.time, octets.len(), original(packet.original, packet.octets));
    head[4..8].copy_from_slice(&(length as u32).to_le_bytes());

    out.reserve(length);
    out.extend_from_slice(&head);
    out.extend_from_slice(octets);
    if pad > 0 {
        out.extend_from_slice(&[0; 3][..pad]);
    }
    if lost.length > 0 {
        out.extend_from_slice(&lost.octets[..lost.length]);
    }
    out.extend_from_slice(&alike.options);
    if end > 0 {
        out.extend_from_slice(&[0; OPTIONS_END]);
    }
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

/// What a packet's block says of its interface, and of the packets lost before it.
pub(super) fn interface_and_lost(block: &[u8]) -> Option<(u32, u64)> {
    let word = |at: usize| block.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let octets = word(20)? as usize;
    let mut at = 28 + octets + padding(octets);
    while let Some(head) = word(at) {
        match (head as u16, head >> 16) {
            (0, _) => break,
            (DROPCOUNT, 8) => {
                let count = block.get(at + 4..at + 12)?.try_into().ok().map(u64::from_le_bytes)?;
                return Some((word(8)?, count));
            }
            (_, length) => at += 4 + length as usize + padding(length as usize),
        }
    }
    Some((word(8)?, 0))
}

fn fixed_options(packet: &Packet<'_>, lost_before: u64) -> Options {
    let mut options = Options { octets: [0; 96], length: 0 };
    // First, as in packets like others.
    if lost_before > 0 {
        options.push(DROPCOUNT, lost_before.to_le_bytes());
    }
    if let Some(direction) = packet.direction {
        let flags: u32 = match direction {
            Direction::Ingress => 1,
            Direction::Egress => 2,
        };
        options.push(2, flags.to_le_bytes());
    }
    if packet.id > 0 {
        options.push(5, packet.id.to_le_bytes());
    }
    if let Some(queue) = packet.queue {
        options.push(6, queue.to_le_bytes());
    }
    match packet.verdict {
        Some(Verdict::Tc(action)) => options.push(7, verdict(1, i64::from(action) as u64)),
        Some(Verdict::Xdp(action)) => options.push(7, verdict(2, u64::from(action))),
        Some(Verdict::Dropped(_)) | None => {}
    }
    if let Some(owner) = packet.owner {
        // The upper half is the thread's number; 0 is unknown.
        options.push(8, u64::from(owner.pid).to_le_bytes());
    }
    options
}

/// What decided, and in eight octets what.
fn verdict(kind: u8, action: u64) -> [u8; 9] {
    let mut octets = [kind; 9];
    octets[1..].copy_from_slice(&action.to_le_bytes());
    octets
}

/// What people want to read beside a packet, a comment for each thing.
fn comments(block: &mut Block<'_>, packet: &Packet<'_>) {
    if let Some(owner) = packet.owner {
        block.text_by(COMMENT, |out| push_owner(out, owner));
    }
    if let Some(Verdict::Dropped(reason)) = packet.verdict {
        block.text_by(COMMENT, |out| {
            out.extend_from_slice(b"dropped: ");
            push_harmless(out, reason, OPTION_MAX, false);
        });
    }
    if let Some(note) = packet.note {
        block.text(COMMENT, note);
    }
}

/// `nginx[4711] container=web`.
pub(crate) fn push_owner(out: &mut Vec<u8>, owner: Owner<'_>) {
    push_harmless(out, owner.process, OPTION_MAX, false);
    out.push(b'[');
    push_decimal(out, owner.pid);
    out.push(b']');
    if let Some(container) = owner.container {
        out.extend_from_slice(b" container=");
        push_harmless(out, container, OPTION_MAX, false);
    }
}

/// Appends a number in decimal, without the machinery of `format!`.
fn push_decimal(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
