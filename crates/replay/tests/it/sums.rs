//! Traffic by directed flow, in the one form that models, records and expectations can all be brought to.

use crate::model::{Level, Reading};
use netrig_aggregate::icmp_counterpart;
use netrig_model::{FlowRecord, TunnelKind};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One direction of one flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    /// For ICMP the query's type and code, whichever side this is.
    pub(crate) numbers: Option<(u16, u16)>,
    pub(crate) fragment: bool,
    pub(crate) vlans: Vec<u16>,
    pub(crate) tunnel: Option<(TunnelKind, u32)>,
}

/// What went that way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) tcp_flags: u8,
}

impl Sent {
    pub(crate) fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.tcp_flags |= other.tcp_flags;
    }
}

/// All ways of a capture.
pub(crate) type Sums = BTreeMap<Way, Sent>;

/// The lesser of an ICMP type and its answer's, so that both ways of an exchange carry the same.
fn icmp_numbers(protocol: u8, kind: u8, code: u8) -> (u16, u16) {
    let both = icmp_counterpart(protocol, kind).map_or(kind, |other| other.min(kind));
    (u16::from(both), u16::from(code))
}

/// The way one level of a packet goes.
fn way(level: &Level) -> Way {
    let numbers = match level.icmp {
        Some((kind, code)) => Some(icmp_numbers(level.protocol, kind, code)),
        None => level.ports,
    };
    Way {
        src: level.src,
        dst: level.dst,
        protocol: level.protocol,
        numbers,
        fragment: level.fragment,
        vlans: level.vlans.iter().copied().take(2).collect(),
        tunnel: level.tunnel,
    }
}

/// Adds a packet as the model reads it: its outer flow, and the innermost one where there is one inside a tunnel.
pub(crate) fn add_reading(sums: &mut Sums, reading: &Reading, wire_len: u32) {
    let Some((outer, inside)) = reading.levels.split_first() else { return };
    for level in std::iter::once(outer).chain(inside.last()) {
        let sent = Sent { packets: 1, bytes: u64::from(wire_len), tcp_flags: level.tcp_flags };
        sums.entry(way(level)).or_default().add(sent);
    }
}

/// Both ways of a record.
pub(crate) fn add_record(sums: &mut Sums, record: &FlowRecord) {
    let ports = record.src_port.zip(record.dst_port);
    let icmp = record.icmp_type.zip(record.icmp_code).map(|(kind, code)| icmp_numbers(record.protocol, kind, code));
    let forward = Way {
        src: record.src_addr.expect("an IP flow has addresses"),
        dst: record.dst_addr.expect("an IP flow has addresses"),
        protocol: record.protocol,
        numbers: ports.or(icmp),
        fragment: record.fragment == Some(true),
        vlans: record.vlan.into_iter().chain(record.vlan_inner).collect(),
        tunnel: record.tunnel.map(|kind| (kind, record.tunnel_id.unwrap_or_default())),
    };
    let swapped = |(a, b): (u16, u16)| if icmp.is_some() { (a, b) } else { (b, a) };
    let backward = Way { src: forward.dst, dst: forward.src, numbers: forward.numbers.map(swapped), ..forward.clone() };
    let flags = (record.tcp_flags.unwrap_or_default(), record.reverse_tcp_flags.unwrap_or_default());
    let sent = Sent { packets: record.packets, bytes: record.bytes, tcp_flags: flags.0 };
    let received = Sent { packets: record.reverse_packets, bytes: record.reverse_bytes, tcp_flags: flags.1 };
    for (way, sent) in [(forward, sent), (backward, received)] {
        if sent.packets > 0 {
            sums.entry(way).or_default().add(sent);
        }
    }
}
