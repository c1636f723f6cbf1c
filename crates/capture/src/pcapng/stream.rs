//! Blocks on their way out: a buffer of whole blocks, and what is left of them when writing fails.

use super::block::{INTERFACE, PACKET, SECTION, block_at};
use super::{Alike, describe, enhanced};
use crate::packet::{InterfaceNumber, Octets, Packet};
use crate::section::{Interface, Section, Statistics};
use crate::{Counts, Error};
use std::io::{self, Write};

/// The buffer is written once it holds this many octets.
const FULL: usize = 256 * 1024;

/// Writing failed.
pub(crate) struct Failure {
    pub(crate) source: io::Error,
    /// Octets of this file that have left, and those of them that are whole blocks.
    pub(crate) written: u64,
    pub(crate) whole: u64,
    /// Packets given up.
    pub(crate) lost: u64,
}

struct Declared {
    interface: Interface,
    statistics: Option<Statistics>,
    delivered: u64,
    /// Packets given up since the last one that was taken.
    lost: u64,
}

/// What is written to one place after the other: a section, its interfaces, and blocks that wait.
pub(crate) struct Stream {
    section: Section,
    interfaces: Vec<Declared>,
    buffer: Vec<u8>,
    /// Packets in the buffer.
    waiting: u64,
    /// Octets in front of the buffer that are the rest of a block whose beginning has left, and whether it is a packet.
    torn: (usize, bool),
    /// Blocks of this file that have left and that all others need: the section's header and descriptions of interfaces.
    heads_out: usize,
    /// Octets and packets of this file that have left.
    file: (u64, u64),
    counts: Counts,
}

impl Stream {
    pub(crate) fn new(section: Section) -> Self {
        let mut stream = Self {
            section,
            interfaces: Vec::new(),
            // A block may be as long as the rest; what is never touched costs nothing.
            buffer: Vec::with_capacity(2 * FULL),
            waiting: 0,
            torn: (0, false),
            heads_out: 0,
            file: (0, 0),
            counts: Counts::default(),
        };
        stream.push_heads();
        stream
    }

    /// Goes on in a file of its own. What waited must have been written or given up.
    pub(crate) fn restart(&mut self) {
        self.buffer.clear();
        self.torn = (0, false);
        self.heads_out = 0;
        self.file = (0, 0);
        self.push_heads();
    }

    pub(crate) fn declare(&mut self, interface: Interface) -> InterfaceNumber {
        describe::interface(&mut self.buffer, &interface);
        self.interfaces.push(Declared { interface, statistics: None, delivered: 0, lost: 0 });
        InterfaceNumber(self.interfaces.len() as u32 - 1)
    }

    /// Takes a packet into the buffer.
    #[inline]
    pub(crate) fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        let declared = self.interfaces.len();
        let Some(of) = self.interfaces.get_mut(packet.interface.0 as usize) else {
            return Err(Error::UnknownInterface { interface: packet.interface, declared });
        };
        let lost_before = packet.lost_before.saturating_add(std::mem::take(&mut of.lost));
        of.delivered += 1;
        enhanced::packet(&mut self.buffer, packet, of.interface.snaplen, lost_before);
        self.waiting += 1;
        self.counts.packets += 1;
        Ok(())
    }

    /// Takes a packet like others into the buffer.
    #[inline]
    pub(crate) fn alike(&mut self, alike: &Alike, packet: &Octets<'_>) -> Result<(), Error> {
        let declared = self.interfaces.len();
        let interface = alike.interface();
        let Some(of) = self.interfaces.get_mut(interface.0 as usize) else {
            return Err(Error::UnknownInterface { interface, declared });
        };
        let lost_before = packet.lost_before.saturating_add(std::mem::take(&mut of.lost));
        of.delivered += 1;
        enhanced::alike(&mut self.buffer, alike, packet, of.interface.snaplen, lost_before);
        self.waiting += 1;
        self.counts.packets += 1;
        Ok(())
    }

    /// Counts a packet for which there was no place to write to.
    pub(crate) fn give_up(&mut self, interface: InterfaceNumber, lost_before: u64) {
        self.counts.packets += 1;
        self.counts.lost_write += 1;
        if let Some(of) = self.interfaces.get_mut(interface.0 as usize) {
            of.lost = of.lost.saturating_add(lost_before).saturating_add(1);
        }
    }

    pub(crate) fn remember(&mut self, interface: InterfaceNumber, statistics: Statistics) -> Result<(), Error> {
        let declared = self.interfaces.len();
        let of = self.interfaces.get_mut(interface.0 as usize);
        let of = of.ok_or(Error::UnknownInterface { interface, declared })?;
        of.statistics = Some(statistics);
        Ok(())
    }

    /// Takes all statistics that are remembered into the buffer.
    pub(crate) fn push_statistics(&mut self) {
        for (number, of) in self.interfaces.iter().enumerate() {
            if let Some(statistics) = &of.statistics {
                describe::statistics(&mut self.buffer, number as u32, statistics, of.delivered);
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    /// Octets of this file, with those that wait.
    pub(crate) fn file_octets(&self) -> u64 {
        self.file.0 + self.buffer.len() as u64
    }

    /// Octets and packets of this file that have left.
    pub(crate) fn left(&self) -> (u64, u64) {
        self.file
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Writes the buffer. When that fails, blocks that have not begun to leave are given up, so that memory stays bounded;
    /// the rest of one that has is kept, to be written first next time, if `keep_torn`. Else the caller cuts it off.
    pub(crate) fn write_to(&mut self, out: &mut impl Write, keep_torn: bool) -> Result<(), Failure> {
        let mut gone = 0;
        let source = loop {
            if gone == self.buffer.len() {
                self.count_left(gone as u64, self.waiting);
                self.heads_out = 1 + self.interfaces.len();
                self.buffer.clear();
                self.waiting = 0;
                self.torn = (0, false);
                return Ok(());
            }
            match out.write(&self.buffer[gone..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(octets) => gone += octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        Err(self.failed(source, gone, keep_torn))
    }

    fn count_left(&mut self, octets: u64, packets: u64) {
        self.file.0 += octets;
        self.file.1 += packets;
        self.counts.octets += octets;
        self.counts.written += packets;
    }

    /// Sorts out which blocks have left, which are torn, and which are given up.
    fn failed(&mut self, source: io::Error, gone: usize, keep_torn: bool) -> Failure {
        let (mut whole, mut kept, mut packets, mut lost) = (0, gone..gone, 0, 0);
        let buffer = std::mem::take(&mut self.buffer);
        let (mut at, mut torn_packet) = self.torn;
        if gone < at {
            kept = gone..at;
        } else if at > 0 {
            (whole, packets) = (at, u64::from(torn_packet));
        }
        while let Some((kind, length)) = block_at(&buffer[at..]) {
            let end = at + length;
            let stays = end <= gone || keep_torn && at < gone;
            if end <= gone {
                whole = end;
            } else if stays {
                kept = gone..end;
                torn_packet = kind == PACKET;
            }
            match kind {
                SECTION | INTERFACE if stays => self.heads_out += 1,
                PACKET if end <= gone => packets += 1,
                PACKET if !stays => {
                    lost += 1;
                    self.count_lost(&buffer[at..end]);
                }
                _ => {}
            }
            at = end;
        }
        let failure = Failure { source, written: self.file.0 + gone as u64, whole: self.file.0 + whole as u64, lost };
        self.waiting -= packets + lost;
        self.count_left(if keep_torn { gone } else { whole } as u64, packets);
        self.counts.lost_write += lost;
        self.buffer = buffer;
        self.buffer.truncate(kept.end);
        self.buffer.drain(..kept.start);
        self.torn = (self.buffer.len(), torn_packet);
        self.push_heads();
        failure
    }

    /// The interface's next packet will tell of this one, and of those it would have told of.
    fn count_lost(&mut self, block: &[u8]) {
        let (interface, lost_before) = enhanced::interface_and_lost(block).unwrap_or_default();
        if let Some(of) = self.interfaces.get_mut(interface as usize) {
            of.lost = of.lost.saturating_add(lost_before).saturating_add(1);
        }
    }

    /// Takes the section's header and the descriptions that have not left into the buffer.
    fn push_heads(&mut self) {
        if self.heads_out == 0 {
            describe::section(&mut self.buffer, &self.section);
        }
        for of in self.interfaces.iter().skip(self.heads_out.saturating_sub(1)) {
            describe::interface(&mut self.buffer, &of.interface);
        }
    }
}
