use super::*;
use crate::plan::Plan;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

const KINDS: [FrameKind; 9] = [
    FrameKind::Udp,
    FrameKind::Udp6,
    FrameKind::Syn,
    FrameKind::FirstFragment,
    FrameKind::LaterFragment,
    FrameKind::Vxlan,
    FrameKind::Gre,
    FrameKind::IpInIp,
    FrameKind::Vlan,
];

fn template(frame: FrameKind, bytes: u16) -> Template {
    Template::of(&Flood { frame, bytes, ..Flood::default() })
}

/// What the kernel's program makes of a template.
fn frame_of(template: &Template, flow: u32) -> Vec<u8> {
    let mut octets = template.octets.clone();
    let (source, port, id) = ((flow / PORTS) as u16, (1024 + flow % PORTS) as u16, flow as u16);
    let ne = |number: u16| u32::from(u16::from_ne_bytes(number.to_be_bytes()));
    let mut put = |at: usize, number: u16| octets[at..at + 2].copy_from_slice(&number.to_be_bytes());
    template.source_at.into_iter().for_each(|at| put(at, source));
    template.port_at.into_iter().for_each(|at| put(at, port));
    template.id_at.into_iter().for_each(|at| put(at, id));
    if let Some((at, sum)) = template.ip_check {
        let id = if template.id_at.is_some() { ne(id) } else { 0 };
        octets[at..at + 2].copy_from_slice(&complement(sum + ne(source) + id).to_ne_bytes());
    }
    if let Some((at, sum)) = template.check {
        octets[at..at + 2].copy_from_slice(&complement(sum + ne(source) + ne(port)).to_ne_bytes());
    }
    octets
}

#[test]
fn every_kind_is_read_by_somebody_else_and_its_ipv4_checksums_hold() {
    for kind in KINDS {
        let octets = frame_of(&template(kind, 200), 3 * PORTS + 77);
        let packet = SlicedPacket::from_ethernet(&octets).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        match packet.net {
            Some(NetSlice::Ipv4(ip)) => {
                assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum(), "{kind:?}");
                let length = usize::from(ip.header().total_len());
                assert_eq!(length, octets.len() - if kind == FrameKind::Vlan { 18 } else { 14 } - unpadded(kind));
            }
            Some(NetSlice::Ipv6(ip)) => assert_eq!(usize::from(ip.header().payload_length()), octets.len() - 54),
            other => panic!("{kind:?}: {other:?}"),
        }
    }
}

/// A SYN has no data: what is behind it is padding.
fn unpadded(kind: FrameKind) -> usize {
    if kind == FrameKind::Syn { 200 - 54 } else { 0 }
}

#[test]
fn checksums_of_tcp_and_of_udp_over_ipv6_hold_for_any_flow() {
    for flow in [0, 1, 63_999, 64_000, 4_000_000_000] {
        let octets = frame_of(&template(FrameKind::Syn, 74), flow);
        let packet = SlicedPacket::from_ethernet(&octets).expect("a SYN");
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (packet.net, packet.transport) else {
            panic!("no TCP over IPv4");
        };
        let sum = tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).expect("a sum");
        assert_eq!(tcp.checksum(), sum, "flow {flow}");
        let octets = frame_of(&template(FrameKind::Udp6, 124), flow);
        let packet = SlicedPacket::from_ethernet(&octets).expect("UDP");
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Udp(udp))) = (packet.net, packet.transport) else {
            panic!("no UDP over IPv6");
        };
        let sum = udp.to_header().calc_checksum_ipv6(&ip.header().to_header(), udp.payload()).expect("a sum");
        assert_eq!(udp.checksum(), sum, "flow {flow}");
    }
}

#[test]
fn flows_differ_by_address_and_port() {
    let template = template(FrameKind::Udp, 124);
    let frames = [0, 1, PORTS, PORTS + 1].map(|flow| frame_of(&template, flow)[26..36].to_vec());
    assert_eq!(frames.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn a_frame_is_as_long_as_was_asked_but_never_shorter_than_its_headers() {
    assert_eq!(template(FrameKind::Udp, 1000).octets.len(), 1000);
    assert_eq!(template(FrameKind::Udp, 0).octets.len(), 60);
    assert_eq!(template(FrameKind::Vxlan, 60).octets.len(), 96);
    for kind in KINDS {
        let template = template(kind, 0);
        assert!(template.header.is_multiple_of(8) && template.header <= 128, "{kind:?}: {}", template.header);
        let places = [template.source_at, template.port_at, template.id_at, template.check.map(|(at, _)| at)];
        assert!(places.iter().flatten().all(|at| at + 2 <= template.header), "{kind:?}: {places:?}");
    }
}

#[test]
fn a_captured_frame_goes_to_the_sink_with_a_checksum_that_holds() {
    let captured = frame_of(&template(FrameKind::Udp, 300), 5);
    let template = Template::of_captured(&captured, 2).expect("IPv4");
    let octets = frame_of(&template, PORTS);
    let packet = SlicedPacket::from_ethernet(&octets).expect("a frame");
    let Some(NetSlice::Ipv4(ip)) = packet.net else { panic!("not IPv4") };
    assert_eq!(ip.header().destination(), SINK.octets());
    assert_eq!(ip.header().source(), [10, 200, 0, 1]);
    assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
    assert_eq!(Template::of_captured(&[0; 60], 1), None);
    assert_eq!(Template::of_captured(&captured[..30], 1), None);
}

#[test]
fn every_scenarios_frames_fit() {
    for name in crate::plan::NAMES {
        let plan: Plan = crate::plan::named(name).expect("a scenario");
        for flood in &plan.flood {
            assert!(Template::of(flood).octets.len() <= usize::from(frame_bytes_max()), "{name}");
        }
    }
}
