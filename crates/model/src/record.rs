//! Flow records as they are stored, shipped and printed, and the list of their columns.

use crate::{EndReason, Timestamp, TunnelKind};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One flow in one window, both directions: `src_*` is the initiator (whose SYN was seen, else the side seen first).
/// Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// Start of the window.
    pub window_start: Timestamp,
    /// End of the window.
    pub window_end: Timestamp,
    /// First packet of the flow, as far as is remembered.
    pub first_seen: Timestamp,
    /// Latest packet in either direction.
    pub last_seen: Timestamp,
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
    /// Initiator's address.
    pub src_addr: Option<IpAddr>,
    /// Initiator's port; null where the protocol or the fragment has none.
    pub src_port: Option<u16>,
    /// Responder's address.
    pub dst_addr: Option<IpAddr>,
    /// Responder's port.
    pub dst_port: Option<u16>,
    /// Packets from initiator to responder in this window, as on the wire.
    pub packets: u64,
    /// Their layer-2 octets without FCS (IPFIX 352).
    pub bytes: u64,
    /// Packets from responder to initiator.
    pub reverse_packets: u64,
    /// Their octets.
    pub reverse_bytes: u64,
    /// TCP flags from the initiator, OR'd over the flow so far; null when not TCP.
    pub tcp_flags: Option<u8>,
    /// TCP flags from the responder.
    pub reverse_tcp_flags: Option<u8>,
    /// ICMP or ICMPv6 type of the initiator's packets.
    pub icmp_type: Option<u8>,
    /// ICMP or ICMPv6 code.
    pub icmp_code: Option<u8>,
    /// DSCP of the first packet.
    pub dscp: Option<u8>,
    /// True for later fragments, whose ports are not known; else null.
    pub fragment: Option<bool>,
    /// Set on inner flows: how they were carried.
    pub tunnel: Option<TunnelKind>,
    /// VNI or GRE key.
    pub tunnel_id: Option<u32>,
    /// 1 in this many packets was looked at: where it changed meanwhile, the largest of them.
    pub sampling_rate: u32,
    /// With a probability of 95 % the true packets lie within so many of `packets`; 0: they are exact. Null in files of a rig that
    /// did not sample.
    pub packets_error: Option<u64>,
    /// The same of `bytes`.
    pub bytes_error: Option<u64>,
    /// The same of `reverse_packets`.
    pub reverse_packets_error: Option<u64>,
    /// The same of `reverse_bytes`.
    pub reverse_bytes_error: Option<u64>,
    /// Why the record ends.
    pub end_reason: EndReason,
    /// Process name on this host.
    pub process: Option<String>,
    /// Its id.
    pub pid: Option<u32>,
    /// Its cgroup.
    pub cgroup: Option<String>,
    /// Its container.
    pub container: Option<String>,
    /// Packets of it that the kernel dropped in this window, both directions; null where drops are not looked at.
    pub dropped_packets: Option<u64>,
    /// The reason of most of them.
    pub drop_reason: Option<String>,
    /// Name of the initiator.
    pub src_name: Option<String>,
    /// Name of the responder.
    pub dst_name: Option<String>,
}

/// The type of a column, in the words of every place it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Nanoseconds since the epoch, UTC.
    TimestampNs,
    /// Text.
    Text,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 64 bits.
    I64,
    /// Truth value.
    Bool,
}

/// One column of a record.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// JSON key, Parquet column, ClickHouse column.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it means, with its unit.
    pub help: &'static str,
}

pub(crate) const fn req(name: &'static str, kind: ColumnType, help: &'static str) -> Column {
    Column { name, kind, nullable: false, help }
}

pub(crate) const fn opt(name: &'static str, kind: ColumnType, help: &'static str) -> Column {
    Column { name, kind, nullable: true, help }
}

use ColumnType::{Bool, I64, Text, TimestampNs, U8, U16, U32, U64};

/// The columns of `flows`, in order.
pub const FLOW_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window"),
    req("window_end", TimestampNs, "end of the window"),
    req("first_seen", TimestampNs, "first packet of the flow, as far as is remembered"),
    req("last_seen", TimestampNs, "latest packet in either direction"),
    opt("host", Text, "host name"),
    opt("iface", Text, "interface name"),
    opt("netns", U64, "inode of the network namespace"),
    opt("vlan", U16, "outer (or only) VLAN id"),
    opt("vlan_inner", U16, "inner VLAN id (QinQ)"),
    req("protocol", U8, "IP protocol number"),
    opt("transport", Text, "name of the protocol: tcp, udp, icmp, …"),
    opt("src_addr", Text, "initiator's address"),
    opt("src_port", U16, "initiator's port"),
    opt("dst_addr", Text, "responder's address"),
    opt("dst_port", U16, "responder's port"),
    req("packets", U64, "packets from initiator to responder in this window, as on the wire"),
    req("bytes", U64, "their layer-2 octets without FCS (IPFIX 352)"),
    req("reverse_packets", U64, "packets from responder to initiator in this window"),
    req("reverse_bytes", U64, "their layer-2 octets"),
    opt("tcp_flags", U8, "TCP flags from the initiator, OR'd over the flow so far"),
    opt("reverse_tcp_flags", U8, "TCP flags from the responder, OR'd over the flow so far"),
    opt("icmp_type", U8, "ICMP or ICMPv6 type of the initiator's packets"),
    opt("icmp_code", U8, "ICMP or ICMPv6 code of the initiator's packets"),
    opt("dscp", U8, "DSCP of the first packet"),
    opt("fragment", Bool, "true for later fragments, whose ports are not known"),
    opt("tunnel", Text, "set on inner flows: vxlan, geneve, gre, ipip, 6in4"),
    opt("tunnel_id", U32, "VNI or GRE key of the tunnel"),
    req("sampling_rate", U32, "1 in this many packets was looked at; where it changed meanwhile, the largest of them"),
    opt("packets_error", U64, "the true `packets` lie within so many of those told, with 95 %; 0: these are exact"),
    opt("bytes_error", U64, "the same of `bytes`"),
    opt("reverse_packets_error", U64, "the same of `reverse_packets`"),
    opt("reverse_bytes_error", U64, "the same of `reverse_bytes`"),
    req(
        "end_reason",
        Text,
        "why the record ends: idle, active, fin, rst, evicted, forced (IPFIX 136: 1, 2, 3, 3, 5, 4)",
    ),
    opt("process", Text, "process name on this host"),
    opt("pid", U32, "process id on this host"),
    opt("cgroup", Text, "control group of the process"),
    opt("container", Text, "container id of the process"),
    opt(
        "dropped_packets",
        U64,
        "packets of it that the kernel dropped in this window, both directions; null where drops are not looked at",
    ),
    opt("drop_reason", Text, "the reason of most of them"),
    opt("src_name", Text, "name of the initiator"),
    opt("dst_name", Text, "name of the responder"),
];

/// The columns of `ledger`, in order.
pub const LEDGER_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window"),
    req("window_end", TimestampNs, "end of the window"),
    opt("host", Text, "host name"),
    opt("iface", Text, "interface name"),
    opt("direction", Text, "ingress or egress, seen from the interface"),
    req("seen_packets", U64, "packets that passed the hook, as on the wire"),
    req("seen_bytes", U64, "their layer-2 octets without FCS"),
    req("told_packets", U64, "packets told in flow records"),
    req("told_bytes", U64, "their bytes"),
    req("overflow_packets", U64, "packets of evicted flows that found the outbox full: counted, told in no record"),
    req("overflow_bytes", U64, "their bytes"),
    req("not_ip_packets", U64, "packets that are not IP"),
    req("not_ip_bytes", U64, "their bytes"),
    req("sampled_out_packets", U64, "packets left out by sampling"),
    req("sampled_out_bytes", U64, "their bytes"),
    opt(
        "extrapolated_packets",
        U64,
        "packets that those taken while flows are sampled stand for beyond themselves: among those told",
    ),
    opt("extrapolated_bytes", U64, "their bytes"),
    req(
        "imbalance_packets",
        I64,
        "seen − (told + overflow + not IP + sampled out − extrapolated): anything but 0 is a bug in the rig",
    ),
    req("imbalance_bytes", I64, "the same in bytes"),
    opt("kernel_packets", U64, "what the kernel's interface counter gained in the same time"),
    opt("kernel_bytes", U64, "the same in bytes"),
    opt(
        "policy_packets",
        U64,
        "packets that a policy dropped or sent elsewhere before the hook saw them: in none of the counts above but the kernel's; null where no policy is asked",
    ),
    opt("policy_bytes", U64, "their bytes"),
    opt(
        "unaccounted_packets",
        U64,
        "packets the kernel counted that no hook saw and neither policy nor drop counters explain",
    ),
    opt("unsent_packets", U64, "egress packets that passed the hook and have not left: queued, or dropped after it"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerRecord;

    fn keys(value: &serde_json::Value) -> Vec<String> {
        value.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default()
    }

    fn sorted(columns: &[Column]) -> Vec<String> {
        let mut names: Vec<_> = columns.iter().map(|c| c.name.to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_column_list_of_the_ledger_is_the_struct() {
        let json = serde_json::to_value(LedgerRecord::default()).expect("serialise");
        let mut got = keys(&json);
        got.sort();
        assert_eq!(got, sorted(LEDGER_COLUMNS));
    }

    #[test]
    fn the_column_list_of_flows_is_the_struct() {
        let text = r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z",
            "first_seen":"2023-11-14T22:13:20Z","last_seen":"2023-11-14T22:13:20Z","protocol":6,"packets":1,"bytes":60,
            "reverse_packets":0,"reverse_bytes":0,"sampling_rate":1,"end_reason":"idle"}"#;
        let record: FlowRecord = serde_json::from_str(text).expect("required columns are enough");
        let mut got = keys(&serde_json::to_value(record).expect("serialise"));
        got.sort();
        assert_eq!(got, sorted(FLOW_COLUMNS));
    }
}
