//! What flows can be grouped by.

use super::{FlowErrors, FlowSums};
use crate::columns::{GroupColumn, Groupable, columns, number, word};
use crate::field::Field;
use netrig_model::{Column, FLOW_COLUMNS, FlowRecord, TunnelKind};
use std::hash::{Hash, Hasher};

impl Groupable for FlowRecord {
    type Sums = FlowSums;
    const WORD: &'static str = "flows";
    const ALL_COLUMNS: &'static [Column] = FLOW_COLUMNS;
    const COLUMNS: &'static [GroupColumn<Self>] = COLUMNS;
    const IDENTITY: &'static [&'static str] = &[
        "src_addr",
        "src_port",
        "dst_addr",
        "dst_port",
        "protocol",
        "transport",
        "iface",
        "vlan",
        "vlan_inner",
        "icmp_type",
        "icmp_code",
        "fragment",
        "tunnel",
        "tunnel_id",
    ];

    fn sums(&self, members: u64) -> FlowSums {
        FlowSums {
            packets: self.packets,
            bytes: self.bytes,
            reverse_packets: self.reverse_packets,
            reverse_bytes: self.reverse_bytes,
            errors: FlowErrors::of([
                self.packets_error,
                self.bytes_error,
                self.reverse_packets_error,
                self.reverse_bytes_error,
            ]),
            flows: members,
            dropped_packets: self.dropped_packets,
            start: self.window_start,
            end: self.window_end,
        }
    }

    fn identify<H: Hasher>(&self, hasher: &mut H) {
        let r = self;
        (r.src_addr, r.src_port, r.dst_addr, r.dst_port, r.protocol, r.fragment).hash(hasher);
        (&r.host, &r.iface, r.netns, r.vlan, r.vlan_inner, r.tunnel, r.tunnel_id).hash(hasher);
        (r.icmp_type, r.icmp_code).hash(hasher);
    }
}

/// In the order of the records' own columns, but sources and destinations before their circumstances.
const COLUMNS: &[GroupColumn<FlowRecord>] = columns! {
    src_addr = |r, _| r.src_addr.map_or(Field::Null, Field::Address),
    src_port = |r, _| number(r.src_port),
    dst_addr = |r, _| r.dst_addr.map_or(Field::Null, Field::Address),
    dst_port = |r, _| number(r.dst_port),
    protocol = |r, _| number(Some(r.protocol)),
    transport = |r, w| word(r.transport.as_deref(), w),
    iface = |r, w| word(r.iface.as_deref(), w),
    host = |r, w| word(r.host.as_deref(), w),
    netns = |r, _| number(r.netns),
    vlan = |r, _| number(r.vlan),
    vlan_inner = |r, _| number(r.vlan_inner),
    tcp_flags = |r, _| number(r.tcp_flags),
    reverse_tcp_flags = |r, _| number(r.reverse_tcp_flags),
    icmp_type = |r, _| number(r.icmp_type),
    icmp_code = |r, _| number(r.icmp_code),
    dscp = |r, _| number(r.dscp),
    fragment = |r, _| r.fragment.map_or(Field::Null, Field::Truth),
    tunnel = |r, w| word(r.tunnel.map(TunnelKind::as_str), w),
    tunnel_id = |r, _| number(r.tunnel_id),
    sampling_rate = |r, _| number(Some(r.sampling_rate)),
    end_reason = |r, w| word(Some(r.end_reason.as_str()), w),
    process = |r, w| word(r.process.as_deref(), w),
    pid = |r, _| number(r.pid),
    cgroup = |r, w| word(r.cgroup.as_deref(), w),
    container = |r, w| word(r.container.as_deref(), w),
    drop_reason = |r, w| word(r.drop_reason.as_deref(), w),
    src_name = |r, w| word(r.src_name.as_deref(), w),
    dst_name = |r, w| word(r.dst_name.as_deref(), w),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
    first_seen = |r, _| Field::Time(r.first_seen),
    last_seen = |r, _| Field::Time(r.last_seen),
};
