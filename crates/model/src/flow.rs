//! A flow as the kernel keys it, and what was added to it since it was last read.

use crate::{Address, Direction, Timestamp};
use serde::{Deserialize, Serialize};

/// The rig's own number for an interface it watches: dense, from 1; 0 means one it was not told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u16);

/// What kind of packet a flow's key was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowKind {
    /// IPv4 with all that its protocol carries of ports.
    #[default]
    Ipv4,
    /// IPv6 likewise.
    Ipv6,
    /// A later fragment of IPv4: no ports to be had.
    Ipv4Fragment,
    /// A later fragment of IPv6.
    Ipv6Fragment,
    /// IPv4 that ends before its ports, or its ICMP type and code.
    Ipv4Cut,
    /// IPv6 likewise.
    Ipv6Cut,
    /// Not IP: the EtherType (or 802.2 length field) lies in `dst_port`, the rest is zero.
    NotIp,
}

impl FlowKind {
    /// Whether the addresses are IPv6.
    #[must_use]
    pub fn is_ipv6(self) -> bool {
        matches!(self, Self::Ipv6 | Self::Ipv6Fragment | Self::Ipv6Cut)
    }

    /// Whether what the protocol carries of ports, type, code or flags was there to be read.
    #[must_use]
    pub fn has_transport(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }

    /// Whether this is a later fragment.
    #[must_use]
    pub fn is_fragment(self) -> bool {
        matches!(self, Self::Ipv4Fragment | Self::Ipv6Fragment)
    }
}

/// How an inner flow was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelKind {
    /// VXLAN; the id is the VNI.
    Vxlan,
    /// GENEVE; the id is the VNI.
    Geneve,
    /// GRE; the id is the key, where there is one.
    Gre,
    /// IPv4 or IPv6 in IPv4 or IPv6 (protocol 4).
    Ipip,
    /// IPv6 in IPv4 or IPv6 (protocol 41).
    #[serde(rename = "6in4")]
    SixInFour,
}

impl TunnelKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Ipip => "ipip",
            Self::SixInFour => "6in4",
        }
    }
}

/// The tunnel an inner flow came out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tunnel {
    /// Its kind.
    pub kind: TunnelKind,
    /// VNI or key; 0 where the tunnel carries none.
    pub id: u32,
}

/// One direction of one flow on one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// Source port; for ICMP and ICMPv6 the type.
    pub src_port: u16,
    /// Destination port; for ICMP and ICMPv6 the code; for what is not IP the EtherType.
    pub dst_port: u16,
    /// The interface it was seen on.
    pub iface: InterfaceId,
    /// IP protocol number, after extension headers.
    pub protocol: u8,
    /// What was read.
    pub kind: FlowKind,
    /// Which way, seen from the interface.
    pub direction: Direction,
    /// Outer (or only) VLAN id.
    pub vlan: Option<u16>,
    /// Inner VLAN id (QinQ).
    pub vlan_inner: Option<u16>,
    /// Set on inner flows only. Inner flows are told beside their outer flow and stay out of the ledger's sums.
    pub tunnel: Option<Tunnel>,
}

/// What one direction of a flow gained since the table was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowDelta {
    /// Whose.
    pub key: FlowKey,
    /// Packets as they were on the wire: a GSO super-packet counts as its segments.
    pub packets: u64,
    /// Layer-2 octets without FCS, as on the wire; for an inner flow those of the whole frame that carried it.
    pub bytes: u64,
    /// The first packet of this table entry.
    pub first_seen: Timestamp,
    /// Its latest packet.
    pub last_seen: Timestamp,
    /// TCP flags, all seen since the entry began, OR'd (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128).
    pub tcp_flags: u8,
    /// TCP flags of the entry's first packet.
    pub first_flags: u8,
    /// DSCP of the entry's first packet.
    pub dscp: u8,
    /// The process whose socket sent the entry's first packet, where the kernel knew.
    pub pid: Option<u32>,
}
