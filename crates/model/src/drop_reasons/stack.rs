//! Reasons of the stack itself: sockets, IP, neighbours, queues, devices.

use super::Entry;
use crate::DropClass::{Error, Harmless, Policy, Protocol, Resource};

/// What these mean only their place can say.
pub(super) const WITHOUT_CLASS: &[&str] = &["NOT_SPECIFIED", "OTHER", "MAX", "SUBSYS_MASK"];

pub(super) const REASONS: &[Entry] = &[
    (
        &["NOT_SPECIFIED"],
        Protocol,
        "The kernel gives no reason here: the place says which function threw the packet away.",
    ),
    (
        &["OTHER"],
        Protocol,
        "More reasons and places than the table holds: these are counted together, and other rows say what is dropped most.",
    ),
    (&["NOT_DROPPED_YET", "CONSUMED"], Harmless, "The packet was used up in the ordinary way: nothing was lost."),
    (
        &["MAX", "SUBSYS_MASK"],
        Protocol,
        "No reason of the kernel's but a bound of its numbers: a module counts wrongly.",
    ),
    // Sockets.
    (
        &["NO_SOCKET"],
        Protocol,
        "Nobody listens on this port: start the service, or stop who sends (`ss -lntu` shows what listens).",
    ),
    (
        &["SOCKET_CLOSE"],
        Harmless,
        "Unread packets of a socket that was closed: the program did not want them any more.",
    ),
    (
        &["SOCKET_FILTER"],
        Policy,
        "A filter of the socket's owner refused the packet (SO_ATTACH_FILTER or a cgroup's program): `ss -0b` and `bpftool cgroup tree` show them.",
    ),
    (
        &["SOCKET_RCVBUFF"],
        Resource,
        "The socket's receive buffer is full as its program reads too slowly: raise SO_RCVBUF and net.core.rmem_max, or read faster (`ss -um`).",
    ),
    (
        &["SOCKET_BACKLOG"],
        Resource,
        "Packets came faster than the busy socket's owner could take them: read in fewer, larger calls, or raise SO_RCVBUF and net.ipv4.tcp_rmem.",
    ),
    (
        &["PROTO_MEM"],
        Resource,
        "All sockets of the protocol together use up its memory: raise net.ipv4.udp_mem or tcp_mem (`cat /proc/net/sockstat`).",
    ),
    (&["UNIX_DISCONNECT"], Harmless, "Unread messages of a Unix socket that has reconnected or closed."),
    (&["UNIX_SKIP_OOB"], Harmless, "Out-of-band data of a Unix socket that its reader passed over."),
    (
        &["PACKET_SOCK_ERROR"],
        Resource,
        "A capture could not take its copy, most often as its buffer is full: give it more (`tcpdump -B`) or a narrower filter; the packet itself went on.",
    ),
    (
        &["SKB_UCOPY_FAULT"],
        Error,
        "Data could not be copied from or to a program's memory: the program gave a bad address, or is under memory pressure.",
    ),
    // Checks of packets.
    (&["PKT_TOO_SMALL"], Protocol, "A packet shorter than its headers say: a broken sender, or a scan."),
    (&["HDR_TRUNC"], Protocol, "A packet ends within its headers: a broken sender or tunnel, or a scan."),
    (
        &["UDP_CSUM"],
        Error,
        "A datagram was damaged on the way: look at `ethtool -S` for CRC errors, and try `ethtool -K IFACE rx off` to rule out the device.",
    ),
    (
        &["IP_CSUM"],
        Error,
        "An IP header's checksum is wrong: look for a broken device or link on the way (`ethtool -S`).",
    ),
    (
        &["ICMP_CSUM"],
        Error,
        "An ICMP message's checksum is wrong: look for a broken device or sender (`nstat -az IcmpInCsumErrors`).",
    ),
    (
        &["SKB_CSUM"],
        Error,
        "A checksum could not be computed: switch checksum offload off to see whether the driver is to blame (`ethtool -K IFACE tx off`).",
    ),
    (
        &["SKB_GSO_SEG"],
        Error,
        "A large packet could not be cut into segments: switch segmentation offload off to try (`ethtool -K IFACE tso off gso off`).",
    ),
    (
        &["IP_INHDR"],
        Protocol,
        "An IP header makes no sense (version, length, or TTL used up): a broken sender or a routing loop (`nstat -az IpInHdrErrors`).",
    ),
    (&["IP_NOPROTO"], Protocol, "No one here speaks this IP protocol: load its module, or stop who sends."),
    (
        &["INVALID_PROTO"],
        Protocol,
        "The packet breaks its protocol's rules, such as ICMP by broadcast: look at who sends it.",
    ),
    (
        &["UNHANDLED_PROTO", "PTYPE_ABSENT"],
        Harmless,
        "No one here speaks this EtherType (such as LLDP, STP or another VLAN's): the packets are not for this host.",
    ),
    (
        &["UNICAST_IN_L2_MULTICAST"],
        Protocol,
        "A unicast IP packet in a broadcast frame: a switch floods or a load balancer uses multicast MACs (net.ipv4.conf.*.drop_unicast_in_l2_multicast).",
    ),
    (
        &["OTHERHOST"],
        Harmless,
        "Frames for other hosts, seen as the interface is promiscuous or the switch floods: nothing of this host's was lost.",
    ),
    (
        &["PKT_TOO_BIG"],
        Error,
        "The packet is larger than the way allows: compare the MTUs of interfaces and tunnels, and let ICMP `packet too big` pass.",
    ),
    (
        &["DUP_FRAG"],
        Protocol,
        "A fragment came twice: the network duplicates packets, or fragments overlap as in an attack.",
    ),
    (
        &["FRAG_REASM_TIMEOUT"],
        Error,
        "A datagram's fragments did not all come in time: the way loses some, better to send what fits the MTU (net.ipv4.ipfrag_time).",
    ),
    (
        &["FRAG_TOO_FAR"],
        Protocol,
        "A fragment came too long after its fellows: the way reorders packets heavily (net.ipv4.ipfrag_max_dist).",
    ),
    // Policy.
    (
        &["NETFILTER_DROP"],
        Policy,
        "A rule of the firewall dropped it: `nft list ruleset` or `iptables -L -v -n` shows which rule counts up.",
    ),
    (
        &["XFRM_POLICY"],
        Policy,
        "IPsec's policy wants it otherwise, encrypted or in the clear: `ip xfrm policy` and /proc/net/xfrm_stat.",
    ),
    (
        &["BPF_CGROUP_EGRESS"],
        Policy,
        "A BPF program of the sender's control group refused it: `bpftool cgroup tree` shows which.",
    ),
    (
        &["SECURITY_HOOK"],
        Policy,
        "A security module (SELinux, Smack, AppArmor) refused it: look at `ausearch -m avc` or the kernel's log.",
    ),
    (
        &["XDP"],
        Policy,
        "An XDP program dropped it before the stack saw it: `ip link` shows which program, `bpftool prog` what it is.",
    ),
    (
        &["TC_INGRESS"],
        Policy,
        "A filter or BPF program on arrival dropped it: `tc -s filter show dev IFACE ingress` and `bpftool net`.",
    ),
    (
        &["TC_EGRESS"],
        Policy,
        "A filter or BPF program on departure dropped it: `tc -s filter show dev IFACE egress` and `bpftool net`.",
    ),
    (
        &["TC_ERROR", "TC_COOKIE_ERROR"],
        Error,
        "A traffic control filter failed within: look at `tc -s filter show` and at memory.",
    ),
    (&["TC_CHAIN_NOTFOUND"], Error, "A filter jumps to a chain that does not exist: `tc chain show dev IFACE`."),
    (
        &["TC_RECLASSIFY_LOOP"],
        Error,
        "Filters send packets round in a circle: look for `reclassify` in `tc filter show dev IFACE`.",
    ),
    (
        &["TAP_FILTER"],
        Policy,
        "A BPF filter of the tap device refused it (TUNSETFILTEREBPF, TUNSETSTEERINGEBPF): its hypervisor or VPN set it.",
    ),
    (
        &["TAP_TXFILTER"],
        Policy,
        "The tap's address filter refused it (TUNSETTXFILTER): the guest has not asked for this MAC address.",
    ),
    (
        &["ARP_PVLAN_DISABLE"],
        Policy,
        "A proxied ARP answer would go back the way it came: net.ipv4.conf.IFACE.proxy_arp_pvlan allows it.",
    ),
    (
        &["PSP_INPUT", "PSP_OUTPUT"],
        Policy,
        "The connection is to be encrypted by PSP and the packet was not, or with another key: compare both ends' PSP settings.",
    ),
    // Addresses and routes.
    (
        &["IP_RPFILTER"],
        Policy,
        "The way back to the source leads elsewhere: correct the routes, or set net.ipv4.conf.*.rp_filter = 2 where routes are asymmetric.",
    ),
    (
        &["IP_LOCAL_SOURCE"],
        Error,
        "A packet came from outside with this host's own address as its source: look for a duplicate address or a loop (net.ipv4.conf.*.accept_local).",
    ),
    (
        &["IP_INVALID_SOURCE"],
        Error,
        "A source address that nobody may have (multicast, broadcast, 0.0.0.0): a broken or forging sender (net.ipv4.conf.*.log_martians).",
    ),
    (
        &["IP_LOCALNET"],
        Policy,
        "A loopback address on a real interface: net.ipv4.conf.IFACE.route_localnet allows it where it is meant.",
    ),
    (
        &["IP_INVALID_DEST"],
        Error,
        "A destination address that nobody may have (0.0.0.0, limited broadcast to be forwarded): a broken sender.",
    ),
    (
        &["IP_INADDRERRORS"],
        Error,
        "The destination is not this host's and may not be forwarded: set net.ipv4.ip_forward = 1 where this host is a router.",
    ),
    (
        &["IP_INNOROUTES"],
        Error,
        "A packet to be forwarded has no route: `ip route get DESTINATION from SOURCE iif IFACE`.",
    ),
    (&["IP_OUTNOROUTES"], Error, "A packet to be sent has no route any more: `ip route get DESTINATION`."),
    (&["IPV6DISABLED"], Policy, "IPv6 is switched off on the interface: net.ipv6.conf.IFACE.disable_ipv6."),
    (
        &["IPV6_BAD_EXTHDR", "IP6_BAD_EXTHDR"],
        Protocol,
        "A malformed IPv6 extension header: a broken sender, or a scan.",
    ),
    (
        &["IPV6_NDISC_FRAG"],
        Protocol,
        "Neighbour discovery in fragments, which is forbidden (net.ipv6.conf.*.suppress_frag_ndisc): a broken sender or an attack.",
    ),
    (
        &["IPV6_NDISC_HOP_LIMIT"],
        Protocol,
        "Neighbour discovery from beyond a router, which is forbidden: somebody forges it.",
    ),
    (&["IPV6_NDISC_BAD_CODE"], Protocol, "Neighbour discovery with a code that is not 0: a broken sender."),
    (&["IPV6_NDISC_BAD_OPTIONS"], Protocol, "Neighbour discovery with malformed options: a broken sender."),
    (&["IPV6_NDISC_NS_OTHERHOST"], Harmless, "Somebody looks for another host's address: neighbour discovery at work."),
    // Neighbours.
    (
        &["NEIGH_CREATEFAIL"],
        Resource,
        "No room for another neighbour: raise net.ipv4.neigh.default.gc_thresh3 (and ipv6's), look at `ip neigh | wc -l`.",
    ),
    (
        &["NEIGH_FAILED"],
        Error,
        "The next hop does not answer ARP or neighbour discovery: `ip neigh` shows FAILED, look at the host, its switch and its VLAN.",
    ),
    (
        &["NEIGH_QUEUEFULL"],
        Error,
        "Too many packets wait for a next hop that does not answer: `ip neigh`, then net.ipv4.neigh.*.unres_qlen_bytes.",
    ),
    (&["NEIGH_DEAD"], Harmless, "The neighbour's entry was being removed: the next packet makes a new one."),
    (
        &["NEIGH_HH_FILLFAIL"],
        Error,
        "The neighbour's hardware header could not be written: the device changed or its headers do not fit.",
    ),
    // Queues.
    (
        &["QDISC_DROP"],
        Resource,
        "A queueing discipline has no room or chose to drop: `tc -s qdisc show dev IFACE`, then its limit or rate; or its link has no carrier (`ip link`).",
    ),
    (
        &["QDISC_OVERLIMIT"],
        Resource,
        "A queueing discipline's limit is reached: `tc -s qdisc show dev IFACE`, then raise limit or rate, or let senders pace.",
    ),
    (
        &["QDISC_CONGESTED"],
        Resource,
        "Active queue management dropped it as packets waited too long: `tc -s qdisc show dev IFACE`; TCP slows down by it, as is meant.",
    ),
    (
        &["CAKE_FLOOD"],
        Policy,
        "CAKE drops a flow that does not slow down: look who sends it (`tc -s qdisc show dev IFACE`).",
    ),
    (
        &["FQ_BAND_LIMIT"],
        Resource,
        "A band of fq is full: `tc -s qdisc show dev IFACE` shows band_drops, then raise `limit`.",
    ),
    (
        &["FQ_HORIZON_LIMIT"],
        Error,
        "A packet's departure time lies too far in the future for fq: look at SO_TXTIME, SO_MAX_PACING_RATE and fq's `horizon`.",
    ),
    (
        &["FQ_FLOW_LIMIT"],
        Resource,
        "One flow has too many packets in fq: raise `flow_limit`, or let the program pace (`tc -s qdisc show dev IFACE`).",
    ),
    (
        &["DUALPI2_STEP_DROP"],
        Resource,
        "DualPI2 dropped a packet that had waited too long and cannot be marked: `tc -s qdisc show dev IFACE`.",
    ),
    (
        &["CPU_BACKLOG"],
        Resource,
        "A CPU's backlog of received packets is full: raise net.core.netdev_max_backlog, spread interrupts or RPS over CPUs (`netrig queues`).",
    ),
    (
        &["FULL_RING"],
        Resource,
        "The ring to a device or a tap's reader is full: raise its size (`ethtool -G`, a tap's txqueuelen), or let its reader be faster.",
    ),
    (&["QUEUE_PURGE"], Harmless, "A queue was emptied as its socket or device went away."),
    (&["NOMEM"], Resource, "The kernel found no memory for it: look at `free -m` and vm.min_free_kbytes."),
    (
        &["PFMEMALLOC"],
        Resource,
        "Memory was so short that only the reserve was left, which is not for this socket: raise vm.min_free_kbytes.",
    ),
    // Devices, bridges, tunnels.
    (
        &["DEV_HDR"],
        Error,
        "The device's own header is wrong: its driver, hypervisor or tap's program does not keep to the format.",
    ),
    (
        &["DEV_READY"],
        Error,
        "The device is down or not ready: `ip -s link show IFACE`; as it comes or goes this is ordinary.",
    ),
    (
        &["NO_TX_TARGET"],
        Error,
        "The device has nobody to send to (a bond without ports, a VXLAN without a remote): `ip -d link show IFACE`, `bridge fdb`.",
    ),
    (
        &["RECURSION_LIMIT"],
        Error,
        "Devices are stacked in a circle, the packet came back too often: look at tunnels and redirects (`ip -d link`).",
    ),
    (
        &["VXLAN_INVALID_HDR"],
        Protocol,
        "A malformed VXLAN header: compare the extensions (GBP, GPE) of both ends with `ip -d link`.",
    ),
    (
        &["VXLAN_VNI_NOT_FOUND"],
        Protocol,
        "No VXLAN interface here has this network number: compare the ends' VNIs with `ip -d link`.",
    ),
    (
        &["VXLAN_ENTRY_EXISTS"],
        Policy,
        "The sender's MAC is known to live elsewhere and may not move: `bridge fdb show dev IFACE`.",
    ),
    (
        &["MAC_INVALID_SOURCE"],
        Error,
        "A frame's source MAC is none that a sender may have, or is the interface's own: look for a loop or a forger.",
    ),
    (&["LOCAL_MAC"], Error, "A frame came with this host's own MAC as its source: look for a loop in the network."),
    (&["MAC_IEEE_MAC_CONTROL"], Harmless, "Ethernet control frames (PAUSE) that a bridge must not forward."),
    (
        &["BRIDGE_INGRESS_STP_STATE"],
        Policy,
        "The bridge's port is blocked or still learning: `bridge link`; after a change this lasts for its forward_delay.",
    ),
    (
        &["IP_TUNNEL_ECN"],
        Protocol,
        "A tunnel's outer header says congestion and the inner one cannot carry it: a hop or the other end treats ECN wrongly.",
    ),
    (
        &["TUNNEL_TXINFO"],
        Error,
        "A tunnel device got a packet without being told where to: set the remote, or the route's `encap`.",
    ),
    (
        &["CAN_RX_INVALID_FRAME", "CANFD_RX_INVALID_FRAME", "CANXL_RX_INVALID_FRAME"],
        Protocol,
        "No valid CAN frame: somebody writes other packets to a CAN device.",
    ),
];
