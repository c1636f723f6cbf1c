//! The drop probe's picture.

use netrig_model::*;

pub(crate) fn group(source: DropSource, reason: &str, class: Option<DropClass>, packets: u64) -> DropGroup {
    DropGroup {
        source,
        reason: reason.to_owned(),
        class,
        place: None,
        iface: None,
        netns: None,
        direction: None,
        family: None,
        packets,
        bytes: (source == DropSource::Skb).then_some(packets * 60),
        flows: Vec::new(),
        examples: Vec::new(),
    }
}

/// A counter of an interface.
pub(crate) fn counter(source: DropSource, iface: &str, reason: &str, packets: u64) -> DropGroup {
    DropGroup { iface: Some(iface.to_owned()), ..group(source, reason, Some(DropClass::Resource), packets) }
}

pub(crate) fn status() -> DropStatus {
    use DropClass::{Error, Harmless, Policy, Resource};
    use DropSource::{Device, Qdisc, Skb, Socket, Softnet, Table, Xdp};
    let placed = |group, place: &str| DropGroup { place: Some(place.to_owned()), ..group };
    DropStatus {
        groups: vec![
            placed(group(Skb, "NOT_SPECIFIED", Some(Harmless), 900), "unix_stream_read_generic+0x4c1"),
            placed(group(Skb, "SOCKET_RCVBUFF", Some(Resource), 40), "udp_queue_rcv_one_skb+0x2a3"),
            placed(group(Skb, "SOCKET_RCVBUFF", Some(Resource), 2), "tcp_data_queue+0x11"),
            group(Skb, "NOT_SPECIFIED", None, 7),
            group(Skb, "NETFILTER_DROP", Some(Policy), 5),
            group(Skb, "IP_CSUM", Some(Error), 3),
            group(Skb, "OTHER", None, 1),
            group(Socket, "SOCK_RCVQUEUE_FULL", Some(Resource), 42),
            counter(Xdp, "eth0", "XDP_EXCEPTION", 6),
            counter(Device, "eth0", "rx_missed_errors", 11),
            counter(Device, "odd\"\\name", "rx_missed_errors", 2),
            counter(Qdisc, "eth0", "tbf 8001:", 13),
            group(Softnet, "dropped", Some(Resource), 17),
            group(Table, "nf_conntrack_early_drop", Some(Resource), 19),
        ],
        uncounted: 4,
        examples_lost: 8,
        places: 21,
        places_max: 784,
        bytes: 2_097_152,
    }
}
