//! The ledger: what was seen = what is told + what was lost, by reason.

use crate::{Direction, Timestamp};
use serde::{Deserialize, Serialize};

/// A pair of sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficCounts {
    /// Packets as on the wire.
    pub packets: u64,
    /// Layer-2 octets without FCS, as on the wire.
    pub bytes: u64,
}

impl TrafficCounts {
    /// Adds another pair.
    pub fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }

    /// What this has beyond `earlier`; never below zero.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { packets: self.packets.saturating_sub(earlier.packets), bytes: self.bytes.saturating_sub(earlier.bytes) }
    }
}

/// What the kernel programs counted on one interface in one direction since they were attached, all CPUs summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceCounts {
    /// Everything that passed the hook, as on the wire (segments of super-packets counted one by one, lifted tags put back).
    pub seen: TrafficCounts,
    /// The same in the stack's own units: a super-packet is one packet, a lifted VLAN tag is not in the bytes. Software
    /// devices count like this, hardware like `seen`; the truth of `iface` counters lies between the two.
    pub frames: TrafficCounts,
    /// Evicted entries that found their outbox full: their whole counts, by interface only.
    pub overflow: TrafficCounts,
    /// While flows are sampled: what was added to none of them, as on the wire.
    pub sampled_out: TrafficCounts,
    /// And what the packets that were added stand for beyond themselves.
    pub extrapolated: TrafficCounts,
    /// Packets whose headers ended too early or were malformed; each is also told as what could be read of it.
    pub faults: [u64; ParseFault::ALL.len()],
}

/// Why a packet's headers could not be read to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParseFault {
    /// The packet (or what was captured of it) ended inside a header.
    Truncated,
    /// A header contradicts itself (IPv4 header length below 20, a version that is not its EtherType's, …).
    Malformed,
    /// More tags, labels, extension headers or tunnels than the bound.
    TooDeep,
}

impl ParseFault {
    /// All, in the kernel's numbering.
    pub const ALL: [Self; 3] = [Self::Truncated, Self::Malformed, Self::TooDeep];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::TooDeep => "too_deep",
        }
    }
}

/// The kernel's own counters of an interface in one direction (rtnetlink's 64-bit statistics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelCounts {
    /// Packets and bytes.
    pub traffic: TrafficCounts,
    /// Packets the kernel counted and threw away on this interface, in this direction.
    pub dropped: u64,
}

/// One interface, one direction, one window: the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// Start of the window.
    pub window_start: Timestamp,
    /// End of the window.
    pub window_end: Timestamp,
    /// Host name.
    pub host: Option<String>,
    /// Interface name.
    pub iface: Option<String>,
    /// `ingress` or `egress`.
    pub direction: Option<Direction>,
    /// Packets that passed the hook.
    pub seen_packets: u64,
    /// Their bytes.
    pub seen_bytes: u64,
    /// Packets told in flow records.
    pub told_packets: u64,
    /// Their bytes.
    pub told_bytes: u64,
    /// Packets of evicted flows that found the outbox full: counted here, told in no record.
    pub overflow_packets: u64,
    /// Their bytes.
    pub overflow_bytes: u64,
    /// Packets that are not IP (ARP, LLDP, …).
    pub not_ip_packets: u64,
    /// Their bytes.
    pub not_ip_bytes: u64,
    /// Packets left out by sampling.
    pub sampled_out_packets: u64,
    /// Their bytes.
    pub sampled_out_bytes: u64,
    /// Packets that those which were taken stand for beyond themselves: among those told, and never seen as such.
    /// Null in files of a rig that did not sample.
    pub extrapolated_packets: Option<u64>,
    /// Their bytes.
    pub extrapolated_bytes: Option<u64>,
    /// seen − (told + overflow + not IP + sampled out − extrapolated): anything but 0 is a bug in the rig.
    pub imbalance_packets: i64,
    /// The same in bytes.
    pub imbalance_bytes: i64,
    /// What the kernel's interface counter gained in the same time; null where it could not be read.
    pub kernel_packets: Option<u64>,
    /// The same in bytes.
    pub kernel_bytes: Option<u64>,
    /// Packets that a policy dropped or sent elsewhere before the hook saw them; null where no policy is asked.
    pub policy_packets: Option<u64>,
    /// Their bytes.
    pub policy_bytes: Option<u64>,
    /// Packets the kernel counted that no hook saw (and neither policy nor drop counters explain); null where the kernel's
    /// counter could not be read.
    pub unaccounted_packets: Option<u64>,
    /// Egress packets that passed the hook and have not left: queued, or dropped by the queue after the hook; null as above.
    pub unsent_packets: Option<u64>,
}
