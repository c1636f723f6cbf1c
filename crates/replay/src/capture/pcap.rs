//! The classic format: one header, then records.

use super::CAPTURED_BYTES_MAX;
use super::error::{CaptureFault, Found};
use super::fields::{Fields, Order};
use super::interface::{Identity, Interfaces};
use super::link::LinkType;
use super::reader::Record;
use super::source::Source;
use super::tick_clock;
use netrig_model::{Direction, InterfaceId};

const HEADER_BYTES: usize = 24;
const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Kuznetzov's "modified" format, which patched kernels' tcpdump wrote: records tell interface and direction.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;
/// What is link type in the header's last word; above it lies how long a checksum the frames end in.
const LINK_TYPE_MASK: u32 = 0x03ff_ffff;
/// Linux's number for packets that leave.
const PACKET_OUTGOING: u8 = 4;

/// How a file of this format is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    order: Order,
    fraction_ns: u64,
    modified: bool,
    minor: u16,
    link_type: LinkType,
    interface: InterfaceId,
}

impl Pcap {
    /// Whether a file that begins with these bytes is of this format, and in which byte order.
    pub(super) fn order_of(head: &[u8]) -> Option<(Order, u32)> {
        [Order::Little, Order::Big].into_iter().find_map(|order| {
            let magic = Fields::new(head, order).u32()?;
            matches!(magic, MAGIC_MICROSECONDS | MAGIC_NANOSECONDS | MAGIC_MODIFIED).then_some((order, magic))
        })
    }

    /// Reads the header.
    pub(super) fn open(source: &mut Source, order: Order, magic: u32, interfaces: &mut Interfaces) -> Found<Self> {
        let mut header = [0; HEADER_BYTES];
        source.fill_all(&mut header, "the capture's header")?;
        let mut fields = Fields::new(&header, order);
        let (Some(_), Some(major), Some(minor)) = (fields.u32(), fields.u16(), fields.u16()) else {
            return Err(CaptureFault::NotACapture { head: header.to_vec() });
        };
        if major != 2 {
            return Err(CaptureFault::Version { format: "pcap", major, minor });
        }
        // Time zone, accuracy and snap length decide nothing: records are in UTC and tell their own lengths.
        let network = fields.take(12).and_then(|_| fields.u32()).unwrap_or_default();
        let link_type = LinkType(network & LINK_TYPE_MASK);
        if !link_type.is_read() {
            return Err(CaptureFault::LinkType(link_type));
        }
        Ok(Self {
            order,
            fraction_ns: if magic == MAGIC_NANOSECONDS { 1 } else { 1000 },
            modified: magic == MAGIC_MODIFIED,
            minor,
            link_type,
            interface: interfaces.id(Identity::Numbered(0)),
        })
    }

    /// Reads the next record into `buffer`; `None` at the end.
    pub(super) fn next(
        &self,
        source: &mut Source,
        buffer: &mut Vec<u8>,
        interfaces: &mut Interfaces,
    ) -> Found<Option<Record>> {
        let mut header = [0; 24];
        let header = if self.modified { &mut header[..] } else { &mut header[..16] };
        match source.fill(header)? {
            0 => return Ok(None),
            there if there < header.len() => {
                let (wanted, there) = (header.len() as u64, there as u64);
                return Err(CaptureFault::CutShort { what: "a packet's record header", wanted, there });
            }
            _ => {}
        }
        let (mut record, captured) = self.record(header, interfaces);
        if captured > CAPTURED_BYTES_MAX {
            return Err(CaptureFault::PacketTooLong(captured));
        }
        buffer.resize(captured as usize, 0);
        source.fill_all(buffer, "the packet")?;
        record.data = 0..buffer.len();
        Ok(Some(record))
    }

    /// The record a header begins, still without data, and its captured length.
    fn record(&self, header: &[u8], interfaces: &mut Interfaces) -> (Record, u32) {
        let mut fields = Fields::new(header, self.order);
        let mut word = || fields.u32().unwrap_or_default();
        let (seconds, fraction) = (word(), u64::from(word()) * self.fraction_ns);
        let (captured, wire_len) = self.lengths(word(), word());
        let mut record = Record {
            timestamp: tick_clock::from_parts(seconds, fraction),
            interface: self.interface,
            direction: Direction::Ingress,
            link_type: self.link_type,
            wire_len,
            data: 0..0,
        };
        if self.modified {
            record.interface = interfaces.within(self.interface, word());
            if fields.take(2).and_then(|_protocol| fields.u8()) == Some(PACKET_OUTGOING) {
                record.direction = Direction::Egress;
            }
        }
        (record, captured)
    }

    /// Captured and original length. Before version 2.3 they were the other way round; at 2.3 writers did not agree.
    fn lengths(&self, first: u32, second: u32) -> (u32, u32) {
        let swapped = self.minor < 3 || (self.minor == 3 && first > second);
        if swapped { (second, first) } else { (first, second) }
    }
}
