//! What the kernel threw away: why, where, whose; and the records of it.

use crate::record::{opt, req};
use crate::words::words;
use crate::{Column, ColumnType, Direction, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

words! {
    /// What a reason for a drop means to whoever runs the host.
    DropClass {
        /// An ordinary end of life: nothing was lost that anyone waits for.
        Harmless = "harmless",
        /// A packet that its protocol does not want: late, doubled, malformed, for no one.
        Protocol = "protocol",
        /// Somebody's rule said so: a firewall, a filter, a program, a route.
        Policy = "policy",
        /// No room: a buffer, a queue, a table, memory.
        Resource = "resource",
        /// Something is broken: checksums, headers, devices, routes that are missing.
        Error = "error",
    }
}

words! {
    /// Who counted a drop. Sources overlap: only those of one source add up.
    DropSource {
        /// The kernel's own end of a dropped packet (`kfree_skb`). All rows of this source add up to all it dropped.
        Skb = "skb",
        /// A socket's full buffer, as the socket told; the packets are among those of `skb`.
        Socket = "socket",
        /// XDP: programs that failed, redirects that failed. Frames that never became packets of the stack: in no other source.
        Xdp = "xdp",
        /// A counter of an interface's driver or hardware.
        Device = "device",
        /// A counter of a queueing discipline; mostly among those of `skb`.
        Qdisc = "qdisc",
        /// A CPU's backlog of received packets; among those of `skb`.
        Softnet = "softnet",
        /// A table that was full: connection tracking, neighbours; mostly among those of `skb`.
        Table = "table",
        /// What sockets had no room for, by the kernel's counters: full accept queues, raw and netlink sockets. Mostly in no other
        /// source, for the packet's own end is an ordinary one.
        Refused = "refused",
    }
}

words! {
    /// What kind of packet a dropped one was.
    PacketFamily {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
        /// ARP.
        Arp = "arp",
        /// A message of a Unix socket.
        Unix = "unix",
        /// A message of a netlink socket.
        Netlink = "netlink",
        /// A capture's copy: a packet socket's.
        Packet = "packet",
        /// None of these.
        Other = "other",
    }
}

/// One flow of a group of drops: what was dropped of it since the rig has counted it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropFlow {
    /// IP protocol number.
    pub protocol: u8,
    /// The packet's own source address: a dropped packet has one direction.
    pub src_addr: Option<IpAddr>,
    /// Its source port; ICMP: none.
    pub src_port: Option<u16>,
    /// Its destination address.
    pub dst_addr: Option<IpAddr>,
    /// Its destination port.
    pub dst_port: Option<u16>,
    /// Packets of the stack: a super-packet is one.
    pub packets: u64,
    /// Their octets as they were held where they were dropped.
    pub bytes: u64,
    /// Process id of the socket's owner, where the kernel's side knew it.
    pub pid: Option<u32>,
    /// Its name.
    pub process: Option<String>,
    /// Its control group.
    pub cgroup: Option<String>,
    /// Its container, or systemd unit.
    pub container: Option<String>,
}

/// A dropped packet that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropExample {
    /// When.
    pub time: Timestamp,
    /// Its flow; `packets` is 1.
    pub flow: DropFlow,
    /// Length in octets.
    pub length: u32,
    /// Its first octets from the network header on, in hexadecimal.
    pub octets: String,
}

/// All drops of one reason at one place: what was counted since the rig started, or since the place began to count. Counts never
/// go backwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropGroup {
    /// Who counted.
    pub source: DropSource,
    /// The kernel's name for the reason, without its prefix: `SOCKET_RCVBUFF`; for other sources the counter's name.
    pub reason: String,
    /// What it means; none for a reason that netrig does not know.
    pub class: Option<DropClass>,
    /// Where in the kernel: function and offset, `udp_queue_rcv_one_skb+0x2a3`; of XDP: the program's name.
    pub place: Option<String>,
    /// Interface name.
    pub iface: Option<String>,
    /// Inode of the network namespace.
    pub netns: Option<u64>,
    /// Which way the packets went.
    pub direction: Option<Direction>,
    /// What kind of packets.
    pub family: Option<PacketFamily>,
    /// Packets of the stack: a super-packet is one.
    pub packets: u64,
    /// Their octets; none for counters that tell packets only.
    pub bytes: Option<u64>,
    /// The flows they were of. The rest of the group's packets are of flows that found no room, or of none.
    pub flows: Vec<DropFlow>,
    /// The latest packets that were looked at, oldest first.
    pub examples: Vec<DropExample>,
}

/// The drop probe's picture. Counts are since the rig started and never go backwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropStatus {
    /// Everything counted, most packets first. Flows: the largest few of each.
    pub groups: Vec<DropGroup>,
    /// Drops that were not counted by reason, as one interrupted the counting of another.
    pub uncounted: u64,
    /// Examples that found their ring full.
    pub examples_lost: u64,
    /// Groups in the kernel's table, the fullest CPU's.
    pub places: u64,
    /// The most there can be; beyond it drops are counted as `OTHER`.
    pub places_max: u64,
    /// Kernel memory, bytes.
    pub bytes: u64,
}

/// One reason at one place on one flow in one window. Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "DROP_COLUMNS says what each means, once, for every reader")]
pub struct DropRecord {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub host: Option<String>,
    pub source: DropSource,
    pub reason: String,
    pub class: Option<DropClass>,
    pub place: Option<String>,
    pub iface: Option<String>,
    pub netns: Option<u64>,
    pub direction: Option<Direction>,
    pub family: Option<PacketFamily>,
    pub protocol: Option<u8>,
    pub transport: Option<String>,
    pub src_addr: Option<IpAddr>,
    pub src_port: Option<u16>,
    pub dst_addr: Option<IpAddr>,
    pub dst_port: Option<u16>,
    pub packets: u64,
    pub bytes: Option<u64>,
    pub process: Option<String>,
    pub pid: Option<u32>,
    pub cgroup: Option<String>,
    pub container: Option<String>,
    pub example: Option<String>,
}

use ColumnType::{Text, TimestampNs, U8, U16, U32, U64};

/// The columns of `drops`, in order.
pub const DROP_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window"),
    req("window_end", TimestampNs, "end of the window"),
    opt("host", Text, "host name"),
    req(
        "source",
        Text,
        "who counted: skb (the kernel's own end of dropped packets: its rows add up to all), socket, xdp, device, qdisc, softnet, table, refused (by sockets without room); sources overlap",
    ),
    req("reason", Text, "the kernel's name for the reason, or the counter's name"),
    opt("class", Text, "harmless, protocol, policy, resource, error; null for a reason netrig does not know"),
    opt("place", Text, "where in the kernel: function and offset; of XDP the program's name"),
    opt("iface", Text, "interface name"),
    opt("netns", U64, "inode of the network namespace"),
    opt("direction", Text, "ingress or egress, seen from the interface"),
    opt("family", Text, "ipv4, ipv6, arp, unix, netlink, packet, other"),
    opt("protocol", U8, "IP protocol number"),
    opt("transport", Text, "its name: tcp, udp, icmp, …"),
    opt(
        "src_addr",
        Text,
        "the dropped packets' source address; null on the row of a group's rest, whose flows found no room",
    ),
    opt("src_port", U16, "their source port"),
    opt("dst_addr", Text, "their destination address"),
    opt("dst_port", U16, "their destination port"),
    req("packets", U64, "packets dropped, as the stack counts them: a super-packet is one"),
    opt(
        "bytes",
        U64,
        "their octets as they were held where they were dropped; null for counters that tell packets only",
    ),
    opt("process", Text, "process name on this host"),
    opt("pid", U32, "process id on this host"),
    opt("cgroup", Text, "control group of the process"),
    opt("container", Text, "container id of the process, or systemd unit"),
    opt("example", Text, "one such packet's first octets from the network header on, in hexadecimal"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_list_of_drops_is_the_struct() {
        let text = r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","source":"skb",
            "reason":"NO_SOCKET","packets":1}"#;
        let record: DropRecord = serde_json::from_str(text).expect("required columns are enough");
        let json = serde_json::to_value(record).expect("serialise");
        let mut got: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut columns: Vec<_> = DROP_COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        got.sort();
        columns.sort();
        assert_eq!(got, columns);
    }
}
