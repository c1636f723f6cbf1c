//! What several test files need: captures written byte by byte.

pub(crate) mod pcap;
pub(crate) mod pcapng;

use netrig_model::{Direction, Timestamp};
use netrig_replay::capture::{CaptureError, CaptureReader, Packet};
use std::io::Cursor;
use std::path::Path;

/// The byte order a capture is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) const BOTH: [Self; 2] = [Self::Little, Self::Big];

    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(crate) fn i64(self, value: i64) -> [u8; 8] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// A packet that outlives the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) timestamp: Timestamp,
    pub(crate) iface: Option<String>,
    pub(crate) direction: Direction,
    pub(crate) link: u32,
    pub(crate) wire_len: u32,
    pub(crate) data: Vec<u8>,
}

impl From<Packet<'_>> for Seen {
    fn from(p: Packet<'_>) -> Self {
        Self {
            number: p.number,
            offset: p.offset,
            timestamp: p.timestamp,
            iface: p.iface.map(str::to_owned),
            direction: p.direction,
            link: p.link_type.0,
            wire_len: p.wire_len,
            data: p.data.to_vec(),
        }
    }
}

/// All packets of a capture, and how it ended.
pub(crate) fn read(mut reader: CaptureReader) -> (Vec<Seen>, Option<CaptureError>) {
    let mut all = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => all.push(Seen::from(packet)),
            Ok(None) => return (all, None),
            Err(error) => {
                assert!(matches!(reader.next_packet(), Ok(None)), "after an error there is nothing more");
                return (all, Some(error));
            }
        }
    }
}

/// The same for bytes in memory; what is no capture at all is an error without packets.
pub(crate) fn read_bytes(bytes: &[u8]) -> (Vec<Seen>, Option<CaptureError>) {
    match CaptureReader::from_stream(Path::new("test.pcap"), Box::new(Cursor::new(bytes.to_vec()))) {
        Ok(reader) => read(reader),
        Err(error) => (Vec::new(), Some(error)),
    }
}
