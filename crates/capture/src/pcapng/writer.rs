//! pcapng into anything that can be written to.

use super::Alike;
use super::stream::Stream;
use crate::Error;
use crate::packet::{InterfaceNumber, Octets, Packet};
use crate::section::{Interface, Section, Statistics};
use std::io::{self, Write};

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets the writer was given.
    pub packets: u64,
    /// Packets that have been written; those that wait in the buffer are not yet among them.
    pub written: u64,
    /// Packets that could not be written.
    pub lost_write: u64,
    /// Octets that have been written, in all files.
    pub octets: u64,
}

/// Writes one section of pcapng to a pipe, or to anything else that takes octets.
///
/// Blocks are gathered in a buffer of 256 KiB; [`Writer::flush`] writes what waits, and [`Writer::finish`] must end it. When
/// writing fails, what waits is given up and counted; packets may go on being given, and are tried again.
#[must_use = "what waits is lost unless it is finished"]
pub struct Writer<W: Write> {
    out: W,
    stream: Stream,
}

impl<W: Write> Writer<W> {
    /// A writer of one section. Nothing is written yet.
    pub fn new(out: W, section: Section) -> Self {
        Self { out, stream: Stream::new(section) }
    }

    /// Says that packets of this interface may come, at any time; numbers count from 0.
    pub fn declare(&mut self, interface: Interface) -> InterfaceNumber {
        self.stream.declare(interface)
    }

    /// Takes a packet.
    ///
    /// # Errors
    ///
    /// If its interface was not declared, or if the buffer is full and cannot be written.
    #[inline]
    pub fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        self.stream.packet(packet)?;
        if self.stream.is_full() { self.write() } else { Ok(()) }
    }

    /// Takes a packet like others.
    ///
    /// # Errors
    ///
    /// As [`Writer::packet`].
    #[inline]
    pub fn alike(&mut self, alike: &Alike, packet: &Octets<'_>) -> Result<(), Error> {
        self.stream.alike(alike, packet)?;
        if self.stream.is_full() { self.write() } else { Ok(()) }
    }

    /// Remembers an interface's counts; they are written by [`Writer::write_statistics`] and at the end.
    ///
    /// # Errors
    ///
    /// If the interface was not declared.
    pub fn statistics(&mut self, interface: InterfaceNumber, statistics: Statistics) -> Result<(), Error> {
        self.stream.remember(interface, statistics)
    }

    /// Writes the counts of all interfaces as they are remembered.
    ///
    /// # Errors
    ///
    /// If the buffer is full and cannot be written.
    pub fn write_statistics(&mut self) -> Result<(), Error> {
        self.stream.push_statistics();
        if self.stream.is_full() { self.write() } else { Ok(()) }
    }

    /// Writes what waits.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.write()?;
        self.out.flush().map_err(|source| self.error(source, 0))
    }

    /// Writes counts and what waits, and gives back what was written to.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<W, Error> {
        self.stream.push_statistics();
        self.flush()?;
        Ok(self.out)
    }

    /// What became of packets so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.stream.counts()
    }

    fn write(&mut self) -> Result<(), Error> {
        let failure = self.stream.write_to(&mut self.out, true);
        failure.map_err(|failure| self.error(failure.source, failure.lost))
    }

    fn error(&self, source: io::Error, lost: u64) -> Error {
        Error::of_stream(source, self.stream.counts().octets, lost)
    }
}
