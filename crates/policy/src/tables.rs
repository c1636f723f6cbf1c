//! A policy as the kernel decides by it: rows, and tables that say which rows a packet may match.
//!
//! A row is one conjunction of one rule, in the order of the policy. For each dimension (family and protocol, addresses,
//! ports) a table says of which class a packet is, and of each class a set of rows, one bit each: those whose criterion of
//! this dimension holds, or that have none. What is in the sets of all dimensions is a candidate; its further checks, if it
//! has any, are made one by one. So a packet costs a look into each dimension that is used, however many rows and prefixes
//! there are.

use crate::words::{Limit, Mode, Unreadable};

/// Rows at most: sixteen words of bits.
pub const ROWS_MAX: usize = 1024;
/// Rules at most, the policy's own and those in front of them.
pub const RULES_MAX: usize = 1024;
/// Classes of a dimension at most.
pub const CLASSES_MAX: usize = 1 << 16;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Words of a set of rows: 1 to 16.
    pub words: usize,
    /// In the order of the policy.
    pub rows: Vec<Row>,
    /// In the order of the policy.
    pub rules: Vec<Rule>,
    /// By family and protocol: `number` for IPv4, 256 + `number` for IPv6, 512 for what is not IP: 513 sets.
    pub kinds: Vec<u64>,
    /// Source addresses.
    pub src: AddressClasses,
    /// Destination addresses.
    pub dst: AddressClasses,
    /// Source ports.
    pub src_port: PortClasses,
    /// Destination ports.
    pub dst_port: PortClasses,
    /// What becomes of what a row cannot read.
    pub unreadable: Unreadable,
}

/// One conjunction of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Which rule's: its place in [`Tables::rules`].
    pub rule: u16,
    /// It asks for ports, an ICMP type or TCP flags: packets without readable ones are treated as [`Tables::unreadable`] says.
    pub needs_transport: bool,
    /// The checks that no dimension makes. All must hold.
    pub checks: Checks,
}

/// Checks made one by one, of candidates only; each holds by itself where it is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Octets of the frame, inclusive.
    pub length: Option<(u32, u32)>,
    /// `Some(None)`: untagged; else ids, inclusive.
    pub vlan: Option<Option<(u16, u16)>>,
    /// ICMP or ICMPv6 type, inclusive.
    pub icmp_type: Option<(u8, u8)>,
    /// Mask and value.
    pub tcp_flags: Option<(u8, u8)>,
    /// What kind of fragment.
    pub fragment: Option<crate::words::FragmentTest>,
    /// The receiving interface's index.
    pub ifindex: Option<u32>,
    /// EtherType after tags.
    pub ethertype: Option<u16>,
    /// Source MAC address.
    pub src_mac: Option<[u8; 6]>,
    /// Destination MAC address.
    pub dst_mac: Option<[u8; 6]>,
}

/// What a rule does, and where it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its place among the counters: a policy that replaces another keeps it for the same id.
    pub slot: u16,
    /// What it does.
    pub act: Act,
    /// Whether it decides.
    pub mode: Mode,
    /// Nanoseconds from when it is applied until it does not hold any more.
    pub ttl_ns: Option<u64>,
}

/// [`crate::words::Action`] with numbers for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The packet ends here.
    Drop,
    /// It goes to the stack.
    Pass,
    /// Counted.
    Count,
    /// Counted, and one in so many told.
    Sample(u32),
    /// Within the limit it passes.
    Limit(Limit),
    /// Out of the interface with this index.
    RedirectInterface(u32),
    /// To this CPU.
    RedirectCpu(u32),
    /// SYN cookies above so many SYNs a second.
    SynGuard(u64),
}

/// Which class an address is of, and of each class the set of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressClasses {
    /// Whether any row asks for this dimension: if not, nobody looks.
    pub used: bool,
    /// IPv4's.
    pub v4: Ranges4,
    /// IPv6's.
    pub v6: Ranges6,
    /// `words` words for each class. Class 0 is of addresses that no row asks for: rows without this criterion.
    pub sets: Vec<u64>,
}

/// IPv4 addresses by class: ranges, found by an index of the upper bits and a search in what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges4 {
    /// How many upper bits: 16 to 20.
    pub index_bits: u8,
    /// `2^index_bits + 1`: where the entries of an upper part begin; they end where the next one's begin. Each has at
    /// least one, which begins at 0. Empty: all addresses are of class 0.
    pub index: Vec<u32>,
    /// In order within an upper part: the lower bits at which a range begins (upper half), and its class (lower half).
    pub entries: Vec<u32>,
}

/// IPv6 addresses by class: upper halves by an index of their upper 16 bits and a search; an upper half whose lower half
/// matters leads to a search among lower ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges6 {
    /// 65,537: where the entries of upper 16 bits begin; each has at least one, which begins there. Empty: all class 0.
    pub index: Vec<u32>,
    /// Upper halves at which ranges begin, in order.
    pub upper: Vec<u64>,
    /// Their class, or [`Ranges6::DEEPER`] and the place in `deeper`.
    pub upper_class: Vec<u32>,
    /// Where the entries of one upper half begin in `lower`; they end where the next one's begin: one more than there are.
    /// Each has at least one, which begins at 0.
    pub deeper: Vec<u32>,
    /// Lower halves at which ranges begin, in order within an upper half.
    pub lower: Vec<u64>,
    /// Their class.
    pub lower_class: Vec<u32>,
}

impl Ranges6 {
    /// The lower half matters.
    pub const DEEPER: u32 = 1 << 31;
}

/// Which class a port is of, and of each class the set of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortClasses {
    /// Whether any row asks for this dimension.
    pub used: bool,
    /// 65,538: by port; then that of packets without ports, then that of packets whose ports cannot be read.
    pub classes: Vec<u16>,
    /// `words` words for each class.
    pub sets: Vec<u64>,
}

impl PortClasses {
    /// Place of the class of packets that have no ports.
    pub const NONE: usize = 1 << 16;
    /// Place of the class of packets that have ports which cannot be read.
    pub const UNREADABLE: usize = Self::NONE + 1;
}
