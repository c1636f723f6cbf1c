//! A capture of either format as a stream of packets.

use super::error::{CaptureError, CaptureFault, Found, Place};
use super::interface::Interfaces;
use super::link::LinkType;
use super::packet::Packet;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::source::Source;
use netrig_model::{Direction, InterfaceId, Timestamp};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a format's reader found; the data lie in the shared buffer.
pub(super) struct Record {
    pub(super) timestamp: Timestamp,
    pub(super) interface: InterfaceId,
    pub(super) direction: Direction,
    pub(super) link_type: LinkType,
    pub(super) wire_len: u32,
    pub(super) data: Range<usize>,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// Reads a capture packet by packet, in memory that does not grow with it.
pub struct CaptureReader {
    path: PathBuf,
    source: Source,
    format: Format,
    interfaces: Interfaces,
    buffer: Vec<u8>,
    /// Packets given so far.
    packets: u64,
    /// Whether there is no more to come: the end, or a fault that was told.
    done: bool,
}

impl std::fmt::Debug for CaptureReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureReader")
            .field("path", &self.path)
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}

impl CaptureReader {
    /// Opens a pcap or pcapng file, plain or packed with gzip or zstd (also one within the other).
    ///
    /// # Errors
    /// When it cannot be read or is no capture.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::start(path, Source::open(path))
    }

    /// Reads a capture from a stream; `name` stands for it in errors.
    ///
    /// # Errors
    /// When it cannot be read or is no capture.
    pub fn from_stream(name: &Path, stream: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        Self::start(name, Source::new(stream))
    }

    fn start(path: &Path, opened: Found<(Source, Vec<u8>)>) -> Result<Self, CaptureError> {
        let fail = |fault| CaptureError { path: path.to_owned(), place: None, fault };
        let (mut source, head) = opened.map_err(fail)?;
        let mut interfaces = Interfaces::default();
        let format = if let Some((order, magic)) = Pcap::order_of(&head) {
            Format::Pcap(Pcap::open(&mut source, order, magic, &mut interfaces).map_err(fail)?)
        } else if Pcapng::is(&head) {
            Format::Pcapng(Pcapng::new())
        } else {
            return Err(fail(not_a_capture(head)));
        };
        let path = path.to_owned();
        Ok(Self { path, source, format, interfaces, buffer: Vec::new(), packets: 0, done: false })
    }

    /// The next packet, or `None` at the end. After an error there is nothing more.
    ///
    /// # Errors
    /// Where the capture breaks; all packets before that place have been given.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.done {
            return Ok(None);
        }
        let mut start = self.source.offset;
        let found = self.next_record(&mut start);
        self.done = !matches!(found, Ok(Some(_)));
        match found {
            Ok(Some(record)) => Ok(Some(self.packet(record, start))),
            Ok(None) => Ok(None),
            Err(fault) => {
                let place = Some(Place { packet: self.packets + 1, offset: start });
                Err(CaptureError { path: self.path.clone(), place, fault })
            }
        }
    }

    fn next_record(&mut self, start: &mut u64) -> Found<Option<Record>> {
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.source, &mut self.buffer, &mut self.interfaces)?,
            Format::Pcapng(ng) => ng.next(&mut self.source, &mut self.buffer, &mut self.interfaces, start)?,
        };
        match found {
            Some(record) if !record.link_type.is_read() => Err(CaptureFault::LinkType(record.link_type)),
            other => Ok(other),
        }
    }

    fn packet(&mut self, record: Record, offset: u64) -> Packet<'_> {
        self.packets += 1;
        let Record { timestamp, mut interface, direction, link_type, wire_len, data } = record;
        let data = self.buffer.get(data).unwrap_or_default();
        if let Some(ifindex) = link_type.ifindex(data) {
            interface = self.interfaces.within(interface, ifindex);
        }
        Packet {
            number: self.packets,
            offset,
            timestamp,
            interface,
            iface: self.interfaces.name(interface),
            direction,
            link_type,
            wire_len,
            data,
        }
    }
}

/// Says what a file is instead of a capture, where that helps.
fn not_a_capture(head: Vec<u8>) -> CaptureFault {
    const CONVERT: &str = "turn it into pcapng with `editcap FILE new.pcapng`";
    const UNPACK: &str = "unpack it first";
    let (kind, advice) = match head.as_slice() {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("packed with xz", UNPACK),
        [b'B', b'Z', b'h', ..] => ("packed with bzip2", UNPACK),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("packed with lz4", UNPACK),
        [b'P', b'K', 3, 4, ..] => ("a zip archive", UNPACK),
        [b's', b'n', b'o', b'o', b'p', 0, ..] => ("a snoop capture", CONVERT),
        [b'X', b'C', b'P', 0, ..] => ("a NetXRay capture", CONVERT),
        [b'G', b'M', b'B', b'U', ..] => ("a Microsoft Network Monitor capture", CONVERT),
        [b'R', b'T', b'S', b'S', ..] => ("a Microsoft Network Monitor capture", CONVERT),
        _ => return CaptureFault::NotACapture { head },
    };
    CaptureFault::OtherFormat { kind, advice }
}
