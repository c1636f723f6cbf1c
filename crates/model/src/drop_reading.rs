//! What is read of drops, before it has names.

use crate::{Direction, DropSource, PacketFamily, Timestamp};
use std::net::IpAddr;

/// What tells groups of drops apart, in the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DropKey {
    /// Who counted.
    pub source: DropSource,
    /// The kernel's number for the reason, with the subsystem's in the upper half; or one of the drop probe's own.
    pub reason: u32,
    /// Address of the instruction after the call that dropped it. With a reason of the probe's own: what that says. 0: none.
    pub location: u64,
    /// The interface's number in its network namespace; 0: unknown.
    pub ifindex: u32,
    /// Inode of the network namespace; 0: unknown.
    pub netns: u32,
    /// Which way the packets went.
    pub direction: Option<Direction>,
    /// What kind of packets; none where groups of several kinds share a place.
    pub family: Option<PacketFamily>,
}

/// All that was counted of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCount {
    /// Which group.
    pub key: DropKey,
    /// Packets of the stack since the probe began. Never goes backwards.
    pub packets: u64,
    /// Their octets; 0 where the source tells none.
    pub bytes: u64,
    /// The interface's name when the group began.
    pub iface: Option<String>,
    /// XDP: the program's name.
    pub program: Option<String>,
}

/// What tells flows of dropped packets apart. One direction: the packets' own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DropFlowKey {
    /// IP protocol number.
    pub protocol: u8,
    /// Source address and port; no port where the protocol, or a later fragment, has none.
    pub src: (IpAddr, Option<u16>),
    /// Destination address and port.
    pub dst: (IpAddr, Option<u16>),
}

/// What a flow of a group gained since it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropGain {
    /// Its group.
    pub key: DropKey,
    /// The flow.
    pub flow: DropFlowKey,
    /// Packets of the stack.
    pub packets: u64,
    /// Their octets.
    pub bytes: u64,
    /// Process id of the socket's owner.
    pub pid: Option<u32>,
}

/// A dropped packet that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropSighting {
    /// When.
    pub time: Timestamp,
    /// Its group.
    pub key: DropKey,
    /// Its flow; none where there was none to be read.
    pub flow: Option<DropFlowKey>,
    /// Process id of the socket's owner.
    pub pid: Option<u32>,
    /// Length in octets, as it was held.
    pub length: u32,
    /// Its first octets, from the network header on.
    pub octets: Vec<u8>,
}

/// A counter of another source than the drop probe, since boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropTally {
    /// Who counts.
    pub source: DropSource,
    /// The counter's name.
    pub reason: String,
    /// Where: of a queueing discipline, which one.
    pub place: Option<String>,
    /// The interface's name.
    pub iface: Option<String>,
    /// Packets. Goes backwards when what counts is made anew.
    pub packets: u64,
}
