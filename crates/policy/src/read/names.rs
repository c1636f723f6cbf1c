//! Names that stand for numbers on the wire.

use crate::words::{Family, Protocol};

const fn protocol(number: u8) -> Protocol {
    Protocol { number, family: Family::Any }
}

/// IP protocols.
pub(super) const PROTOCOLS: &[(&str, Protocol)] = &[
    ("tcp", protocol(6)),
    ("udp", protocol(17)),
    ("icmp", Protocol { number: 1, family: Family::V4 }),
    ("icmpv6", Protocol { number: 58, family: Family::V6 }),
    ("sctp", protocol(132)),
    ("dccp", protocol(33)),
    ("udplite", protocol(136)),
    ("gre", protocol(47)),
    ("esp", protocol(50)),
    ("ah", protocol(51)),
    ("ipip", protocol(4)),
    ("6in4", protocol(41)),
    ("igmp", protocol(2)),
    ("ospf", protocol(89)),
    ("pim", protocol(103)),
    ("vrrp", protocol(112)),
];

/// TCP flags.
pub(super) const TCP_FLAGS: &[(&str, u8)] =
    &[("fin", 1), ("syn", 2), ("rst", 4), ("psh", 8), ("ack", 16), ("urg", 32), ("ece", 64), ("cwr", 128)];

/// Types of ICMP and of ICMPv6.
pub(super) const ICMP_TYPES: &[(&str, Option<u8>, Option<u8>)] = &[
    ("echo-request", Some(8), Some(128)),
    ("echo-reply", Some(0), Some(129)),
    ("destination-unreachable", Some(3), Some(1)),
    ("packet-too-big", None, Some(2)),
    ("time-exceeded", Some(11), Some(3)),
    ("parameter-problem", Some(12), Some(4)),
    ("source-quench", Some(4), None),
    ("redirect", Some(5), Some(137)),
    ("router-advertisement", Some(9), Some(134)),
    ("router-solicitation", Some(10), Some(133)),
    ("neighbor-solicitation", None, Some(135)),
    ("neighbor-advertisement", None, Some(136)),
    ("timestamp-request", Some(13), None),
    ("timestamp-reply", Some(14), None),
    ("address-mask-request", Some(17), None),
    ("address-mask-reply", Some(18), None),
    ("mld-query", None, Some(130)),
    ("mld-report", None, Some(131)),
    ("mld-done", None, Some(132)),
    ("mldv2-report", None, Some(143)),
];

/// EtherTypes.
pub(super) const ETHERTYPES: &[(&str, u16)] = &[
    ("ipv4", 0x0800),
    ("arp", 0x0806),
    ("rarp", 0x8035),
    ("ipv6", 0x86dd),
    ("lacp", 0x8809),
    ("mpls", 0x8847),
    ("pppoe-discovery", 0x8863),
    ("pppoe-session", 0x8864),
    ("eapol", 0x888e),
    ("lldp", 0x88cc),
    ("macsec", 0x88e5),
    ("ptp", 0x88f7),
];

/// Protocols that have ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
pub(super) const WITH_PORTS: &[u8] = &[6, 17, 33, 132, 136];
/// TCP.
pub(super) const WITH_FLAGS: &[u8] = &[6];
