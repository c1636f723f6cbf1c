//! What a drop without a reason means by the function that dropped.

use super::Meaning;
use crate::DropClass::{self, Error, Harmless, Policy, Protocol, Resource};

/// Beginnings of function names. The first that fits counts: finer ones stand before coarser ones.
type Place = (&'static [&'static str], Option<DropClass>, &'static str);

const PLACES: &[Place] = &[
    (&["unix_"], Some(Harmless), "Unread or refused messages of a Unix socket whose other end went away."),
    (
        &["netlink_attachskb", "netlink_overrun"],
        Some(Resource),
        "A netlink listener reads too slowly: raise its SO_RCVBUF (`ss -f netlink -m`, /proc/net/netlink shows drops).",
    ),
    (
        &["netlink_", "__netlink_", "nlmsg_", "rtnetlink_", "rtnl_notify", "genl_", "kauditd_", "audit_"],
        Some(Harmless),
        "A kernel message that no program listens for.",
    ),
    (
        &["rtnl_kfree_skbs", "__rtnl_unlock"],
        Some(Harmless),
        "Packets left in a queueing discipline that was changed or taken away.",
    ),
    (
        &["packet_", "tpacket_", "__packet_"],
        Some(Resource),
        "A capture could not take its copy: give it a larger buffer (`tcpdump -B`) or a narrower filter; the packet itself went on.",
    ),
    (
        &["vsock_", "virtio_transport_", "vhost_vsock_", "virtio_vsock_"],
        Some(Harmless),
        "The virtual socket's own messages, freed after use.",
    ),
    (&["bpf_test_run", "bpf_prog_test_run"], Some(Harmless), "A test run of a BPF program: no packet of the network."),
    (
        &[
            "skb_queue_purge",
            "__skb_queue_purge",
            "skb_rbtree_purge",
            "skb_errqueue_purge",
            "__sk_destruct",
            "sk_destruct",
            "inet_sock_destruct",
            "sk_stream_kill_queues",
            "inet_csk_destroy_sock",
            "sock_rfree",
            "tun_queue_purge",
        ],
        Some(Harmless),
        "A queue was emptied as its socket or device went away.",
    ),
    (
        &[
            "qdisc_reset",
            "dev_deactivate",
            "pfifo_fast_reset",
            "fq_reset",
            "fq_codel_reset",
            "__qdisc_reset_queue",
            "dev_qdisc_reset",
            "flush_backlog",
            "dev_cpu_dead",
        ],
        Some(Harmless),
        "Packets left in a queue whose device went down or changed.",
    ),
    (
        &["nf_", "nft_", "ipt_", "ip6t_", "ebt_", "xt_", "nfqnl_"],
        Some(Policy),
        "The firewall dropped it: `nft list ruleset` or `iptables -L -v -n` shows which rule counts up.",
    ),
    (
        &["tcf_", "tcx_", "sch_handle_", "cls_bpf_", "mirred_", "tcf_mirred_"],
        Some(Policy),
        "Traffic control dropped it: `tc -s filter show dev IFACE ingress` (or egress) and `bpftool net`.",
    ),
    (&["wg_"], Some(Policy), "WireGuard has no peer, key or endpoint for it: `wg show`."),
    (
        &["xfrm_", "xfrm4_", "xfrm6_", "esp_", "esp6_", "ah_"],
        Some(Error),
        "IPsec could not handle it: /proc/net/xfrm_stat counts why, `ip xfrm state` shows the keys.",
    ),
    (
        &["ip6_mc_", "ip_mr_", "ip6_mr_", "igmp_", "mld_", "igmp6_"],
        Some(Harmless),
        "Multicast that nobody here has joined: `ip maddr` shows what is joined.",
    ),
    (
        &["arp_error_report", "ndisc_error_report", "neigh_", "__neigh_"],
        Some(Error),
        "The next hop does not answer ARP or neighbour discovery: `ip neigh`.",
    ),
    (&["arp_"], Some(Harmless), "ARP for other hosts' addresses, or a message that needs no answer."),
    (
        &["ndisc_"],
        Some(Protocol),
        "Neighbour discovery that was malformed or not for this host: `nstat -az | grep -i icmp6`.",
    ),
    (&["icmp_", "icmpv6_", "ping_"], Some(Protocol), "ICMP that nobody here waits for: `nstat -az | grep -i icmp`."),
    (
        &["raw_", "raw6_", "rawv6_", "__raw_"],
        Some(Protocol),
        "A copy for a raw socket that its owner does not want or has no room for: `ss -w -m`.",
    ),
    (
        &["tcp_"],
        Some(Protocol),
        "TCP had no use for the segment in its connection's state: `nstat -az | grep TcpExt` and `ss -ti`.",
    ),
    (
        &["udp_", "udpv6_", "__udp4_", "__udp6_", "udp6_", "__udp_"],
        Some(Protocol),
        "UDP had no use for the datagram: `nstat -az | grep Udp`.",
    ),
    (&["sctp_"], Some(Protocol), "SCTP had no use for the packet: /proc/net/sctp/snmp."),
    (&["ip_error"], Some(Error), "There is no route or no way back: `ip route get DESTINATION from SOURCE iif IFACE`."),
    (
        &["dst_discard"],
        Some(Policy),
        "A blackhole route, or one whose device has gone: `ip route get DESTINATION`, `ip -6 route show type blackhole`.",
    ),
    (
        &["ip_forward", "ip6_forward"],
        Some(Error),
        "A packet could not be forwarded: its TTL was used up, it was too large, or the route forbids it (`nstat -az | grep Ip`).",
    ),
    (
        &[
            "ip_rcv",
            "ip_local_deliver",
            "ip_sublist_rcv",
            "ip_list_rcv",
            "ipv6_rcv",
            "ip6_rcv",
            "ip6_input",
            "ip6_protocol_deliver",
            "ip_protocol_deliver",
            "ipv6_list_rcv",
            "ip6_list_rcv",
        ],
        Some(Protocol),
        "IP had no use for the packet: `nstat -az | grep -E 'Ip(6|Ext)?In'`.",
    ),
    (
        &["ip_frag_", "inet_frag", "ip_defrag", "ip6_frag", "ipv6_frag", "fqdir_", "ip_expire"],
        Some(Error),
        "Fragments that could not be put together: `nstat -az | grep Reasm`, and send what fits the MTU.",
    ),
    (
        &[
            "ip_finish_output",
            "ip6_finish_output",
            "ip_output",
            "ip6_output",
            "ip_mc_",
            "__ip_local_out",
            "ip_queue_xmit",
            "__ip_queue_xmit",
            "ip6_xmit",
            "ip_fragment",
            "ip_do_fragment",
        ],
        Some(Error),
        "A packet to be sent found no way out: `ip route get DESTINATION`, `ip neigh`, and the interface's MTU.",
    ),
    (
        &["br_"],
        Some(Policy),
        "A bridge has no port to send it to, or the port may not: `bridge link`, `bridge vlan`, `bridge fdb`.",
    ),
    (
        &["vlan_", "__vlan_", "macvlan_", "ipvlan_", "macvtap_"],
        Some(Protocol),
        "No interface stands for this VLAN or address: `ip -d link`, `bridge vlan`.",
    ),
    (
        &[
            "vxlan_",
            "geneve_",
            "gre_",
            "__gre_",
            "ip_tunnel_",
            "ip6_tnl_",
            "ip6gre_",
            "ipip_",
            "sit_",
            "tunnel4_",
            "tunnel6_",
            "bareudp_",
        ],
        Some(Protocol),
        "No tunnel here wants it, or it could not be wrapped: `ip -d -s link show type vxlan` (or its type).",
    ),
    (
        &["tun_", "tap_"],
        Some(Resource),
        "The tap's reader is away or too slow: look at the hypervisor or VPN, and `ip -s link`.",
    ),
    (
        &["do_xdp_generic", "netif_receive_generic_xdp", "bpf_prog_run_generic_xdp", "veth_xdp_rcv"],
        Some(Policy),
        "An XDP program dropped it: `ip link show IFACE` and `bpftool net` say which.",
    ),
    (&["veth_"], Some(Resource), "The other end of the pair is down or has no room: `ip -s link`, `ethtool -S IFACE`."),
    (&["bond_"], Some(Error), "The bond has no port that is up: cat /proc/net/bonding/IFACE."),
    (
        &["enqueue_to_backlog", "netif_rx"],
        Some(Resource),
        "A CPU's backlog is full: raise net.core.netdev_max_backlog (`netrig queues`).",
    ),
    (
        &[
            "__dev_queue_xmit",
            "dev_queue_xmit",
            "dev_hard_start_xmit",
            "__dev_direct_xmit",
            "sch_direct_xmit",
            "validate_xmit_skb",
        ],
        Some(Error),
        "A packet could not be handed to the device: `ip -s link show IFACE`, `tc -s qdisc show dev IFACE`.",
    ),
    (
        &["__netif_receive_skb", "netif_receive_skb"],
        Some(Harmless),
        "No one here speaks this EtherType: the packets are not for this host.",
    ),
    (
        &["dev_kfree_skb", "__dev_kfree_skb", "net_tx_action", "napi_consume_skb", "dev_consume_skb"],
        None,
        "A driver freed it this way, as some do with what they have sent: it was lost only if tx_dropped or `ethtool -S IFACE` counts it too.",
    ),
];

/// Beginnings of functions that only what was received passes, before the stack takes it.
const RECEIVING: &[&str] = &[
    "veth_xdp_rcv",
    "do_xdp_generic",
    "netif_receive_generic_xdp",
    "bpf_prog_run_generic_xdp",
    "enqueue_to_backlog",
    "netif_rx",
    "tun_get_user",
    "tun_xdp_one",
    "tap_get_user",
];

pub(super) fn receives(function: &str) -> bool {
    RECEIVING.iter().any(|start| function.starts_with(start))
}

pub(super) fn meaning(function: &str) -> Option<Meaning> {
    let fits = |(starts, ..): &&Place| starts.iter().any(|start| function.starts_with(start));
    PLACES.iter().find(fits).map(|(_, class, advice)| Meaning { class: *class, advice })
}

#[cfg(test)]
pub(super) fn sentences() -> impl Iterator<Item = &'static str> {
    PLACES.iter().map(|(.., advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_stands_in_the_shadow_of_a_coarser_one() {
        let found = |start: &str| PLACES.iter().position(|(starts, ..)| starts.iter().any(|s| start.starts_with(s)));
        let all = PLACES.iter().enumerate().flat_map(|(at, (starts, ..))| starts.iter().map(move |start| (at, *start)));
        let hidden: Vec<_> = all.filter(|(at, start)| found(start) != Some(*at)).collect();
        assert!(hidden.is_empty(), "{hidden:?}");
    }
}
