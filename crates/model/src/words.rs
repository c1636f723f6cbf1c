//! The field's words, each with the one spelling that records, metrics and the command line use.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An enum whose variants are words: one spelling for records, metrics and the command line.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$help:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[$help])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What a word means; none for a word that is not one of them.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }
    };
}

pub(crate) use words;

/// Which way a packet goes, seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the host.
    Ingress,
    /// Out of the host.
    Egress,
}

impl Direction {
    /// Both, in the order tables list them.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// 0 for ingress, 1 for egress: the kernel's own numbering.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a flow's record ends where it does (IPFIX 136, told finer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// No packet for the idle timeout.
    Idle,
    /// The window closed while the flow went on.
    Active,
    /// TCP closed by FIN from both sides.
    Fin,
    /// TCP reset.
    Rst,
    /// The budget had no room to keep it: told early, nothing lost.
    Evicted,
    /// The rig stopped, or the capture ended.
    Forced,
}

impl EndReason {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Evicted => "evicted",
            Self::Forced => "forced",
        }
    }

    /// The number that IPFIX information element 136 gives it.
    #[must_use]
    pub fn ipfix(self) -> u8 {
        match self {
            Self::Idle => 1,
            Self::Active => 2,
            Self::Fin | Self::Rst => 3,
            Self::Forced => 4,
            Self::Evicted => 5,
        }
    }
}

/// The name of an IP protocol number, for those that have one in common use.
#[must_use]
pub fn transport_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        1 => "icmp",
        2 => "igmp",
        4 => "ipip",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        59 => "ipv6-nonxt",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        136 => "udplite",
        _ => return None,
    })
}
