//! What is one flow, and who began it.

mod common;

use common::*;
use netrig_aggregate::Aggregator;
use netrig_model::{Address, Direction, FlowKind, InterfaceId, Tunnel, TunnelKind};

/// All deltas in one window, in the given order.
fn records(deltas: &[netrig_model::FlowDelta]) -> Vec<netrig_model::FlowRecord> {
    let mut aggregator = Aggregator::new(config(64));
    deltas.iter().for_each(|d| aggregator.add(d));
    close(&mut aggregator, 1, false)
}

#[test]
fn both_ways_are_one_record_with_every_column_filled() {
    let mut there = egress(flags(delta(TCP, (9, 40_000), (1, 443), 1), SYN | ACK));
    there.key.vlan = Some(7);
    there.dscp = 10;
    let mut back = flags(delta(TCP, (1, 443), (9, 40_000), 2), SYN | ACK);
    back.key.vlan = Some(7);
    back.dscp = 12;
    (back.packets, back.bytes) = (5, 7000);
    let r = only(records(&[back, there]));
    assert_eq!((r.src_addr, r.src_port), (Some("10.0.0.9".parse().expect("ip")), Some(40_000)));
    assert_eq!((r.dst_addr, r.dst_port), (Some("10.0.0.1".parse().expect("ip")), Some(443)));
    assert_eq!((r.packets, r.bytes, r.reverse_packets, r.reverse_bytes), (1, 100, 5, 7000));
    assert_eq!((r.window_start.0, r.window_end.0), (START, START + WINDOW));
    assert_eq!((r.first_seen, r.last_seen), (there.first_seen, back.last_seen));
    assert_eq!((r.host.as_deref(), r.iface.as_deref(), r.netns), (Some("here"), Some("eth1"), Some(4_026_531_840)));
    assert_eq!((r.protocol, r.transport.as_deref(), r.vlan, r.vlan_inner), (6, Some("tcp"), Some(7), None));
    assert_eq!((r.tcp_flags, r.reverse_tcp_flags, r.dscp), (Some(18), Some(18), Some(10)));
    assert_eq!((r.icmp_type, r.fragment, r.tunnel, r.sampling_rate), (None, None, None, 1));
}

#[test]
fn mirrored_ways_pair_though_both_are_ingress() {
    let r = only(records(&[delta(UDP, (1, 53), (9, 40_000), 1), delta(UDP, (9, 40_000), (1, 53), 0)]));
    assert_eq!((r.src_port, r.packets, r.reverse_packets), (Some(40_000), 1, 1));
}

#[test]
fn loopback_is_told_once_each_way() {
    let there = delta(TCP, (1, 40_000), (1, 80), 0);
    let back = delta(TCP, (1, 80), (1, 40_000), 1);
    let mut aggregator = Aggregator::new(config(64));
    for window in 1..=3 {
        for d in [egress(there), there, egress(back), back] {
            aggregator.add(&d);
        }
        let records = close(&mut aggregator, window, false);
        assert_eq!(records.len(), 2);
        for r in records {
            assert_eq!((r.src_port, r.packets, r.reverse_packets), (Some(40_000), 1, 1));
        }
    }
    for direction in Direction::BOTH {
        assert_eq!(aggregator.told(InterfaceId(1), direction).packets, 6);
    }
    assert_eq!(aggregator.stats().flows, 2);
}

#[test]
fn a_second_view_keeps_its_packets_when_the_first_is_forgotten() {
    let there = delta(UDP, (1, 40_000), (2, 80), 0);
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&egress(there));
    aggregator.add(&there);
    close(&mut aggregator, 1, false);
    // Only the second view goes on; the first falls idle.
    for window in 2..=6 {
        aggregator.add(&delta(UDP, (1, 40_000), (2, 80), window * 10 - 5));
        assert_eq!(close(&mut aggregator, window, false).len(), 1);
    }
    assert_eq!(aggregator.stats().flows, 1);
    aggregator.add(&delta(UDP, (1, 40_000), (2, 80), 65));
    let r = only(close(&mut aggregator, 7, false));
    assert_eq!(r.first_seen, there.first_seen, "remembered, not begun anew");
}

#[test]
fn interface_vlan_tunnel_and_fragments_tell_flows_apart() {
    let base = delta(UDP, (1, 0), (2, 0), 0);
    let mut list = vec![base; 6];
    list[1].key.iface = InterfaceId(2);
    list[2].key.vlan = Some(0);
    list[3].key.vlan_inner = Some(3);
    list[4].key.tunnel = Some(Tunnel { kind: TunnelKind::Vxlan, id: 42 });
    list[5].key.kind = FlowKind::Ipv4Fragment;
    let records = records(&list);
    assert_eq!(records.len(), 6);
    assert_eq!(records[1].iface.as_deref(), Some("eth2"));
    assert_eq!((records[2].vlan, records[3].vlan_inner), (Some(0), Some(3)));
    assert_eq!((records[4].tunnel, records[4].tunnel_id), (Some(TunnelKind::Vxlan), Some(42)));
    assert_eq!((records[5].fragment, records[5].src_port, records[5].dst_port), (Some(true), None, None));
    assert_eq!((records[0].fragment, records[0].src_port), (None, Some(0)));
}

#[test]
fn ports_are_null_where_the_protocol_has_none() {
    for (protocol, has_ports) in [(6, true), (17, true), (33, true), (132, true), (136, true), (47, false), (50, false)]
    {
        let r = only(records(&[delta(protocol, (1, 5), (2, 6), 0)]));
        assert_eq!((r.src_port.is_some(), r.dst_port.is_some()), (has_ports, has_ports), "protocol {protocol}");
        assert_eq!(r.tcp_flags.is_some(), protocol == 6);
    }
}

#[test]
fn pings_pair_and_the_asker_is_the_initiator_whoever_was_seen_first() {
    let reply = delta(ICMP, (1, 0), (9, 0), 0);
    let request = delta(ICMP, (9, 8), (1, 0), 1);
    for order in [[reply, request], [request, reply]] {
        let r = only(records(&order));
        assert_eq!((r.icmp_type, r.icmp_code, r.src_port, r.dst_port), (Some(8), Some(0), None, None));
        assert_eq!(r.src_addr, Some("10.0.0.9".parse().expect("ip")));
        assert_eq!((r.packets, r.reverse_packets), (1, 1));
    }
    let r = only(records(&[reply]));
    assert_eq!((r.icmp_type, r.packets, r.reverse_packets), (Some(0), 1, 0));
}

#[test]
fn icmp_errors_stand_alone() {
    let list = records(&[delta(ICMP, (1, 3), (2, 3), 0), delta(ICMP, (2, 3), (1, 3), 0)]);
    assert_eq!(list.len(), 2);
    for r in list {
        assert_eq!((r.icmp_type, r.icmp_code, r.packets, r.reverse_packets), (Some(3), Some(3), 1, 0));
    }
}

#[test]
fn ipv6_addresses_come_out_whole() {
    let mut d = delta(UDP, (1, 1), (2, 2), 0);
    d.key.kind = FlowKind::Ipv6;
    d.key.src = Address::from("2001:db8::1".parse::<std::net::IpAddr>().expect("ip"));
    d.key.dst = Address::from("fe80::2:3".parse::<std::net::IpAddr>().expect("ip"));
    let r = only(records(&[d]));
    assert_eq!(r.src_addr.map(|a| a.to_string()).as_deref(), Some("2001:db8::1"));
    assert_eq!(r.dst_addr.map(|a| a.to_string()).as_deref(), Some("fe80::2:3"));
}

#[test]
fn a_lone_syn_beats_being_seen_first() {
    let server = flags(delta(TCP, (1, 443), (9, 40_000), 0), RST | ACK);
    let client = flags(delta(TCP, (9, 40_000), (1, 443), 1), SYN);
    assert_eq!(only(records(&[server, client])).src_port, Some(40_000));
}

#[test]
fn in_one_tick_the_higher_port_initiated() {
    for order in [[(9, 40_000), (1, 443)], [(1, 443), (9, 40_000)]] {
        let list = order.map(|from| {
            let to = if from == order[0] { order[1] } else { order[0] };
            flags(delta(TCP, from, to, 0), SYN | ACK)
        });
        assert_eq!(only(records(&list)).src_port, Some(40_000));
    }
}

#[test]
fn once_told_the_initiator_stays() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&flags(delta(TCP, (1, 443), (9, 40_000), 5), ACK));
    assert_eq!(only(close(&mut aggregator, 1, false)).src_port, Some(443));
    // Now the other side turns out to have begun: too late to turn round.
    aggregator.add(&flags(delta(TCP, (9, 40_000), (1, 443), 1), SYN));
    let r = only(close(&mut aggregator, 2, false));
    assert_eq!((r.src_port, r.packets, r.reverse_packets), (Some(443), 0, 1));
}

/// A handshake within one tick of the kernel's clock, with a server on a higher port than its client's.
#[test]
fn whose_syn_was_seen_is_the_initiator_though_both_sides_have_sent_syn_and_ack_since() {
    let mut aggregator = Aggregator::new(config(64));
    let mut client = flags(delta(TCP, (9, 40_000), (1, 60_000), 1), SYN | ACK);
    client.first_flags = SYN;
    let server = flags(delta(TCP, (1, 60_000), (9, 40_000), 1), SYN | ACK);
    aggregator.add(&server);
    aggregator.add(&client);
    let records = close(&mut aggregator, 1, true);
    assert_eq!((records[0].src_port, records[0].dst_port), (Some(40_000), Some(60_000)));
}
