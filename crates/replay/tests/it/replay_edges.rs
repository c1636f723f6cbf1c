//! Captures at their edges: broken, cut, huge, in odd time, of many interfaces; and the account, which always balances.

use crate::packets::*;
use crate::replayed::{Replayed, options, replayed_bytes};
use crate::written::Order;
use crate::written::pcap::PcapBuilder;
use crate::written::pcapng::PcapngBuilder;
use netrig_model::{EndReason, TrafficCounts};
use netrig_replay::ReplayOptions;
use netrig_testkit::require_root;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const SYN: u8 = 2;
const ACK: u8 = 16;

fn udp_frame(ports: (u16, u16)) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&V4::default(), 17, &udp(ports, b"hello")))
}

fn ethernet_capture(frames: impl IntoIterator<Item = (u32, Vec<u8>)>) -> Replayed {
    let builder = frames.into_iter().fold(PcapBuilder::ethernet(), |b, (second, frame)| b.packet(second, 0, &frame));
    replayed_bytes(&builder.bytes, &options())
}

#[test]
fn a_broken_capture_tells_what_came_before_the_break() {
    require_root!();
    let whole = PcapBuilder::ethernet().packet(1, 0, &udp_frame((1, 2))).packet(2, 0, &udp_frame((3, 4))).bytes;
    let got = replayed_bytes(&whole[..whole.len() - 1], &options());
    assert_eq!(got.records.len(), 1);
    assert_eq!(got.broken.and_then(|e| e.place).map(|p| p.packet), Some(2));
}

#[test]
fn frames_cut_at_any_byte_are_counted_whole() {
    require_root!();
    let inner = ipv6(&V6 { extensions: vec![Extension::Plain(0, 1)], ..V6::default() }, 6, &tcp((5, 6), SYN, b"x"));
    let shapes = [
        udp_frame((1, 2)),
        ethernet(
            0x8100,
            &vlan(5, 0x8847, &mpls(&[1, 2], &ipv4(&V4 { options: 3, ..V4::default() }, 6, &tcp((1, 2), 2, b"")))),
        ),
        ethernet(IPV4, &ipv4(&V4::default(), 17, &udp((9, 4789), &vxlan(7, &ethernet(IPV6, &inner))))),
        ethernet(0x8864, &pppoe(0, &[&[0, 0x57], &inner[..]].concat())),
        ethernet_802_3(&snap(
            IPV4,
            &ipv4(&V4::default(), 47, &gre(Gre { key: Some(1), ..Gre::default() }, IPV6, &inner)),
        )),
    ];
    for whole in shapes {
        let cut = |b: PcapBuilder, length: usize| b.cut_packet(1, 0, &whole[..length], whole.len() as u32);
        let got = replayed_bytes(&(0..=whole.len()).fold(PcapBuilder::ethernet(), cut).bytes, &options());
        let packets = whole.len() as u64 + 1;
        assert_eq!(got.summary.seen, TrafficCounts { packets, bytes: packets * whole.len() as u64 });
        assert!(got.summary.faults[0] > 14, "{:?}", got.summary.faults);
        let captured: usize = (0..=whole.len()).sum();
        assert_eq!(got.summary.captured_bytes, captured as u64);
    }
}

/// What a packet ends before is unknown: type 0 and code 0 would be an echo's answer, and pair with its question.
#[test]
fn what_a_packet_ends_before_is_null_and_not_zero() {
    require_root!();
    let v4 = |protocol, rest: &[u8]| ethernet(IPV4, &ipv4(&V4::default(), protocol, rest));
    let v6 = |protocol, rest: &[u8]| ethernet(IPV6, &ipv6(&V6::default(), protocol, rest));
    for frame in [v4(1, &[8]), v6(58, &[0]), v4(6, &[0, 1, 2]), v6(17, &[]), v4(132, &[7])] {
        let got = ethernet_capture([(1, frame.clone())]);
        let [record] = &got.records[..] else { panic!("one flow of {frame:02x?}: {:#?}", got.records) };
        assert_eq!((record.src_port, record.dst_port, record.tcp_flags), (None, None, None), "{record:#?}");
        assert_eq!((record.icmp_type, record.icmp_code, record.fragment), (None, None, None), "{record:#?}");
        assert_eq!(got.summary.faults[0], 1);
    }
}

#[test]
fn frames_of_every_size_are_carried() {
    require_root!();
    let sizes = [42, 60, 127, 128, 129, 1514, 3_648, 3_712, 9_014, 65_535, 65_549, 65_550, 262_144, 524_288];
    let frames = sizes.map(|size: usize| {
        let mut frame = udp_frame((1, 2));
        frame.truncate(42);
        frame.resize(size, 0);
        (1, frame)
    });
    let got = ethernet_capture(frames);
    assert_eq!(got.records.len(), 1);
    assert_eq!(got.records[0].packets, sizes.len() as u64);
    assert_eq!(got.records[0].bytes, sizes.iter().sum::<usize>() as u64);
}

#[test]
fn the_length_on_the_wire_counts_not_the_captured_one() {
    require_root!();
    let frame = udp_frame((1, 2));
    let got = replayed_bytes(&PcapBuilder::ethernet().cut_packet(1, 0, &frame, 4_000_000_000).bytes, &options());
    assert_eq!((got.records[0].packets, got.records[0].bytes), (1, 4_000_000_000));
}

#[test]
fn the_same_capture_gives_the_same_records() {
    require_root!();
    let frames = || (0..5_000u16).map(|n| (u32::from(n) / 100, udp_frame((n % 997, n % 7))));
    let (first, again) = (ethernet_capture(frames()), ethernet_capture(frames()));
    assert!(first.records.len() > 997);
    assert_eq!(first.records, again.records);
    assert_eq!(first.summary, again.summary);
}

#[test]
fn windows_follow_the_capture_s_own_time() {
    require_root!();
    let conversation = [
        (1_700_000_005, tcp((40_000, 80), SYN, b"")),
        (1_700_000_009, tcp((40_000, 80), ACK, b"")),
        (1_700_000_011, tcp((40_000, 80), ACK, b"late")),
        // Out of order: it stays in the open window.
        (1_700_000_003, tcp((40_000, 80), ACK, b"earlier")),
        (1_700_003_600, tcp((40_000, 80), ACK, b"an hour on")),
    ];
    let got = ethernet_capture(conversation.map(|(at, t)| (at, ethernet(IPV4, &ipv4(&V4::default(), 6, &t)))));
    let second = |ns: i64| ns / 1_000_000_000 - 1_700_000_000;
    let told: Vec<_> = got
        .records
        .iter()
        .map(|r| (second(r.window_start.0), second(r.window_end.0), r.packets, r.end_reason))
        .collect();
    assert_eq!(
        told,
        [(0, 10, 2, EndReason::Active), (10, 20, 2, EndReason::Active), (3600, 3610, 1, EndReason::Forced)]
    );
    assert_eq!(second(got.records[0].first_seen.0), 5);
    assert_eq!(second(got.records[0].last_seen.0), 9);
}

#[test]
fn both_ways_become_one_record_whose_source_sent_the_syn() {
    require_root!();
    let there = |flags, n| (n, ethernet(IPV4, &ipv4(&V4::default(), 6, &tcp((40_000, 80), flags, b""))));
    let back = |flags, n| {
        let head = V4 { src: B4, dst: A4, ..V4::default() };
        (n, ethernet(IPV4, &ipv4(&head, 6, &tcp((80, 40_000), flags, b"answer"))))
    };
    let got =
        ethernet_capture([there(SYN, 1), back(SYN | ACK, 2), there(ACK, 3), back(ACK, 4), back(17, 5), there(17, 6)]);
    assert_eq!(got.records.len(), 1);
    let record = &got.records[0];
    assert_eq!((record.src_addr, record.src_port), (Some(A4.into()), Some(40_000)));
    assert_eq!((record.packets, record.reverse_packets), (3, 3));
    assert_eq!((record.tcp_flags, record.reverse_tcp_flags), (Some(19), Some(19)));
    assert_eq!(record.end_reason, EndReason::Fin);
}

#[test]
fn interfaces_and_directions_of_a_pcapng_are_kept() {
    require_root!();
    let frame = udp_frame((1, 2));
    let bytes = PcapngBuilder::new(Order::Big)
        .interface(1, 0, &[(2, b"eth0")])
        .interface(1, 0, &[])
        .interface(101, 0, &[(2, b"tun0")])
        .enhanced(0, 1_000_000, &frame, frame.len() as u32, &[(2, &[0, 0, 0, 1])])
        .enhanced(1, 1_000_000, &frame, frame.len() as u32, &[])
        .enhanced(2, 1_000_000, &frame[14..], frame.len() as u32 - 14, &[(2, &[0, 0, 0, 2])])
        .bytes;
    let got = replayed_bytes(&bytes, &options());
    let names: BTreeSet<_> = got.records.iter().map(|r| r.iface.as_deref()).collect();
    assert_eq!(names, BTreeSet::from([None, Some("eth0"), Some("tun0")]));
    assert_eq!(got.records.len(), 3);
}

#[test]
fn more_interfaces_than_can_be_counted_apart_are_still_counted() {
    require_root!();
    let frame = udp_frame((1, 2));
    let mut builder = PcapngBuilder::new(Order::Little);
    for number in 0..6_000u32 {
        let name = format!("veth{number}");
        builder = builder.interface(1, 0, &[(2, name.as_bytes())]).enhanced(number, 1, &frame, frame.len() as u32, &[]);
    }
    let got = replayed_bytes(&builder.bytes, &options());
    assert_eq!(got.summary.told.packets, 6_000);
}

#[test]
fn a_flood_of_flows_in_little_memory_is_told_to_the_last_packet() {
    require_root!();
    let frames = (0..60_000u32).map(|n| {
        let head = V4 { src: Ipv4Addr::from(0x0a00_0000 + n), ..V4::default() };
        ethernet(IPV4, &ipv4(&head, 17, &udp((1, 2), b"")))
    });
    let builder = frames.fold(PcapBuilder::ethernet(), |b, frame| b.packet(1, 0, &frame));
    let little = ReplayOptions { memory_bytes: 2 << 20, ..options() };
    let got = replayed_bytes(&builder.bytes, &little);
    // Also which flows had to make room is the same each time, whichever CPUs the packets ran on.
    assert_eq!(replayed_bytes(&builder.bytes, &little).records, got.records);
    assert_eq!(got.summary.overflow, TrafficCounts::default());
    assert_eq!(got.summary.told.packets, 60_000);
    let sources: BTreeSet<_> = got.records.iter().map(|r| r.src_addr).collect();
    assert_eq!(sources.len(), 60_000);
}

#[test]
fn other_link_types_tell_the_same_flow() {
    require_root!();
    let packet = ipv4(&V4::default(), 17, &udp((1, 2), b"hello"));
    let heads: [(u32, &[u8]); 6] = [
        (101, &[]),
        (0, &[2, 0, 0, 0]),
        (9, &[0xff, 3, 0, 0x21]),
        (104, &[0x0f, 0, 8, 0]),
        (113, &[0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0]),
        (276, &[8, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0]),
    ];
    for (link, head) in heads {
        let whole = [head, &packet].concat();
        let bytes = PcapBuilder::new(Order::Little, 0xa1b2_c3d4, link).packet(1, 0, &whole).bytes;
        let got = replayed_bytes(&bytes, &options());
        assert_eq!(got.records.len(), 1, "link type {link}");
        let record = &got.records[0];
        assert_eq!((record.src_port, record.dst_port, record.bytes), (Some(1), Some(2), whole.len() as u64));
    }
}

#[test]
fn what_is_not_ip_is_in_the_account_and_in_no_record() {
    require_root!();
    let got = ethernet_capture([
        (1, ethernet(0x0806, &[0; 28])),
        (1, ethernet(0x88cc, &[0; 50])),
        (1, ethernet_802_3(&[0x42, 0x42, 3, 0, 0])),
        (1, Vec::new()),
        (1, vec![0; 13]),
    ]);
    assert!(got.records.is_empty());
    assert_eq!(got.summary.not_ip.packets, 5);
    assert_eq!(got.summary.faults, [2, 0, 0]);
}

#[test]
fn a_capture_without_packets_gives_nothing() {
    require_root!();
    let got = ethernet_capture([]);
    assert_eq!((got.records.len(), got.summary.first), (0, None));
}
