//! Records of drops.

use super::{START, WINDOW_NS};
use netrig_model::*;

/// So many packets of 100 octets that were dropped on eth0's ingress in the window of this number.
pub(crate) fn dropped(
    source: DropSource,
    reason: &str,
    class: Option<DropClass>,
    packets: u64,
    window: i64,
) -> DropRecord {
    let window_start = START.plus_ns(window * WINDOW_NS);
    DropRecord {
        window_start,
        window_end: window_start.plus_ns(WINDOW_NS),
        host: Some("lab".to_owned()),
        source,
        reason: reason.to_owned(),
        class,
        place: None,
        iface: Some("eth0".to_owned()),
        netns: None,
        direction: Some(Direction::Ingress),
        family: None,
        protocol: None,
        transport: None,
        src_addr: None,
        src_port: None,
        dst_addr: None,
        dst_port: None,
        packets,
        bytes: (source == DropSource::Skb).then_some(packets * 100),
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        example: None,
    }
}

/// The same at a place of the kernel, of a flow of this process.
pub(crate) fn of_flow(record: DropRecord, place: &str, src: &str, dst: &str, process: Option<&str>) -> DropRecord {
    let [src, dst] = [src, dst].map(|text| text.parse::<std::net::SocketAddr>().expect("address"));
    DropRecord {
        place: Some(place.to_owned()),
        family: Some(if src.is_ipv4() { PacketFamily::Ipv4 } else { PacketFamily::Ipv6 }),
        protocol: Some(17),
        transport: Some("udp".to_owned()),
        src_addr: Some(src.ip()),
        src_port: Some(src.port()),
        dst_addr: Some(dst.ip()),
        dst_port: Some(dst.port()),
        process: process.map(str::to_owned),
        ..record
    }
}
