//! A captured packet, as it lies in a ring.

use super::Source;
use crate::object::from_bytes;
use crate::wire::{capture_dropped, capture_owner, capture_record, captures};

/// Where packets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// XDP: as they come from the driver.
    Xdp,
    /// tcx or clsact, on the way in: before the stack.
    Ingress,
    /// tcx or clsact, on the way out: before the queueing discipline.
    Egress,
    /// Where the kernel throws them away.
    Drop,
}

impl Hook {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Drop => "drop",
        }
    }
}

/// Which way a packet goes, seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// One packet.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// By the monotonic clock, nanoseconds.
    pub monotonic_ns: u64,
    /// Which CPU's programs saw it.
    pub cpu: u32,
    /// The hook's number.
    pub source: Source,
    /// Which hook.
    pub hook: Hook,
    /// Which way it goes, as far as it is known.
    pub way: Option<Way>,
    /// Octets on the wire, or in memory where the kernel has merged packets; a lifted tag is not among them.
    pub length: u32,
    /// The first of them.
    pub octets: &'a [u8],
    /// The queue that received it.
    pub queue: Option<u16>,
    /// A VLAN tag that the driver has lifted out of the data: EtherType and TCI.
    pub vlan: Option<(u16, u16)>,
    /// Its socket's owner: process id, name and control group's number.
    pub owner: Option<(u32, [u8; 16], u64)>,
    /// How many this CPU has lost so far at this source; the lower half of that.
    pub lost: u32,
    /// What is known of it if it was dropped.
    pub dropped: Option<Dropped>,
}

/// What is known of a dropped packet alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The kernel's number, with the subsystem's in the upper half.
    pub reason: u32,
    /// Address of the instruction after the call that dropped it.
    pub location: u64,
    /// The interface's number in the kernel; none: unknown.
    pub ifindex: Option<u32>,
    /// The link header is made of the packet's protocol: there was none where it was dropped.
    pub made_link: bool,
}

impl<'a> Captured<'a> {
    /// Of a ring's record, and of what follows it.
    #[inline]
    pub(super) fn of(bytes: &'a [u8], cpu: u32) -> Option<Self> {
        let head: capture_record = from_bytes(bytes)?;
        let hook = match head.hook {
            captures::HOOK_XDP => Hook::Xdp,
            captures::HOOK_INGRESS => Hook::Ingress,
            captures::HOOK_EGRESS => Hook::Egress,
            _ => Hook::Drop,
        };
        let mut behind = bytes.get(size_of::<capture_record>()..)?;
        let mut owner = None;
        if head.owned != 0 {
            let told: capture_owner = from_bytes(behind)?;
            behind = &behind[size_of::<capture_owner>()..];
            owner = Some((told.pid, told.process.map(i8::cast_unsigned), told.cgroup));
        }
        let mut dropped: Option<capture_dropped> = None;
        if hook == Hook::Drop {
            dropped = from_bytes(behind);
            behind = behind.get(size_of::<capture_dropped>()..)?;
        }
        Some(Self {
            monotonic_ns: head.monotonic_ns,
            cpu,
            source: head.source,
            hook,
            way: match head.way {
                captures::WAY_IN => Some(Way::In),
                captures::WAY_OUT => Some(Way::Out),
                _ => None,
            },
            length: head.length,
            octets: behind.get(..head.captured as usize)?,
            queue: Some(head.queue).filter(|queue| *queue != captures::NO_QUEUE),
            vlan: (head.vlan_protocol != 0).then_some((head.vlan_protocol, head.vlan_tci)),
            owner,
            lost: head.lost,
            dropped: dropped.map(|dropped| Dropped {
                reason: dropped.reason,
                location: dropped.location,
                ifindex: Some(dropped.ifindex).filter(|index| *index != 0),
                made_link: dropped.made_link != 0,
            }),
        })
    }

    /// How much room a record takes, from its first octets.
    #[inline]
    pub(super) fn room_of(bytes: &[u8]) -> usize {
        let Some(head) = from_bytes::<capture_record>(bytes) else { return 0 };
        let owner = if head.owned == 0 { 0 } else { size_of::<capture_owner>() };
        let dropped = if head.hook == captures::HOOK_DROP { size_of::<capture_dropped>() } else { 0 };
        (size_of::<capture_record>() + owner + dropped + head.captured as usize).next_multiple_of(8)
    }

    /// Its time alone.
    #[inline]
    pub(super) fn time_of(bytes: &[u8]) -> u64 {
        bytes.first_chunk::<8>().map_or(0, |first| u64::from_ne_bytes(*first))
    }
}
