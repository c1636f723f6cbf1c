//! Reasons of modules with lists of their own, and those of netrig's own programs.

use super::{Entry, Meaning};
use crate::DropClass::{Error, Harmless, Policy, Protocol, Resource};

const DECRYPTION: &str = "A Wi-Fi frame could not be decrypted or its check failed: compare keys (`wpa_cli status`), look at the signal (`iw dev`).";
const UNPROTECTED: &str =
    "A Wi-Fi frame came in the clear that must be protected: a misconfigured or hostile sender (802.11w).";
const MALFORMED: &str = "A Wi-Fi frame that this station cannot use: malformed, not for it, or out of place.";
const NO_MEMORY: &str = "The kernel found no memory for a Wi-Fi frame: look at `free -m` and vm.min_free_kbytes.";

pub(super) const REASONS: &[Entry] = &[
    // Open vSwitch.
    (
        &["OVS_DROP_LAST_ACTION"],
        Policy,
        "A flow of Open vSwitch has no action for it: `ovs-dpctl dump-flows` and `ovs-appctl ofproto/trace` show which.",
    ),
    (
        &["OVS_DROP_ACTION_ERROR"],
        Error,
        "An action of Open vSwitch failed: look at `ovs-dpctl dump-flows` and the kernel's log.",
    ),
    (
        &["OVS_DROP_EXPLICIT"],
        Policy,
        "A flow of Open vSwitch says drop: `ovs-ofctl dump-flows BRIDGE` shows which one counts up.",
    ),
    (
        &["OVS_DROP_EXPLICIT_WITH_ERROR"],
        Error,
        "Open vSwitch's pipeline gave the packet up for an error: `ovs-appctl ofproto/trace` shows where.",
    ),
    (&["OVS_DROP_METER"], Policy, "A meter of Open vSwitch is exceeded: `ovs-ofctl -O OpenFlow13 meter-stats BRIDGE`."),
    (
        &["OVS_DROP_RECURSION_LIMIT"],
        Error,
        "Open vSwitch's recirculation goes too deep: look for a loop with `ovs-appctl ofproto/trace`.",
    ),
    (
        &["OVS_DROP_DEFERRED_LIMIT"],
        Resource,
        "Too many deferred actions of Open vSwitch at once: simplify the pipeline's clones and recirculations.",
    ),
    (
        &["OVS_DROP_FRAG_L2_TOO_LONG"],
        Error,
        "A packet to be fragmented has too long a link header: look at stacked VLAN and MPLS headers.",
    ),
    (
        &["OVS_DROP_FRAG_INVALID_PROTO"],
        Error,
        "A packet too large for its port is no IP and cannot be fragmented: compare the MTUs.",
    ),
    (
        &["OVS_DROP_CONNTRACK"],
        Error,
        "Connection tracking of Open vSwitch refused it: look at zone limits and `ovs-appctl dpctl/ct-stats-show`.",
    ),
    (&["OVS_DROP_IP_TTL"], Protocol, "The packet's TTL was used up: look for a routing loop."),
    // mac80211: what is not here is known by its family.
    (
        &["RX_CONTINUE", "RX_QUEUED", "RX_DROP_U_DUP"],
        Harmless,
        "A Wi-Fi frame that came again or was used up in the ordinary way.",
    ),
    (&["RX_DROP", "RX_DROP_MONITOR", "RX_DROP_UNUSABLE"], Protocol, MALFORMED),
    (
        &["RX_DROP_M_UNEXPECTED_4ADDR_FRAME", "RX_DROP_U_BAD_4ADDR", "RX_DROP_U_UNEXPECTED_4ADDR_FRAME"],
        Protocol,
        "A Wi-Fi frame with four addresses where none is used: switch on WDS (`iw dev IFACE set 4addr on`) where it is meant.",
    ),
    (
        &["RX_DROP_U_SPURIOUS"],
        Protocol,
        "A Wi-Fi frame from a station that is not associated: it is told to leave, and associates anew.",
    ),
    (
        &["RX_DROP_U_AP_RX_GROUPCAST"],
        Protocol,
        "A station sent to the group directly rather than through its access point: a broken or hostile sender.",
    ),
    // Netrig's own programs.
    (
        &["SOCK_RCVQUEUE_FULL"],
        Resource,
        "A socket's receive queue is over its limit: raise SO_RCVBUF and net.core.rmem_max, or read faster (`ss -m`).",
    ),
    (
        &["UDP_FAIL_QUEUE_RCV_SKB"],
        Resource,
        "UDP could not queue a datagram, its socket's buffer or all of UDP's memory being full: raise SO_RCVBUF or net.ipv4.udp_mem (`ss -um`).",
    ),
    (
        &["SOCK_EXCEED_BUF_LIMIT"],
        Resource,
        "A socket asked for more memory than its protocol has: raise net.ipv4.tcp_mem or udp_mem (`cat /proc/net/sockstat`).",
    ),
    (
        &["XDP_EXCEPTION"],
        Error,
        "An XDP program returned XDP_ABORTED, an unknown action, or one that the driver could not do: the place names the program.",
    ),
    (
        &["XDP_REDIRECT_ERR"],
        Error,
        "An XDP program's redirect failed: its map has no such entry, or the target is down or without XDP.",
    ),
    (
        &["XDP_DEVMAP_XMIT"],
        Resource,
        "The target of an XDP redirect could not send all frames: its ring is full or too few queues take part (`ethtool -g`, `ethtool -l`).",
    ),
    (
        &["XDP_CPUMAP_ENQUEUE"],
        Resource,
        "The queue to another CPU of an XDP redirect is full: give its cpumap entry a larger qsize, or spread over more CPUs.",
    ),
    (
        &["XDP_BULK_TX"],
        Resource,
        "A driver could not send all frames of XDP_TX: its ring is full (`ethtool -g`, `ethtool -S`).",
    ),
];

/// What a name not in the table means by the module's prefix.
pub(super) fn by_family(reason: &str) -> Option<Meaning> {
    let (class, advice) = if let Some(wifi) = reason.strip_prefix("RX_DROP_") {
        wifi_meaning(wifi)
    } else if reason.starts_with("OVS_DROP_") || reason == "__OVS_DROP_REASON" {
        (Policy, "Open vSwitch dropped it: `ovs-ofctl dump-flows BRIDGE` and `ovs-appctl ofproto/trace` show why.")
    } else {
        return None;
    };
    Some(Meaning { class: Some(class), advice })
}

fn wifi_meaning(name: &str) -> (crate::DropClass, &'static str) {
    const OF_KEYS: [&str; 14] = [
        "MIC",
        "REPLAY",
        "MMIE",
        "DECRYPT",
        "DEC_FAIL",
        "KEY",
        "CIPHER",
        "NONSEQ_PN",
        "IV",
        "ICV",
        "TKIP",
        "CCMP",
        "GCMP",
        "MAC",
    ];
    if name.contains("UNPROT") || name.contains("EXPECT_DEFRAG_PROT") {
        (Policy, UNPROTECTED)
    } else if name.contains("OOM") {
        (Resource, NO_MEMORY)
    } else if OF_KEYS.iter().any(|word| name.contains(word)) {
        (Error, DECRYPTION)
    } else {
        (Protocol, MALFORMED)
    }
}
