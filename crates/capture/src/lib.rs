//! Captured packets on their way out: in the order of their times, into pcapng files that rotate, or as a line each.
//!
//! [`Writer`] makes pcapng of packets into anything that can be
//! written to, [`Files`] into files that rotate as tcpdump's do, and [`Quota`] keeps a folder of dumps small;
//! [`push_line`] tells of a packet in a line.
//! No kernel, no socket and no clock: packets come as plain structs with their times.

mod error;
mod files;
mod line;
mod packet;
mod pcapng;
mod section;
mod text;
mod zone;

pub use error::Error;
pub use files::{Closed, Files, Progress, Quota, Removed, Rotation, dump_path};
pub use line::push_line;
pub use packet::{InterfaceNumber, Octets, Owner, Packet, Verdict};
pub use pcapng::{Alike, Counts, Writer};
pub use section::{Interface, LinkType, Section, Statistics};
pub use zone::Zone;
