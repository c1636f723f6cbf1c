//! A packet as a policy sees it.

use crate::model::{Level, read_packet};
use netrig_model::ParseFault;
use netrig_policy::words::FragmentTest;
use std::net::IpAddr;

/// A frame, read.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) length: u32,
    pub(crate) src_mac: [u8; 6],
    pub(crate) dst_mac: [u8; 6],
    pub(crate) vlan: Option<u16>,
    /// Below tags, labels and other wrapping.
    pub(crate) ethertype: u16,
    /// The outer IP packet, if there is one whose header is sound.
    pub(crate) ip: Option<Ip>,
}

#[derive(Clone, Debug)]
pub(crate) struct Ip {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    /// Never `Any`.
    pub(crate) fragment: FragmentTest,
    pub(crate) transport: Transport,
}

/// What stands behind the IP headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// The protocol has neither ports nor ICMP types.
    Other,
    /// It has, but the packet does not reach so far.
    Unreadable,
    Ports {
        src: u16,
        dst: u16,
    },
    Tcp {
        src: u16,
        dst: u16,
        /// `None`: the packet ends before them.
        flags: Option<u8>,
    },
    Icmp(u8),
}

impl Subject {
    /// Of a frame with a whole Ethernet header.
    pub(crate) fn of(frame: &[u8]) -> Self {
        let reading = read_packet(frame, false, false);
        let mac = |at: usize| frame[at..at + 6].try_into().expect("six octets");
        let ip = reading.levels.first().map(|level| Ip::of(level, reading.fault));
        let ethertype = match &ip {
            Some(ip) if ip.src.is_ipv4() => 0x0800,
            Some(_) => 0x86dd,
            None => reading.ethertype,
        };
        let vlans = reading.levels.first().map_or(&reading.vlans, |level| &level.vlans);
        Self {
            length: frame.len() as u32,
            dst_mac: mac(0),
            src_mac: mac(6),
            vlan: vlans.first().copied(),
            ethertype,
            ip,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        self.ip.as_ref().map_or(Transport::Other, |ip| ip.transport)
    }
}

impl Ip {
    fn of(level: &Level, fault: Option<ParseFault>) -> Self {
        let icmp = if level.src.is_ipv4() { 1 } else { 58 };
        let transport = match (level.protocol, level.ports, level.icmp) {
            (6, Some((src, dst)), _) => {
                let flags = (fault != Some(ParseFault::Truncated)).then_some(level.tcp_flags);
                Transport::Tcp { src, dst, flags }
            }
            (17 | 33 | 132 | 136, Some((src, dst)), _) => Transport::Ports { src, dst },
            (6 | 17 | 33 | 132 | 136, None, _) => Transport::Unreadable,
            (protocol, _, Some((kind, _))) if protocol == icmp => Transport::Icmp(kind),
            (protocol, _, None) if protocol == icmp => Transport::Unreadable,
            _ => Transport::Other,
        };
        let fragment = match (level.fragment, level.more_fragments) {
            (true, _) => FragmentTest::Later,
            (false, true) => FragmentTest::First,
            (false, false) => FragmentTest::Whole,
        };
        Self { src: level.src, dst: level.dst, protocol: level.protocol, fragment, transport }
    }
}
