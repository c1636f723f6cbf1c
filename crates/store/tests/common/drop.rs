//! A drop's record for tests, of this crate and of others: `#[path]` brings it there.

use netrig_model::{Direction, DropClass, DropRecord, DropSource, PacketFamily, Timestamp};
use std::net::Ipv4Addr;

/// Who counted, the reason, what it means, and where.
type Kind = (DropSource, &'static str, Option<DropClass>, Option<&'static str>);

const KINDS: [Kind; 6] = [
    (DropSource::Skb, "SOCKET_RCVBUFF", Some(DropClass::Resource), Some("udp_queue_rcv_one_skb+0x2a3")),
    (DropSource::Skb, "QDISC_DROP", Some(DropClass::Resource), Some("dev_qdisc_enqueue+0x51")),
    (DropSource::Skb, "NO_SOCKET", Some(DropClass::Protocol), Some("__udp4_lib_rcv+0x4c7")),
    (DropSource::Skb, "#97", None, Some("nf_hook_slow+0xc3")),
    (DropSource::Device, "rx_dropped", Some(DropClass::Resource), None),
    (DropSource::Table, "nf_conntrack_early_drop", Some(DropClass::Resource), None),
];

/// The record number `n` of a window: plain, and told apart by its packets, which are `n` + 1. The kinds come in turn: a full
/// receive buffer, a full queueing discipline, a port that no one listens on, a rest without flows, and counters of a device
/// and a table.
pub(crate) fn drop_record(window: (Timestamp, Timestamp), n: u64) -> DropRecord {
    let round = n / KINDS.len() as u64;
    let (source, reason, class, place) = KINDS[(n % KINDS.len() as u64) as usize];
    let (skb, egress) = (source == DropSource::Skb, reason == "QDISC_DROP");
    let flow = skb && class.is_some();
    let (here, there) = (Ipv4Addr::new(10, 1, 0, 1), Ipv4Addr::new(10, 2, 0, (round % 61) as u8));
    let (src, dst) = if egress { (here, there) } else { (there, here) };
    let owned = matches!(reason, "SOCKET_RCVBUFF" | "QDISC_DROP");
    DropRecord {
        window_start: window.0,
        window_end: window.1,
        host: Some("rig-1".into()),
        source,
        reason: reason.into(),
        class,
        place: place.map(str::to_owned),
        iface: (source != DropSource::Table).then(|| if round.is_multiple_of(2) { "eth0" } else { "eth1" }.into()),
        netns: skb.then_some(4_026_531_840),
        direction: skb.then_some(if egress { Direction::Egress } else { Direction::Ingress }),
        family: skb.then_some(PacketFamily::Ipv4),
        protocol: flow.then_some(if egress { 6 } else { 17 }),
        transport: flow.then(|| if egress { "tcp" } else { "udp" }.into()),
        src_addr: flow.then_some(src.into()),
        src_port: flow.then_some(32_768 + (n * 37 % 28_000) as u16),
        dst_addr: flow.then_some(dst.into()),
        dst_port: flow.then_some([53, 443, 4789, 8125][(round % 4) as usize]),
        packets: n + 1,
        bytes: skb.then_some((n + 1) * 611),
        process: owned.then(|| if egress { "nginx" } else { "resolver" }.into()),
        pid: owned.then_some(4711),
        cgroup: owned.then(|| "/system.slice/demo.service".into()),
        container: owned.then(|| "demo.service".into()),
        example: (reason == "NO_SOCKET").then(|| format!("4500002c{n:04x}400040110a01000100350035")),
    }
}

/// Records `from..to` of a window.
pub(crate) fn drop_records(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<DropRecord> {
    (from..to).map(|n| drop_record(window, n)).collect()
}
