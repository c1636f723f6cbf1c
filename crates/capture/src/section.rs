//! What a capture says of itself: who wrote it, on which interfaces, and what was lost.

use netrig_model::Timestamp;

/// Who captures, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The machine's processor.
    pub hardware: Option<String>,
    /// The machine's operating system.
    pub os: Option<String>,
    /// The program that captures.
    pub application: Option<String>,
    /// Sentences for people, such as what set the capture off. Lines are kept.
    pub comment: Option<String>,
}

/// What a packet begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// An Ethernet header.
    #[default]
    Ethernet,
    /// An IPv4 or IPv6 header.
    Raw,
}

impl LinkType {
    /// The number by which capture files know it.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::Raw => 101,
        }
    }
}

/// One interface at one hook. The same interface at another hook is another one of these.
///
/// libpcap, and so tcpdump, reads a file only as far as all interfaces have the same `link` and `snaplen`; Wireshark does not
/// mind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name.
    pub name: String,
    /// Where in the kernel packets are captured, such as `xdp` or `tcx/ingress`.
    pub hook: String,
    /// What packets begin with.
    pub link: LinkType,
    /// The most octets of a packet that are kept; 0 is no limit.
    pub snaplen: u32,
    /// The filter packets had to pass, as it was written.
    pub filter: Option<String>,
    /// The link's speed, in bits a second.
    pub speed_bps: Option<u64>,
    /// The operating system of the network namespace it is in, if that has to be told.
    pub os: Option<String>,
    /// A sentence for people, such as the namespace it is in.
    pub comment: Option<String>,
}

/// What an interface counted since the capture began. Unknown is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When counting began.
    pub start: Timestamp,
    /// When the counts were read.
    pub end: Timestamp,
    /// Packets that passed the hook.
    pub received: Option<u64>,
    /// Packets the interface dropped before the hook saw them.
    pub dropped_by_interface: Option<u64>,
    /// Packets that matched the filter.
    pub accepted: Option<u64>,
    /// Packets that matched and were lost on their way to us, such as by a full ring.
    pub dropped_by_us: Option<u64>,
    /// Packets that came out of the capture. `None`: those the writer was given of this interface.
    pub delivered: Option<u64>,
    /// Losses by the words for them; 0s are left out.
    pub by_reason: Vec<(String, u64)>,
}
