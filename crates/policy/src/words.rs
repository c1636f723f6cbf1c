//! What a policy says, with every name resolved.

use crate::Ranges;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// A whole policy: what is decided of each packet that an interface receives. The first rule that decides wins; what no
/// rule decides passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// What becomes of packets whose ports, ICMP type or TCP flags cannot be read, where a rule asks for them.
    pub fragments: Unreadable,
    /// Whether it outlives the rig.
    pub persist: bool,
    /// What no rule may cut off.
    pub management: Management,
    /// Where it is applied unless the command line says.
    pub interfaces: Vec<String>,
}

/// What becomes of later fragments, and of packets cut before their ports, at a rule that asks for what they do not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unreadable {
    /// The rule does not match.
    #[default]
    Pass,
    /// A rule that acts (`drop`, `limit`, `redirect`, `syn-guard`) and matches in all else drops them; others do not match.
    Drop,
}

/// The allow-list in front of all rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// Whether the live SSH peers, and the routers towards them, are on it by themselves.
    pub auto: bool,
    /// Further addresses whose packets always pass.
    pub allow: Arc<Addresses>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable: counters live by it.
    pub id: String,
    /// For people.
    pub comment: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How long it holds from when it is applied; a hit does not extend it.
    pub ttl: Option<Duration>,
    /// Whether it decides, or only tells what it would have decided.
    pub mode: Mode,
    /// What it does.
    pub action: Action,
    /// It matches where any of these does. Never empty.
    pub alternatives: Vec<Match>,
    /// Where it stands in its file, from 1.
    pub line: usize,
}

/// Whether a rule decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It counts and samples what it would have done, and the packet goes on to the next rule.
    Shadow,
}

/// What a rule does. `count` and `sample` observe: the packet goes on to the next rule. All others decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The packet ends here.
    Drop,
    /// It goes to the stack.
    Pass,
    /// Counted.
    Count,
    /// Counted, and one in so many goes to user space with its first octets.
    Sample {
        /// 1 in this many.
        one_in: u32,
    },
    /// What is within the limit passes, what is beyond is dropped.
    Limit(Limit),
    /// It leaves by another interface, or is taken on by another CPU.
    Redirect(Target),
    /// TCP connections are opened by SYN cookies while SYNs come faster than this; all else passes.
    SynGuard {
        /// SYNs a second above which it is engaged.
        above_per_second: u64,
    },
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub unit: LimitUnit,
    /// How many a second.
    pub per_second: u64,
    /// How many at once, at most.
    pub burst: u64,
    /// What has a bucket of its own.
    pub per: LimitPer,
    /// How many sources are remembered at once; of one that had to make room the next packet finds a full bucket.
    pub sources: u32,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUnit {
    /// Packets.
    Packets,
    /// Octets of frames.
    Bytes,
}

/// What has a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPer {
    /// The rule: all that match it share one.
    Rule,
    /// Each prefix of so many bits of source address; 32 and 128 are each address. What is not IP shares one.
    Source {
        /// Bits of IPv4 addresses.
        v4_bits: u8,
        /// Bits of IPv6 addresses.
        v6_bits: u8,
    },
}

/// Where a packet is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Out of an interface.
    Interface(String),
    /// To a CPU, which hands it to the stack.
    Cpu(u32),
}

/// One conjunction: every criterion that is there must hold; within one, any of its values. A criterion that a packet has
/// nothing for (ports of ICMP, addresses of ARP) does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Source address. Shared where it is a whole named set: those of the same allocation are the same set.
    pub src: Option<Arc<Addresses>>,
    /// Destination address.
    pub dst: Option<Arc<Addresses>>,
    /// Source port of TCP, UDP, SCTP, DCCP or UDP-Lite.
    pub src_port: Option<Arc<Ranges<u16>>>,
    /// Destination port.
    pub dst_port: Option<Arc<Ranges<u16>>>,
    /// IP protocol.
    pub protocol: Option<Vec<Protocol>>,
    /// TCP flags; only TCP has them.
    pub tcp_flags: Option<Vec<FlagTest>>,
    /// Octets of the frame as the hook has it, Ethernet header included, without FCS.
    pub length: Option<Vec<RangeInclusive<u32>>>,
    /// Outer VLAN id, as far as the tag is in the data.
    pub vlan: Option<Vec<VlanTest>>,
    /// ICMP or ICMPv6 type.
    pub icmp_type: Option<Vec<RangeInclusive<u8>>>,
    /// Whether it is a fragment.
    pub fragment: Option<FragmentTest>,
    /// The interface that received it, by name.
    pub iface: Option<Vec<String>>,
    /// EtherType, after VLAN tags.
    pub ethertype: Option<Vec<u16>>,
    /// Source MAC address.
    pub src_mac: Option<Vec<[u8; 6]>>,
    /// Destination MAC address.
    pub dst_mac: Option<Vec<[u8; 6]>>,
}

/// An IP protocol, and of which family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol {
    /// IANA's number. After IPv6 extension headers.
    pub number: u8,
    /// `icmp` is IPv4's alone, `icmpv6` IPv6's; others are of both.
    pub family: Family,
}

/// Of which IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Both.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Flags under `mask` are `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagTest {
    /// Which are looked at: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub mask: u8,
    /// Which of them are set.
    pub value: u8,
}

/// What a packet's VLAN is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VlanTest {
    /// It has no tag.
    Untagged,
    /// It has one with an id of these.
    Ids(RangeInclusive<u16>),
}

/// What kind of fragment a packet is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentTest {
    /// None: whole packets.
    Whole,
    /// Any fragment, the first too.
    Any,
    /// A first one, which has ports.
    First,
    /// A later one, which has none.
    Later,
}

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Of IPv4, as numbers.
    pub v4: Ranges<u32>,
    /// Of IPv6, as numbers.
    pub v6: Ranges<u128>,
}

impl Addresses {
    /// Whether an IPv4 address is among them.
    #[must_use]
    pub fn contains_v4(&self, address: Ipv4Addr) -> bool {
        self.v4.contains(address.into())
    }

    /// Whether an IPv6 address is among them.
    #[must_use]
    pub fn contains_v6(&self, address: Ipv6Addr) -> bool {
        self.v6.contains(address.into())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}
