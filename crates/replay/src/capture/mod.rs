//! Reading captures: pcap and pcapng, plain or compressed, as a stream of packets with bounded memory.
//!
//! The formats are read here and not by a library, because the libraries weighed for it get parts of them wrong that
//! decide about times and places: power-of-two clocks, offsets in big-endian sections, seconds beyond 32 bits, the
//! obsolete packet block, the big-endian "modified" pcap; and none says at which packet and byte a file breaks. A test
//! holds this reader against one of them where both know a file.

mod compression;
mod error;
mod fields;
mod interface;
mod link;
mod link_names;
mod packet;
mod pcap;
mod pcapng;
mod reader;
mod source;
mod tick_clock;

pub use error::{CaptureError, CaptureFault, Place};
pub use link::{Framed, LinkType};
pub use packet::Packet;
pub use reader::CaptureReader;

/// The most bytes of one packet that are believed: twice the largest super-packet Linux can make (BIG TCP). A length
/// beyond it means that what was read is no length.
pub const CAPTURED_BYTES_MAX: u32 = 1 << 20;
