//! The model itself, against an independent parser on the shapes that one knows.

use crate::expected;
use crate::model::read_packet;
use crate::packets::*;
use crate::sums::{Sums, add_reading};
use crate::written::read;
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use netrig_model::TunnelKind;
use netrig_replay::capture::CaptureReader;
use proptest::prelude::*;
use std::net::IpAddr;

/// Addresses, protocol, fragment, ports, VLAN ids.
type Told = (IpAddr, IpAddr, Option<(u16, u16)>, Vec<u16>);

fn independent(frame: &[u8]) -> Option<Told> {
    let packet = LaxSlicedPacket::from_ethernet(frame).ok()?;
    if packet.stop_err.is_some() {
        return None;
    }
    let (src, dst) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(v4) => (v4.header().source_addr().into(), v4.header().destination_addr().into()),
        LaxNetSlice::Ipv6(v6) => (v6.header().source_addr().into(), v6.header().destination_addr().into()),
        LaxNetSlice::Arp(_) => return None,
    };
    let ports = match packet.transport.as_ref() {
        Some(TransportSlice::Tcp(tcp)) => Some((tcp.source_port(), tcp.destination_port())),
        Some(TransportSlice::Udp(udp)) => Some((udp.source_port(), udp.destination_port())),
        _ => None,
    };
    Some((src, dst, ports, packet.vlan_ids().iter().map(|id| id.value()).collect()))
}

proptest! {
    /// Where the independent parser finds whole IP headers below nothing but tags, the model finds the same.
    #[test]
    fn the_model_agrees_with_an_independent_parser((ethertype, rest) in network()) {
        let frame = ethernet(ethertype, &rest);
        let reading = read_packet(&frame, false, false);
        if let Some((src, dst, ports, vlans)) = independent(&frame) {
            let level = reading.levels.first().expect("the model finds it too");
            prop_assert_eq!((level.src, level.dst), (src, dst));
            prop_assert_eq!(&level.vlans, &vlans);
            if matches!(level.protocol, 6 | 17) && ports.is_some() {
                prop_assert_eq!(level.ports, ports);
            }
        }
    }
}

#[test]
fn each_tunnel_is_entered() {
    let inner = ipv4(&V4::default(), 17, &udp((1, 2), b""));
    let framed = ethernet(IPV4, &inner);
    let key = Gre { key: Some(7), ..Gre::default() };
    let all: [(u8, Vec<u8>, TunnelKind, u32); 7] = [
        (4, inner.clone(), TunnelKind::Ipip, 0),
        (47, gre(key, IPV4, &inner), TunnelKind::Gre, 7),
        (47, gre(Gre { checksum: true, sequence: true, ..key }, 0x6558, &framed), TunnelKind::Gre, 7),
        (17, udp((9, 4789), &vxlan(5, &framed)), TunnelKind::Vxlan, 5),
        (17, udp((9, 4790), &vxlan_gpe(5, 1, &inner)), TunnelKind::Vxlan, 5),
        (17, udp((9, 6081), &geneve(5, 3, 0x6558, &framed)), TunnelKind::Geneve, 5),
        (17, udp((6081, 9), &geneve(5, 0, IPV4, &inner)), TunnelKind::Geneve, 5),
    ];
    for (protocol, rest, kind, id) in all {
        let frame = ethernet(IPV6, &ipv6(&V6::default(), protocol, &rest));
        let reading = read_packet(&frame, false, true);
        assert_eq!(reading.fault, None, "{kind:?}");
        assert_eq!(reading.levels.len(), 2, "{kind:?}");
        assert_eq!((reading.levels[1].tunnel, reading.levels[1].ports), (Some((kind, id)), Some((1, 2))));
        assert_eq!(read_packet(&frame, false, false).levels.len(), 1);
    }
}

/// The model on the real captures: what another independent reader found in them.
#[test]
fn the_model_reads_the_real_captures_as_expected() {
    for expected in expected::all() {
        let name = expected.path.display();
        let (packets, error) = read(CaptureReader::open(&expected.path).expect("open"));
        assert!(error.is_none(), "{name}: {error:?}");
        assert_eq!(packets.len() as u64, expected.packets, "{name}");
        assert_eq!(packets.iter().map(|p| u64::from(p.wire_len)).sum::<u64>(), expected.bytes, "{name}");
        let mut sums = Sums::new();
        for packet in &packets {
            add_reading(&mut sums, &read_packet(&packet.data, false, true), packet.wire_len);
        }
        assert_eq!(expected::from_sums(&sums), (expected.outer, expected.inner), "{name}");
    }
}
