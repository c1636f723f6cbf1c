//! What counters of devices, CPUs, tables and sockets mean.

use super::Meaning;
use crate::DropClass::{self, Error, Harmless, Policy, Protocol, Resource};

/// A counter's name, whole or a part of it.
type Counter = (&'static [&'static str], DropClass, &'static str);

pub(super) const QDISC: Meaning = Meaning {
    class: Some(Resource),
    advice: "The queueing discipline dropped them: `tc -s qdisc show dev IFACE`, then its limit or rate (`netrig queues`).",
};

/// The kernel's own counters of an interface, by their whole names.
const DEVICE: &[Counter] = &[
    (
        &["rx_dropped"],
        Resource,
        "The driver or the stack had no room for received packets: `ethtool -S IFACE` says which, `ethtool -G` enlarges the ring; unknown protocols count here too.",
    ),
    (
        &["tx_dropped"],
        Resource,
        "The driver or its queue had no room for packets to send: `tc -s qdisc show dev IFACE` and `ethtool -S IFACE`.",
    ),
    (
        &["rx_missed_errors"],
        Resource,
        "The device's ring was full, the host was too slow: raise it with `ethtool -G IFACE rx N`, spread interrupts over CPUs.",
    ),
    (
        &["rx_fifo_errors", "rx_over_errors"],
        Resource,
        "The device's own buffer overran: flow control (`ethtool -a`), a larger ring (`ethtool -G`), or fewer packets.",
    ),
    (
        &["tx_fifo_errors"],
        Resource,
        "The device's buffer ran empty or over while sending: look at the bus and the driver (`ethtool -S IFACE`).",
    ),
    (&["rx_crc_errors"], Error, "Frames came damaged: look at cable, transceiver and the switch's port."),
    (&["rx_length_errors"], Error, "Frames longer or shorter than allowed: compare the MTUs of both ends of the link."),
    (
        &["rx_frame_errors"],
        Error,
        "Frames that are no whole octets: look at cable, transceiver and duplex (`ethtool IFACE`).",
    ),
    (
        &["rx_errors"],
        Error,
        "The sum of the interface's errors in receiving: the finer counters and `ethtool -S IFACE` say which.",
    ),
    (
        &["tx_errors"],
        Error,
        "The sum of the interface's errors in sending: the finer counters and `ethtool -S IFACE` say which.",
    ),
    (
        &["tx_aborted_errors", "tx_window_errors", "tx_heartbeat_errors"],
        Error,
        "Sending broke off: look at duplex (`ethtool IFACE`) and the driver.",
    ),
    (
        &["tx_carrier_errors"],
        Error,
        "The link was lost while sending: look at cable, transceiver and the switch's port.",
    ),
    (&["rx_nohandler"], Harmless, "Packets on an interface that takes none, such as a bond's inactive port."),
    (
        &["rx_otherhost_dropped"],
        Harmless,
        "Frames for other hosts: the interface is promiscuous, or the switch floods.",
    ),
];

/// Drivers' own counters, by what their names contain; the first that fits counts.
const DRIVER: &[Counter] = &[
    (
        &["xdp"],
        Policy,
        "An XDP program dropped or could not send these: `ip link` shows it, `ethtool -S IFACE` counts by action.",
    ),
    (
        &["allowance_exceeded"],
        Policy,
        "The cloud's limit for this machine's network is exceeded: take a larger machine, or send less at once.",
    ),
    (
        &["crc", "fcs", "symbol", "jabber", "align", "frame_err"],
        Error,
        "Frames came damaged: look at cable, transceiver and the switch's port.",
    ),
    (
        &["csum", "checksum"],
        Error,
        "The device found wrong checksums: look for a broken sender or link; the stack checks these packets again.",
    ),
    (
        &["timeout", "hang", "reset"],
        Error,
        "The device stopped sending for a while: look at the kernel's log for the driver's words.",
    ),
    (
        &[
            "no_buf",
            "nobuf",
            "no_dma",
            "out_of_buffer",
            "nodesc",
            "no_desc",
            "no_bd",
            "alloc",
            "missed",
            "fifo",
            "overrun",
            "overflow",
            "full",
            "busy",
            "stall",
        ],
        Resource,
        "The device found no buffer, the host was too slow: raise the ring with `ethtool -G IFACE rx N`, spread interrupts over CPUs.",
    ),
    (
        &["length", "oversize", "undersize", "runt", "long", "short", "fragment"],
        Error,
        "Frames longer or shorter than allowed: compare the MTUs of both ends of the link.",
    ),
    (&["filter", "vlan"], Protocol, "The device's own filter refused frames that are not for this host."),
    (
        &["discard", "drop"],
        Resource,
        "The device or its driver dropped these: the driver's manual says when, `ethtool -S IFACE` shows what else counts up.",
    ),
    (
        &["err", "fail", "abort", "bad", "lost", "miss"],
        Error,
        "An error that the driver counts: `ethtool -S IFACE` shows what else counts up.",
    ),
];

const SOFTNET: &[Counter] = &[
    (
        &["dropped"],
        Resource,
        "A CPU's backlog of received packets was full: raise net.core.netdev_max_backlog, or spread packets with RPS (`netrig queues`).",
    ),
    (
        &["flow_limit"],
        Policy,
        "One flow took too much of a CPU's backlog and was held back (net.core.flow_limit_cpu_bitmap).",
    ),
];

const TABLE: &[Counter] = &[
    (
        &["nf_conntrack_drop"],
        Resource,
        "The connection tracking table is full: raise net.netfilter.nf_conntrack_max, or shorten its timeouts (`conntrack -S`).",
    ),
    (
        &["nf_conntrack_early_drop"],
        Resource,
        "Connections were forgotten early to make room: raise net.netfilter.nf_conntrack_max.",
    ),
    (
        &["nf_conntrack_insert_failed"],
        Error,
        "Two packets raced to track one connection, as with DNS behind NAT: reuse sockets less, or answer A and AAAA one after the other.",
    ),
    (
        &["nf_conntrack_search_restart"],
        Harmless,
        "A search of the connection table began anew as the table changed: no packet was lost.",
    ),
    (
        &["arp_cache_table_fulls", "ndisc_cache_table_fulls"],
        Resource,
        "The table of neighbours is full: raise net.ipv4.neigh.default.gc_thresh3 (or ipv6's), look at `ip neigh | wc -l`.",
    ),
    (
        &["arp_cache_unresolved_discards", "ndisc_cache_unresolved_discards"],
        Error,
        "Too many packets waited for a neighbour that does not answer: `ip neigh`.",
    ),
];

const REFUSED: &[Counter] = &[
    (
        &["TcpExtListenOverflows"],
        Resource,
        "An accept queue was full, the application accepts too slowly or its backlog is small: raise listen()'s backlog and net.core.somaxconn, or accept faster (`ss -lnt`).",
    ),
    (
        &["TcpExtTCPReqQFullDrop"],
        Resource,
        "A listener had no room for half-open connections and sends no cookies: raise net.ipv4.tcp_max_syn_backlog, or set net.ipv4.tcp_syncookies = 1.",
    ),
    (
        &["TcpExtListenDrops"],
        Resource,
        "A listener could not take a connection for another reason than a full queue: look for a lack of memory, or of a route back to the client.",
    ),
    (
        &["raw_drops", "raw6_drops"],
        Resource,
        "A raw socket's buffer was full, its program reads too slowly: raise SO_RCVBUF and net.core.rmem_max, or read faster (`ss -wnpm`).",
    ),
    (
        &["netlink_drops"],
        Resource,
        "A program missed the kernel's messages as it read too slowly: raise its SO_RCVBUF and net.core.rmem_max (/proc/net/netlink shows which).",
    ),
];

fn whole(table: &[Counter], name: &str) -> Option<Meaning> {
    let (_, class, advice) = table.iter().find(|(names, ..)| names.contains(&name))?;
    Some(Meaning { class: Some(*class), advice })
}

pub(super) fn device(name: &str) -> Option<Meaning> {
    whole(DEVICE, name).or_else(|| {
        let name = name.to_ascii_lowercase();
        let (_, class, advice) = DRIVER.iter().find(|(parts, ..)| parts.iter().any(|part| name.contains(part)))?;
        Some(Meaning { class: Some(*class), advice })
    })
}

pub(super) fn softnet(name: &str) -> Option<Meaning> {
    whole(SOFTNET, name)
}

pub(super) fn table(name: &str) -> Option<Meaning> {
    whole(TABLE, name)
}

pub(super) fn refused(name: &str) -> Option<Meaning> {
    whole(REFUSED, name)
}

#[cfg(test)]
pub(super) fn sentences() -> impl Iterator<Item = &'static str> {
    let tables = [DEVICE, DRIVER, SOFTNET, TABLE, REFUSED];
    tables.into_iter().flatten().map(|(.., advice)| *advice).chain([QDISC.advice])
}
