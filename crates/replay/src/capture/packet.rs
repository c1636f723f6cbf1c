//! One packet of a capture.

use super::LinkType;
use netrig_model::{Direction, InterfaceId, Timestamp};

/// A packet as a capture has it; its data stay in the reader's buffer until the next one is read.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Where its record begins: bytes from the start of the capture, unpacked.
    pub offset: u64,
    /// When it was captured. One without a time of its own has that of the packet before it.
    pub timestamp: Timestamp,
    /// The interface it was captured on.
    pub interface: InterfaceId,
    /// That interface's name, where the capture tells it.
    pub iface: Option<&'a str>,
    /// Which way it went; ingress where the capture does not tell.
    pub direction: Direction,
    /// What its data begin with.
    pub link_type: LinkType,
    /// Its length when it was captured, as the capture tells it.
    pub wire_len: u32,
    /// What was kept of it.
    pub data: &'a [u8],
}
