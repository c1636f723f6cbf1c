//! Flows whose detail was given up for room: what is kept of them minute by minute, and hour by hour.

use crate::record::{opt, req};
use crate::words::words;
use crate::{
    Column,
    ColumnType::{Bool, Text, TimestampNs, U8, U16, U32, U64},
    EndReason, FlowRecord, Timestamp, TunnelKind,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

words! {
    /// How much of its keys a reduced row still tells.
    Told {
        /// Both addresses, whole.
        Addresses = "addresses",
        /// The networks of both addresses.
        Prefixes = "prefixes",
        /// Interface and protocol only: the rest, whose sums are exact.
        Other = "other",
    }
}

/// What is kept of several flow records: their sums, and what they had in common. The same row at every level; unknown, or not
/// the same in all of them, is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReducedFlowRecord {
    /// Start of the minute or hour, or of what the file covers of it.
    pub window_start: Timestamp,
    /// Its end.
    pub window_end: Timestamp,
    /// How much of the keys is told.
    pub told: Told,
    /// Flow records that were added up.
    pub records: u64,
    /// Host name.
    pub host: Option<String>,
    /// Interface name.
    pub iface: Option<String>,
    /// Inode of the network namespace.
    pub netns: Option<u64>,
    /// Outer (or only) VLAN id.
    pub vlan: Option<u16>,
    /// Inner VLAN id (QinQ).
    pub vlan_inner: Option<u16>,
    /// IP protocol number.
    pub protocol: u8,
    /// Its name.
    pub transport: Option<String>,
    /// Initiator's address, or the first one of its network.
    pub src_addr: Option<IpAddr>,
    /// Bits of the initiator's network, where only that is told.
    pub src_prefix: Option<u8>,
    /// Initiator's port, only where it is the service's.
    pub src_port: Option<u16>,
    /// Responder's address, or the first one of its network.
    pub dst_addr: Option<IpAddr>,
    /// Bits of the responder's network, where only that is told.
    pub dst_prefix: Option<u8>,
    /// Responder's port, where it is the service's.
    pub dst_port: Option<u16>,
    /// Packets from initiator to responder.
    pub packets: u64,
    /// Their layer-2 octets without FCS.
    pub bytes: u64,
    /// Packets from responder to initiator.
    pub reverse_packets: u64,
    /// Their octets.
    pub reverse_bytes: u64,
    /// TCP flags from the initiators, OR'd.
    pub tcp_flags: Option<u8>,
    /// TCP flags from the responders, OR'd.
    pub reverse_tcp_flags: Option<u8>,
    /// ICMP or ICMPv6 type.
    pub icmp_type: Option<u8>,
    /// ICMP or ICMPv6 code.
    pub icmp_code: Option<u8>,
    /// True for later fragments; else null.
    pub fragment: Option<bool>,
    /// Set on inner flows: how they were carried.
    pub tunnel: Option<TunnelKind>,
    /// VNI or GRE key.
    pub tunnel_id: Option<u32>,
    /// The highest of what was added up.
    pub sampling_rate: u32,
    /// With a probability of 95 % the true packets lie within so many of `packets`; 0: they are exact. Null in what was told
    /// by a rig that did not sample.
    pub packets_error: Option<u64>,
    /// The same of `bytes`.
    pub bytes_error: Option<u64>,
    /// The same of `reverse_packets`.
    pub reverse_packets_error: Option<u64>,
    /// The same of `reverse_bytes`.
    pub reverse_bytes_error: Option<u64>,
    /// Process name on this host.
    pub process: Option<String>,
    /// Its container.
    pub container: Option<String>,
    /// Packets that the kernel dropped, both directions; null where drops were not looked at.
    pub dropped_packets: Option<u64>,
    /// Why.
    pub drop_reason: Option<String>,
    /// Name of the initiator.
    pub src_name: Option<String>,
    /// Name of the responder.
    pub dst_name: Option<String>,
}

/// The columns of `flows_1m` and `flows_1h`, in order.
pub const REDUCED_FLOW_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the minute or hour, or of what was reduced of it"),
    req("window_end", TimestampNs, "its end"),
    req(
        "told",
        Text,
        "addresses: both are told whole; prefixes: their networks are; other: the rest, by interface and protocol alone",
    ),
    req("records", U64, "flow records that were added up"),
    opt("host", Text, "host name"),
    opt("iface", Text, "interface name"),
    opt("netns", U64, "inode of the network namespace"),
    opt("vlan", U16, "outer (or only) VLAN id"),
    opt("vlan_inner", U16, "inner VLAN id (QinQ)"),
    req("protocol", U8, "IP protocol number"),
    opt("transport", Text, "name of the protocol: tcp, udp, icmp, …"),
    opt("src_addr", Text, "initiator's address, or the first one of its network"),
    opt("src_prefix", U8, "bits of the initiator's network, where only that is told"),
    opt("src_port", U16, "initiator's port, only where it is below 1024 and the responder's is not"),
    opt("dst_addr", Text, "responder's address, or the first one of its network"),
    opt("dst_prefix", U8, "bits of the responder's network, where only that is told"),
    opt("dst_port", U16, "responder's port, unless the initiator's is told"),
    req("packets", U64, "packets from initiators to responders, as on the wire"),
    req("bytes", U64, "their layer-2 octets without FCS (IPFIX 352)"),
    req("reverse_packets", U64, "packets from responders to initiators"),
    req("reverse_bytes", U64, "their layer-2 octets"),
    opt("tcp_flags", U8, "TCP flags from the initiators, OR'd"),
    opt("reverse_tcp_flags", U8, "TCP flags from the responders, OR'd"),
    opt("icmp_type", U8, "ICMP or ICMPv6 type of the initiators' packets"),
    opt("icmp_code", U8, "ICMP or ICMPv6 code of the initiators' packets"),
    opt("fragment", Bool, "true for later fragments, whose ports are not known"),
    opt("tunnel", Text, "set on inner flows: vxlan, geneve, gre, ipip, 6in4"),
    opt("tunnel_id", U32, "VNI or GRE key of the tunnel"),
    req("sampling_rate", U32, "1 in this many packets was looked at; the highest of what was added up"),
    opt("packets_error", U64, "the true `packets` lie within so many of those told, with 95 %; 0: these are exact"),
    opt("bytes_error", U64, "the same of `bytes`"),
    opt("reverse_packets_error", U64, "the same of `reverse_packets`"),
    opt("reverse_bytes_error", U64, "the same of `reverse_bytes`"),
    opt("process", Text, "process name on this host, if it was always the same"),
    opt("container", Text, "container id of the process, if it was always the same"),
    opt(
        "dropped_packets",
        U64,
        "packets of them that the kernel dropped, both directions; null where drops were not looked at",
    ),
    opt("drop_reason", Text, "the reason of most of them, if it was always the same"),
    opt("src_name", Text, "name of the initiator, if it was always the same"),
    opt("dst_name", Text, "name of the responder, if it was always the same"),
];

impl From<FlowRecord> for ReducedFlowRecord {
    /// One record as a row, nothing added up yet: with both ports.
    fn from(flow: FlowRecord) -> Self {
        Self {
            window_start: flow.window_start,
            window_end: flow.window_end,
            told: Told::Addresses,
            records: 1,
            host: flow.host,
            iface: flow.iface,
            netns: flow.netns,
            vlan: flow.vlan,
            vlan_inner: flow.vlan_inner,
            protocol: flow.protocol,
            transport: flow.transport,
            src_addr: flow.src_addr,
            src_prefix: None,
            src_port: flow.src_port,
            dst_addr: flow.dst_addr,
            dst_prefix: None,
            dst_port: flow.dst_port,
            packets: flow.packets,
            bytes: flow.bytes,
            reverse_packets: flow.reverse_packets,
            reverse_bytes: flow.reverse_bytes,
            tcp_flags: flow.tcp_flags,
            reverse_tcp_flags: flow.reverse_tcp_flags,
            icmp_type: flow.icmp_type,
            icmp_code: flow.icmp_code,
            fragment: flow.fragment,
            tunnel: flow.tunnel,
            tunnel_id: flow.tunnel_id,
            sampling_rate: flow.sampling_rate,
            packets_error: flow.packets_error,
            bytes_error: flow.bytes_error,
            reverse_packets_error: flow.reverse_packets_error,
            reverse_bytes_error: flow.reverse_bytes_error,
            process: flow.process,
            container: flow.container,
            dropped_packets: flow.dropped_packets,
            drop_reason: flow.drop_reason,
            src_name: flow.src_name,
            dst_name: flow.dst_name,
        }
    }
}

impl From<ReducedFlowRecord> for FlowRecord {
    /// The row as a flow record, for whoever reads both alike. A network stands where its name would, never in the place of an
    /// address; first and last packet are those of the window, as nothing finer is known.
    fn from(row: ReducedFlowRecord) -> Self {
        let (src_addr, src_name) = shown(row.src_addr, row.src_prefix, row.src_name);
        let (dst_addr, dst_name) = shown(row.dst_addr, row.dst_prefix, row.dst_name);
        Self {
            window_start: row.window_start,
            window_end: row.window_end,
            first_seen: row.window_start,
            last_seen: row.window_end,
            host: row.host,
            iface: row.iface,
            netns: row.netns,
            vlan: row.vlan,
            vlan_inner: row.vlan_inner,
            protocol: row.protocol,
            transport: row.transport,
            src_addr,
            src_port: row.src_port,
            dst_addr,
            dst_port: row.dst_port,
            packets: row.packets,
            bytes: row.bytes,
            reverse_packets: row.reverse_packets,
            reverse_bytes: row.reverse_bytes,
            tcp_flags: row.tcp_flags,
            reverse_tcp_flags: row.reverse_tcp_flags,
            icmp_type: row.icmp_type,
            icmp_code: row.icmp_code,
            dscp: None,
            fragment: row.fragment,
            tunnel: row.tunnel,
            tunnel_id: row.tunnel_id,
            sampling_rate: row.sampling_rate,
            packets_error: row.packets_error,
            bytes_error: row.bytes_error,
            reverse_packets_error: row.reverse_packets_error,
            reverse_bytes_error: row.reverse_bytes_error,
            end_reason: EndReason::Active,
            process: row.process,
            pid: None,
            cgroup: None,
            container: row.container,
            dropped_packets: row.dropped_packets,
            drop_reason: row.drop_reason,
            src_name,
            dst_name,
        }
    }
}

fn shown(address: Option<IpAddr>, prefix: Option<u8>, name: Option<String>) -> (Option<IpAddr>, Option<String>) {
    match (address, prefix) {
        (Some(network), Some(bits)) => (None, Some(format!("{network}/{bits}"))),
        _ => (address, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> FlowRecord {
        serde_json::from_str(
            r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","first_seen":"2023-11-14T22:13:20Z",
            "last_seen":"2023-11-14T22:13:30Z","protocol":6,"packets":1,"bytes":60,"reverse_packets":2,"reverse_bytes":90,
            "sampling_rate":1,"end_reason":"active","src_addr":"10.1.2.3","src_name":"a","dst_addr":"10.1.2.4"}"#,
        )
        .expect("flow")
    }

    #[test]
    fn the_column_list_is_the_struct() {
        let json = serde_json::to_value(ReducedFlowRecord::from(flow())).expect("serialise");
        let mut got: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut want: Vec<_> = REDUCED_FLOW_COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        got.sort();
        want.sort();
        assert_eq!(got, want);
    }

    #[test]
    fn a_network_is_never_told_as_an_address() {
        let mut row = ReducedFlowRecord::from(flow());
        assert_eq!(FlowRecord::from(row.clone()), flow());
        row.src_prefix = Some(24);
        let told = FlowRecord::from(row);
        assert_eq!((told.src_addr, told.src_name.as_deref()), (None, Some("10.1.2.3/24")));
        assert_eq!(told.dst_addr, flow().dst_addr);
    }
}
