//! A packet as captured.

use netrig_model::{Direction, Timestamp};

/// An interface of a capture, by its place in the order in which they were declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceNumber(pub u32);

/// One packet as captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When it passed. Times before 1970 cannot be told in pcapng and become 1970.
    pub time: Timestamp,
    /// Which interface and hook it passed.
    pub interface: InterfaceNumber,
    /// Its octets on the wire; more than `octets` has if it was cut.
    pub original: u32,
    /// What was captured of it, from the link's header on.
    pub octets: &'a [u8],
    /// Which way it went, where known.
    pub direction: Option<Direction>,
    /// The interface's queue it came from or went to.
    pub queue: Option<u32>,
    /// Packets lost between the previous one of this interface and this one.
    pub lost_before: u64,
    /// The same number wherever the same packet was captured; 0 is no number.
    pub id: u64,
    /// What the hook decided about it.
    pub verdict: Option<Verdict<'a>>,
    /// The process it belongs to.
    pub owner: Option<Owner<'a>>,
    /// A sentence for people.
    pub note: Option<&'a str>,
}

impl<'a> Packet<'a> {
    /// A packet that is whole, of which nothing else is known.
    #[must_use]
    pub fn whole(time: Timestamp, interface: InterfaceNumber, octets: &'a [u8]) -> Self {
        Self {
            time,
            interface,
            original: u32::try_from(octets.len()).unwrap_or(u32::MAX),
            octets,
            direction: None,
            queue: None,
            lost_before: 0,
            id: 0,
            verdict: None,
            owner: None,
            note: None,
        }
    }
}

/// What a packet like others has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octets<'a> {
    /// When it passed.
    pub time: Timestamp,
    /// Its octets on the wire; more than `octets` has if it was cut.
    pub original: u32,
    /// What was captured of it, from the link's header on.
    pub octets: &'a [u8],
    /// Packets lost between the previous one of this interface and this one.
    pub lost_before: u64,
}

/// What a hook decided about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// An XDP action, by the kernel's number: `XDP_PASS` is 2.
    Xdp(u32),
    /// A traffic control action, by the kernel's number: `TC_ACT_UNSPEC` is -1.
    Tc(i32),
    /// The kernel dropped it, for this reason.
    Dropped(&'a str),
}

/// Whose a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The process's number, as the host sees it.
    pub pid: u32,
    /// The process's name.
    pub process: &'a str,
    /// Its container, if it has one.
    pub container: Option<&'a str>,
}
