//! Writing that fails anywhere leaves whole blocks.

use super::Stream;
use super::block::{PACKET, block_at};
use crate::{Interface, InterfaceNumber, Packet, Section, Statistics};
use netrig_model::Timestamp;
use std::io::{self, Write};

/// Takes so many octets, a few at a time, and then none until there is room again.
struct Full {
    octets: Vec<u8>,
    room: usize,
}

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = octets.len().min(self.room - self.octets.len()).min(37);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.octets.extend_from_slice(&octets[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Kinds of blocks, and losses that packets tell of; panics if there is anything but whole blocks.
fn kinds(mut octets: &[u8]) -> (Vec<u32>, u64) {
    let (mut kinds, mut lost) = (Vec::new(), 0);
    while let Some((kind, length)) = block_at(octets) {
        let (block, rest) = octets.split_at(length);
        assert_eq!(block[length - 4..], block[4..8], "both lengths");
        kinds.push(kind);
        // These packets have four octets, so options begin at 32, and no other option has this code.
        if kind == PACKET && block[32..34] == [4, 0] {
            lost += u64::from(block[36]);
        }
        octets = rest;
    }
    assert_eq!(octets, [0; 0], "a torn block");
    (kinds, lost)
}

fn stream(packets: u64) -> Stream {
    let mut stream = Stream::new(Section::default());
    let first = stream.declare(Interface { name: "a".into(), ..Interface::default() });
    stream.remember(first, Statistics::default()).expect("declared");
    push(&mut stream, first, packets / 2);
    let second = stream.declare(Interface { name: "b".into(), ..Interface::default() });
    push(&mut stream, second, packets - packets / 2);
    stream
}

fn push(stream: &mut Stream, interface: InterfaceNumber, packets: u64) {
    for at in 0..packets {
        stream.packet(&Packet::whole(Timestamp(at as i64), interface, b"data")).expect("declared");
    }
}

#[test]
fn a_file_is_whole_wherever_writing_fails() {
    let mut everything = Vec::new();
    stream(8).write_to(&mut everything, false).map_err(|failure| failure.source).expect("room");
    for room in 0..everything.len() {
        let mut stream = stream(8);
        let mut out = Full { octets: Vec::new(), room };
        let failure = stream.write_to(&mut out, false).expect_err("no room");
        assert_eq!(failure.written, room as u64);
        out.octets.truncate(failure.whole as usize);
        let (before, _) = kinds(&out.octets);
        let written = before.iter().filter(|kind| **kind == PACKET).count() as u64;
        assert_eq!((stream.counts().written, failure.lost), (written, 8 - written), "room {room}");
        assert_eq!((stream.counts().lost_write, stream.left()), (8 - written, (failure.whole, written)));
        assert_eq!(stream.counts().octets, failure.whole);

        // There is room again: what all others need comes first, and packets tell what was lost before them.
        out.room = usize::MAX;
        push(&mut stream, InterfaceNumber(0), 1);
        push(&mut stream, InterfaceNumber(1), 1);
        stream.push_statistics();
        stream.write_to(&mut out, false).map_err(|failure| failure.source).expect("room");
        let (after, lost) = kinds(&out.octets);
        assert_eq!(after.iter().filter(|kind| **kind == 1).count(), 2, "room {room}: {after:?}");
        assert_eq!(after.iter().filter(|kind| **kind == 0x0a0d_0d0a).count(), 1);
        assert_eq!(lost, failure.lost);
        assert_eq!(stream.file_octets(), out.octets.len() as u64);
        assert_eq!(stream.counts().written, written + 2);
    }
}

#[test]
fn what_cannot_be_cut_goes_on_where_it_was_torn() {
    let mut everything = Vec::new();
    stream(8).write_to(&mut everything, true).map_err(|failure| failure.source).expect("room");
    for room in 0..everything.len() {
        let mut stream = stream(8);
        let mut out = Full { octets: Vec::new(), room };
        let mut lost = stream.write_to(&mut out, true).expect_err("no room").lost;
        // A second failure a few octets on, which may be within the same block.
        out.room += room % 9;
        push(&mut stream, InterfaceNumber(1), 1);
        lost += stream.write_to(&mut out, true).expect_err("no room").lost;
        out.room = usize::MAX;
        push(&mut stream, InterfaceNumber(0), 1);
        push(&mut stream, InterfaceNumber(1), 1);
        stream.write_to(&mut out, true).map_err(|failure| failure.source).expect("room");
        let (after, told) = kinds(&out.octets);
        let packets = after.iter().filter(|kind| **kind == PACKET).count() as u64;
        assert_eq!((packets + lost, told), (11, lost), "room {room}");
        assert_eq!(stream.counts().written, packets);
        assert_eq!(stream.counts().lost_write, lost);
        assert_eq!(after.iter().filter(|kind| **kind == 1).count(), 2, "room {room}: {after:?}");
    }
}
