//! Files that rotate by size, by time or by both, as tcpdump's do.

use super::names::{digits, file_name};
use super::open::{cut, open};
use crate::packet::{InterfaceNumber, Octets, Packet};
use crate::pcapng::{Alike, Counts, Failure, Stream};
use crate::section::{Interface, Section, Statistics};
use crate::{Error, Zone};
use netrig_model::Timestamp;
use std::fs::File;
use std::path::{Path, PathBuf};

const NS_PER_SECOND: i64 = 1_000_000_000;

/// When a file ends and which one is next. With none of it, there is one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// tcpdump's `-C`, in octets: a file that has more than this is the last packet's, and a number stands behind its name.
    pub size: Option<u64>,
    /// tcpdump's `-G`: a file is for this many seconds, and conversions such as `%H%M%S` in its name are filled in, in local
    /// time. Without any, each file overwrites the one before it.
    pub seconds: Option<u64>,
    /// tcpdump's `-W`. With a size: so many files, then the first is overwritten. With seconds: the capture ends after so
    /// many files. With both: each time has so many files, which are overwritten; that is what tcpdump does, though its
    /// page says otherwise.
    pub count: Option<u32>,
}

/// Whether more packets are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// They are.
    Going,
    /// There are as many files as were asked for; packets are no longer taken.
    Finished,
}

/// A file that is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its path.
    pub path: PathBuf,
    /// Packets in it.
    pub packets: u64,
    /// Its octets.
    pub octets: u64,
}

struct Current {
    path: PathBuf,
    file: File,
    /// Whether it can be cut; a pipe cannot.
    is_file: bool,
}

/// Writes pcapng into files that rotate. Each begins with the section's header and all interfaces, and ends with their
/// statistics, so it can be read alone.
///
/// When writing fails, what the file holds is whole blocks; packets that waited are lost and counted, also in the next packet
/// of their interface, and later ones are tried again.
pub struct Files {
    pattern: PathBuf,
    rotation: Rotation,
    zone: Zone,
    stream: Stream,
    current: Option<Current>,
    /// The file's number among those of its time.
    number: u32,
    /// When the time of the file began, and how many such times have ended.
    slice: (i64, u32),
    finished: bool,
    closed: Vec<Closed>,
}

impl Files {
    /// Makes the first file. `now` begins the first time of a rotation by time.
    ///
    /// # Errors
    ///
    /// If the file cannot be made, or no name can be made of the path and the time.
    pub fn create(
        path: &Path,
        rotation: Rotation,
        section: Section,
        now: Timestamp,
        zone: Zone,
    ) -> Result<Self, Error> {
        let mut files = Self {
            pattern: path.to_owned(),
            rotation,
            zone,
            stream: Stream::new(section),
            current: None,
            number: 0,
            slice: (now.0.div_euclid(NS_PER_SECOND), 0),
            finished: false,
            closed: Vec::new(),
        };
        files.open_next()?;
        Ok(files)
    }

    /// Says that packets of this interface may come, at any time; numbers count from 0.
    pub fn declare(&mut self, interface: Interface) -> InterfaceNumber {
        self.stream.declare(interface)
    }

    /// Takes a packet, and begins a new file before it if it is time to.
    ///
    /// # Errors
    ///
    /// If its interface was not declared, or if a file cannot be made or written. A packet for which there is a file is taken
    /// nevertheless and tried again, as later ones are; [`Files::counts`] tells what was lost.
    #[inline]
    pub fn packet(&mut self, packet: &Packet<'_>) -> Result<Progress, Error> {
        let of = (packet.time, packet.interface, packet.lost_before);
        self.take(of, |stream| stream.packet(packet))
    }

    /// Takes a packet like others.
    ///
    /// # Errors
    ///
    /// As [`Files::packet`].
    #[inline]
    pub fn alike(&mut self, alike: &Alike, packet: &Octets<'_>) -> Result<Progress, Error> {
        let of = (packet.time, alike.interface(), packet.lost_before);
        self.take(of, |stream| stream.alike(alike, packet))
    }

    #[inline]
    fn take(
        &mut self,
        (time, interface, lost_before): (Timestamp, InterfaceNumber, u64),
        push: impl FnOnce(&mut Stream) -> Result<(), Error>,
    ) -> Result<Progress, Error> {
        let rotated = self.rotate_if_due(time);
        if self.finished {
            return rotated.map(|()| Progress::Finished);
        }
        if self.current.is_none() {
            self.stream.give_up(interface, lost_before);
            return rotated.map(|()| Progress::Going);
        }
        push(&mut self.stream)?;
        rotated?;
        if self.stream.is_full() {
            self.write()?;
        }
        Ok(Progress::Going)
    }

    /// Is told the time when no packets come, so that a time's file ends with it.
    ///
    /// # Errors
    ///
    /// If a file cannot be made or written.
    pub fn tick(&mut self, now: Timestamp) -> Result<Progress, Error> {
        self.rotate_if_due(now)?;
        Ok(if self.finished { Progress::Finished } else { Progress::Going })
    }

    /// Remembers an interface's counts; they are written at each file's end and by [`Files::write_statistics`].
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
        if self.finished {
            return Ok(());
        }
        self.stream.push_statistics();
        if self.stream.is_full() { self.write() } else { Ok(()) }
    }

    /// Writes what waits.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.finished { Ok(()) } else { self.write() }
    }

    /// Ends the last file and says what became of packets.
    ///
    /// # Errors
    ///
    /// If what waits cannot be written.
    pub fn finish(mut self) -> Result<(Counts, Vec<Closed>), Error> {
        if !self.finished {
            self.finished = true;
            self.close()?;
        }
        Ok((self.stream.counts(), std::mem::take(&mut self.closed)))
    }

    /// Files that have ended since this was last asked, for whoever wants to move or compress them.
    pub fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.closed)
    }

    /// The file that is being written, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.current.as_ref().map(|current| current.path.as_path())
    }

    /// What became of packets so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.stream.counts()
    }

    #[inline]
    fn rotate_if_due(&mut self, now: Timestamp) -> Result<(), Error> {
        let time_is_up = self.rotation.seconds.is_some_and(|seconds| {
            now.0.div_euclid(NS_PER_SECOND).saturating_sub(self.slice.0) >= i64::try_from(seconds).unwrap_or(i64::MAX)
        });
        let is_large = self.rotation.size.is_some_and(|size| self.stream.file_octets() > size);
        if self.finished || !time_is_up && !is_large && self.current.is_some() {
            return Ok(());
        }
        self.rotate(now, time_is_up, is_large)
    }

    #[cold]
    fn rotate(&mut self, now: Timestamp, time_is_up: bool, is_large: bool) -> Result<(), Error> {
        // Without a file, the one that could not be made is tried again.
        let mut closed = Ok(());
        if self.current.is_some() {
            closed = self.close();
            if time_is_up {
                self.number = 0;
                self.slice = (now.0.div_euclid(NS_PER_SECOND), self.slice.1.saturating_add(1));
                let enough = |count| self.rotation.size.is_none() && self.slice.1 >= count;
                if self.rotation.count.is_some_and(enough) {
                    self.finished = true;
                    return closed;
                }
            } else if is_large {
                self.number = self.number.wrapping_add(1);
                if self.rotation.count.is_some_and(|count| self.number >= count) {
                    self.number = 0;
                }
            }
            self.stream.restart();
        }
        self.open_next()?;
        closed
    }

    fn open_next(&mut self) -> Result<(), Error> {
        let time = Timestamp(self.slice.0.saturating_mul(NS_PER_SECOND));
        let time = self.rotation.seconds.map(|_| (time, &self.zone));
        let digits = if self.rotation.size.is_some() { digits(self.rotation.count) } else { 0 };
        let path = file_name(&self.pattern, time, self.number, digits)?;
        let (file, is_file) = open(&path)?;
        self.current = Some(Current { path, file, is_file });
        Ok(())
    }

    /// Ends the current file. It ends also when its last blocks cannot be written: the next one may be an old one's place,
    /// and overwriting that makes room.
    fn close(&mut self) -> Result<(), Error> {
        self.stream.push_statistics();
        let written = self.write();
        if let Some(current) = self.current.take() {
            let (octets, packets) = self.stream.left();
            self.closed.push(Closed { path: current.path, packets, octets });
        }
        written
    }

    fn write(&mut self) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let Err(Failure { source, written, whole, lost }) = self.stream.write_to(&mut current.file, !current.is_file)
        else {
            return Ok(());
        };
        if !current.is_file {
            return Err(Error::of_stream(source, written, lost));
        }
        // Cutting needs no room. If it fails nevertheless, there are worse things wrong with the disk than a torn block.
        let _ = cut(&mut current.file, whole);
        Err(Error::File { path: current.path.clone(), written: whole, lost, source })
    }
}

impl Drop for Files {
    /// Writes what waits, in case nobody came to [`Files::finish`].
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.close();
        }
    }
}
