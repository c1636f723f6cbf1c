//! The next-generation format: sections of blocks, each section in a byte order of its own.

use super::CAPTURED_BYTES_MAX;
use super::error::{CaptureFault, Found};
use super::fields::{Fields, Order, each_option, padded};
use super::interface::{Identity, Interfaces};
use super::link::LinkType;
use super::reader::Record;
use super::source::Source;
use super::tick_clock::TickClock;
use netrig_model::{Direction, InterfaceId, Timestamp};
use std::ops::Range;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MARK: u32 = 0x1a2b_3c4d;

/// Type and length before a block's body, and the length again behind it.
const FRAME_BYTES: u32 = 12;
/// The longest block that is kept in memory: a packet with more options than anyone writes.
const BLOCK_BYTES_MAX: u32 = 16 << 20;

/// One interface of the section.
#[derive(Clone, Copy, Debug)]
struct Interface {
    id: InterfaceId,
    link_type: LinkType,
    clock: TickClock,
    snap_len: u32,
}

/// How a file of this format is read.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Simple packets have no time of their own.
    latest: Timestamp,
}

/// A block's frame.
#[derive(Clone, Copy)]
struct BlockHead {
    kind: u32,
    length: u32,
}

impl Pcapng {
    /// Whether a file that begins with these bytes is of this format.
    pub(super) fn is(head: &[u8]) -> bool {
        head.starts_with(&SECTION_HEADER.to_be_bytes())
    }

    pub(super) fn new() -> Self {
        Self { order: Order::Little, interfaces: Vec::new(), latest: Timestamp(0) }
    }

    /// Reads up to the next packet, into `buffer`; `None` at the end. `start` is told where each block begins.
    pub(super) fn next(
        &mut self,
        source: &mut Source,
        buffer: &mut Vec<u8>,
        all: &mut Interfaces,
        start: &mut u64,
    ) -> Found<Option<Record>> {
        loop {
            *start = source.offset;
            let Some(head) = self.block_head(source)? else { return Ok(None) };
            let record = match head.kind {
                SECTION_HEADER => self.section(source, buffer, head).map(|()| None)?,
                INTERFACE_DESCRIPTION => {
                    read_body(source, buffer, head, self.order, "an interface description")?;
                    self.describe(buffer, all).map(|()| None)?
                }
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    read_body(source, buffer, head, self.order, "the packet")?;
                    Some(self.packet(head.kind, buffer)?)
                }
                _ => source.skip(u64::from(head.length - 8), "a block that is no packet").map(|()| None)?,
            };
            if let Some(record) = record {
                self.latest = record.timestamp;
                return Ok(Some(record));
            }
        }
    }

    /// Type and length of the next block. A section's header says by itself in which byte order it is, behind them.
    fn block_head(&mut self, source: &mut Source) -> Found<Option<BlockHead>> {
        let mut bytes = [0; 12];
        match source.fill(&mut bytes[..8])? {
            0 => return Ok(None),
            8 => {}
            there => {
                return Err(CaptureFault::CutShort { what: "a block's header", wanted: 8, there: there as u64 });
            }
        }
        if Self::is(&bytes) {
            source.fill_all(&mut bytes[8..], "a section header")?;
            self.order = order_of_section(&bytes[8..])?;
        }
        let mut fields = Fields::new(&bytes, self.order);
        let head = BlockHead { kind: fields.u32().unwrap_or_default(), length: fields.u32().unwrap_or_default() };
        let least = if head.kind == SECTION_HEADER { 28 } else { FRAME_BYTES };
        if head.length < least || !head.length.is_multiple_of(4) {
            let BlockHead { kind, length } = head;
            return Err(CaptureFault::Malformed(format!("a block of type {kind:#x} claims to be {length} bytes long")));
        }
        Ok(Some(head))
    }

    /// A new section: what the one before described is forgotten.
    fn section(&mut self, source: &mut Source, buffer: &mut Vec<u8>, head: BlockHead) -> Found<()> {
        // The byte-order mark was read with the head.
        let rest = BlockHead { length: head.length - 4, ..head };
        read_body_of(source, buffer, rest, head.length, self.order, "a section header")?;
        let mut fields = Fields::new(buffer, self.order);
        let (major, minor) = (fields.u16().unwrap_or_default(), fields.u16().unwrap_or_default());
        if major != 1 {
            return Err(CaptureFault::Version { format: "pcapng", major, minor });
        }
        self.interfaces.clear();
        Ok(())
    }

    fn describe(&mut self, body: &[u8], all: &mut Interfaces) -> Found<()> {
        const NAME: u16 = 2;
        const RESOLUTION: u16 = 9;
        const OFFSET: u16 = 14;
        let mut fields = Fields::new(body, self.order);
        let (Some(link_type), Some(_reserved), Some(snap_len)) = (fields.u16(), fields.u16(), fields.u32()) else {
            return Err(CaptureFault::Malformed("an interface description is too short for its fields".into()));
        };
        let mut clock = TickClock::default();
        let mut name = None;
        each_option(fields, |code, mut value| match code {
            NAME => name = readable_name(value.rest()),
            RESOLUTION => clock.resolution = value.u8().unwrap_or(clock.resolution),
            OFFSET => clock.offset_s = value.i64().unwrap_or(clock.offset_s),
            _ => {}
        });
        let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        let id = all.id(name.map_or(Identity::Numbered(number), Identity::Named));
        self.interfaces.push(Interface { id, link_type: LinkType(u32::from(link_type)), clock, snap_len });
        Ok(())
    }

    fn packet(&self, kind: u32, body: &[u8]) -> Found<Record> {
        let mut fields = Fields::new(body, self.order);
        if kind == SIMPLE_PACKET {
            return self.simple_packet(fields).ok_or_else(|| too_short(body))?;
        }
        let interface = match kind {
            OBSOLETE_PACKET => fields.u16().zip(fields.u16()).map(|(interface, _drops)| u32::from(interface)),
            _ => fields.u32(),
        };
        let parts = (interface, fields.ticks(), fields.u32(), fields.u32());
        let (Some(interface), Some(ticks), Some(captured), Some(wire_len)) = parts else {
            return Err(too_short(body));
        };
        let interface = self.interface(interface)?;
        let data = data_range(body, fields.rest(), captured)?;
        let padding = padded(data.end - data.start).min(fields.rest().len());
        let _ = fields.take(padding);
        Ok(Record {
            timestamp: interface.clock.timestamp(ticks),
            interface: interface.id,
            direction: direction(fields),
            link_type: interface.link_type,
            wire_len,
            data,
        })
    }

    /// Has no time, no interface (so it is the first), and as captured length the least of all it can be.
    fn simple_packet(&self, mut fields: Fields<'_>) -> Option<Found<Record>> {
        let wire_len = fields.u32()?;
        let interface = match self.interface(0) {
            Ok(interface) => interface,
            Err(fault) => return Some(Err(fault)),
        };
        let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let captured = fields.rest().len().min(wire_len.min(snap_len) as usize);
        if captured > CAPTURED_BYTES_MAX as usize {
            return Some(Err(CaptureFault::PacketTooLong(wire_len.min(snap_len))));
        }
        Some(Ok(Record {
            timestamp: self.latest,
            interface: interface.id,
            direction: Direction::Ingress,
            link_type: interface.link_type,
            wire_len,
            data: 4..4 + captured,
        }))
    }

    fn interface(&self, number: u32) -> Found<Interface> {
        self.interfaces.get(number as usize).copied().ok_or_else(|| {
            let known = self.interfaces.len();
            CaptureFault::Malformed(format!("it names interface {number} of a section that describes {known}"))
        })
    }
}

fn order_of_section(mark: &[u8]) -> Found<Order> {
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| Fields::new(mark, *order).u32() == Some(BYTE_ORDER_MARK))
        .ok_or_else(|| CaptureFault::Malformed("a section header lacks its byte-order mark".into()))
}

/// Reads a block's body into `buffer` and checks the length behind it.
fn read_body(
    source: &mut Source,
    buffer: &mut Vec<u8>,
    head: BlockHead,
    order: Order,
    what: &'static str,
) -> Found<()> {
    read_body_of(source, buffer, head, head.length, order, what)
}

/// The same where the length behind it is another than that which is still to be read.
fn read_body_of(
    source: &mut Source,
    buffer: &mut Vec<u8>,
    rest: BlockHead,
    length: u32,
    order: Order,
    what: &'static str,
) -> Found<()> {
    if length > BLOCK_BYTES_MAX {
        let kind = rest.kind;
        return Err(CaptureFault::Malformed(format!("a block of type {kind:#x} claims to be {length} bytes long")));
    }
    buffer.resize(rest.length as usize - 8, 0);
    source.fill_all(buffer, what)?;
    let body = buffer.len() - 4;
    let again = Fields::new(&buffer[body..], order).u32().unwrap_or_default();
    buffer.truncate(body);
    if again == length {
        return Ok(());
    }
    Err(CaptureFault::Malformed(format!("a block says before that it is {length} bytes long, and behind {again}")))
}

fn too_short(body: &[u8]) -> CaptureFault {
    CaptureFault::Malformed(format!("a packet's block of {} bytes is too short for its fields", body.len()))
}

/// Where in a block's body a packet's data lie, given all that follows its fields.
fn data_range(body: &[u8], rest: &[u8], captured: u32) -> Found<Range<usize>> {
    if captured > CAPTURED_BYTES_MAX {
        return Err(CaptureFault::PacketTooLong(captured));
    }
    let start = body.len() - rest.len();
    let end = start + captured as usize;
    if end > body.len() {
        let space = rest.len();
        return Err(CaptureFault::Malformed(format!("it claims {captured} captured bytes in a block with {space}")));
    }
    Ok(start..end)
}

/// Which way a packet went, out of the flags among its options.
fn direction(options: Fields<'_>) -> Direction {
    const FLAGS: u16 = 2;
    const OUTBOUND: u32 = 2;
    let mut outbound = false;
    each_option(options, |code, mut value| {
        if code == FLAGS {
            outbound = value.u32().is_some_and(|flags| flags & 3 == OUTBOUND);
        }
    });
    if outbound { Direction::Egress } else { Direction::Ingress }
}

/// Text up to a terminating zero, if there is any.
fn readable_name(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let name = String::from_utf8_lossy(&bytes[..end]).trim().to_owned();
    (!name.is_empty()).then_some(name)
}
