//! What is read of a policy, before it has names.

use crate::{PolicyAction, PolicyMode, Timestamp, TrafficCounts};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// All that was counted of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyCount {
    /// Packets that matched, and their octets.
    pub matched: TrafficCounts,
    /// Of these, those that it removed, or in shadow mode would have.
    pub over: TrafficCounts,
    /// When a packet matched last.
    pub last_hit: Option<Timestamp>,
}

/// One of those whose packets matched a rule most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySource {
    /// Who.
    pub addr: IpAddr,
    /// How many packets, estimated: one in some is looked at, and a source that others drove out begins anew. Not a counter.
    pub packets_estimated: u64,
}

/// What was taken from the stack on an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyRemoved {
    /// The kernel's index; none: all interfaces that have no place of their own.
    pub ifindex: Option<u32>,
    /// Dropped.
    pub dropped: TrafficCounts,
    /// Sent out of another interface, or to another CPU.
    pub redirected: TrafficCounts,
}

/// A packet that matched a rule and was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySighting {
    /// When.
    pub time: Timestamp,
    /// Where the rule is counted.
    pub slot: u16,
    /// The kernel's index of the interface that received it.
    pub ifindex: u32,
    /// What the rule does; none: a number that this netrig does not know.
    pub action: Option<PolicyAction>,
    /// Whether the rule decides.
    pub mode: PolicyMode,
    /// Whether the rule removed it, or would have.
    pub over: bool,
    /// EtherType, after VLAN tags.
    pub ethertype: u16,
    /// What IP says; none for what is not IP.
    pub ip: Option<PolicyFlow>,
    /// Octets of the frame.
    pub length: u32,
    /// The first of them.
    pub octets: Vec<u8>,
}

/// Who sent a packet to whom. One direction: the packet's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyFlow {
    /// IP protocol number.
    pub protocol: u8,
    /// Source address and port; no port where the protocol, or a later fragment, has none.
    pub src: (IpAddr, Option<u16>),
    /// Destination address and port.
    pub dst: (IpAddr, Option<u16>),
}
