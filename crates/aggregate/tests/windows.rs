//! How records end, what is remembered, and what the budget does.

mod common;

use common::*;
use netrig_aggregate::{Aggregator, FlowEnds, World};
use netrig_model::{Direction, EndReason, FlowKind, InterfaceId, Owner, Timestamp, Tunnel, TunnelKind, error_bounds};
use std::net::IpAddr;

fn fin_both_ways(port: u16, at_s: i64) -> [netrig_model::FlowDelta; 2] {
    [
        flags(delta(TCP, (9, port), (1, 443), at_s), SYN | FIN | ACK),
        flags(delta(TCP, (1, 443), (9, port), at_s + 1), SYN | FIN | ACK),
    ]
}

#[test]
fn active_until_closed_and_told_only_in_windows_with_traffic() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&flags(delta(TCP, (9, 40_000), (1, 443), 1), SYN | ACK));
    assert_eq!(only(close(&mut aggregator, 1, false)).end_reason, EndReason::Active);
    assert!(close(&mut aggregator, 2, false).is_empty());
    for d in fin_both_ways(40_000, 25) {
        aggregator.add(&d);
    }
    let r = only(close(&mut aggregator, 3, false));
    assert_eq!((r.end_reason, r.packets, r.reverse_packets), (EndReason::Fin, 1, 1));
    assert_eq!(r.first_seen.0, START + SECOND);
}

#[test]
fn a_straggler_after_the_end_keeps_orientation_and_ending() {
    let mut aggregator = Aggregator::new(config(64));
    for d in fin_both_ways(40_000, 1) {
        aggregator.add(&d);
    }
    assert_eq!(only(close(&mut aggregator, 1, false)).end_reason, EndReason::Fin);
    aggregator.add(&fin_both_ways(40_000, 11)[1]);
    let r = only(close(&mut aggregator, 2, false));
    assert_eq!((r.end_reason, r.src_port, r.packets, r.reverse_packets), (EndReason::Fin, Some(40_000), 0, 1));
    assert_eq!(aggregator.stats().flows, 1);
    assert!(close(&mut aggregator, 3, false).is_empty());
    assert_eq!(aggregator.stats().flows, 0);
}

#[test]
fn one_fin_is_not_an_end_but_one_rst_is() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&flags(delta(TCP, (9, 1000), (1, 443), 1), SYN | FIN | ACK));
    aggregator.add(&flags(delta(TCP, (1, 443), (9, 1000), 1), SYN | ACK));
    aggregator.add(&flags(delta(TCP, (9, 2000), (1, 443), 1), SYN | RST));
    let reasons: Vec<_> = close(&mut aggregator, 1, false).iter().map(|r| r.end_reason).collect();
    assert_eq!(reasons, [EndReason::Active, EndReason::Rst]);
}

#[test]
fn flags_of_other_protocols_end_nothing() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&flags(delta(UDP, (9, 1000), (1, 53), 1), RST));
    let r = only(close(&mut aggregator, 1, false));
    assert_eq!((r.end_reason, r.tcp_flags), (EndReason::Active, None));
}

#[test]
fn silence_is_told_as_idle_in_the_last_record_or_not_at_all() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 1));
    assert_eq!(only(close(&mut aggregator, 1, false)).end_reason, EndReason::Active);
    for window in 2..=4 {
        assert!(close(&mut aggregator, window, false).is_empty());
    }
    assert_eq!(aggregator.stats().flows, 0, "forgotten after the idle timeout");

    // A delta that the drain brings late: its packet is already older than the timeout.
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 5));
    assert_eq!(only(close(&mut aggregator, 5, false)).end_reason, EndReason::Idle);
    assert_eq!(aggregator.stats().flows, 0);
}

#[test]
fn the_last_window_forces_what_goes_on_and_forgets_all() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 1));
    for d in fin_both_ways(40_000, 1) {
        aggregator.add(&d);
    }
    let reasons: Vec<_> = close(&mut aggregator, 1, true).iter().map(|r| r.end_reason).collect();
    assert_eq!(reasons, [EndReason::Forced, EndReason::Fin]);
    assert_eq!(aggregator.stats().flows, 0);
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 12));
    assert_eq!(only(close(&mut aggregator, 2, true)).first_seen.0, START + 12 * SECOND);
}

#[test]
fn the_first_window_begins_at_its_aligned_start_and_the_last_ends_when_it_ends() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 1));
    let mut window = None;
    let end = Timestamp(START + 4 * SECOND);
    aggregator.close_window(end, true, &name_of, &mut |r| window = Some((r.window_start.0, r.window_end)));
    assert_eq!(window, Some((START, end)));
}

#[test]
fn a_full_table_gives_up_silent_flows_first_and_tells_the_rest() {
    let mut aggregator = Aggregator::new(config(4));
    for port in 0..4 {
        aggregator.add(&delta(UDP, (9, port), (1, 53), i64::from(port)));
    }
    close(&mut aggregator, 1, false);
    aggregator.add(&delta(UDP, (9, 2), (1, 53), 11));
    for port in 10..13 {
        aggregator.add(&delta(UDP, (9, port), (1, 53), 12));
    }
    aggregator.settle();
    assert_eq!((aggregator.stats().flows_evicted, aggregator.stats().flows_forgotten), (0, 3));
    aggregator.add(&delta(UDP, (9, 13), (1, 53), 12));
    aggregator.settle();
    assert_eq!((aggregator.stats().flows_evicted, aggregator.stats().flows), (1, 4));
    let mut early = Vec::new();
    aggregator.tell_evicted(Timestamp(START + 12 * SECOND), &name_of, &mut |r| early.push(r));
    let r = only(early);
    assert_eq!((r.src_port, r.end_reason), (Some(2), EndReason::Evicted), "the stalest");
    assert_eq!((r.window_start.0, r.window_end.0), (START + WINDOW, START + 2 * WINDOW));
    assert_eq!(close(&mut aggregator, 2, false).len(), 4);
    assert_eq!(aggregator.told(InterfaceId(1), Direction::Ingress).packets, 9);
}

#[test]
fn a_flood_of_flows_beyond_the_capacity_is_told_to_the_last_packet() {
    const CAPACITY: usize = 20_000;
    let mut aggregator = Aggregator::new(config(CAPACITY));
    let (mut told, mut state) = (0, 1_u64);
    for window in 1..=6 {
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (host, port) = ((state >> 56) as u8 % 4, (state >> 33) as u16 % 20_000);
            aggregator.add(&delta(UDP, (host, port), (200, 53), window * 10 - 5));
            if aggregator.is_crowded() {
                let now = Timestamp(START + window * WINDOW - 1);
                aggregator.tell_evicted(now, &name_of, &mut |r| told += r.packets);
            }
        }
        told += close(&mut aggregator, window, false).iter().map(|r| r.packets).sum::<u64>();
        assert!(aggregator.stats().flows <= CAPACITY);
        assert_eq!(told, window as u64 * 100_000);
    }
    assert!(aggregator.stats().flows_evicted > 100_000);
    // All fall idle and are forgotten together.
    assert!(close(&mut aggregator, 12, false).is_empty());
    assert_eq!(aggregator.stats().flows, 0);
}

#[test]
fn crowding_is_announced() {
    let mut aggregator = Aggregator::new(config(1));
    for port in 0..1024 {
        aggregator.add(&delta(UDP, (9, port), (1, 53), 0));
        aggregator.settle();
        assert!(!aggregator.is_crowded());
    }
    aggregator.add(&delta(UDP, (9, 2000), (1, 53), 0));
    aggregator.settle();
    assert!(aggregator.is_crowded());
    assert_eq!(close(&mut aggregator, 1, false).len(), 1025);
    assert!(!aggregator.is_crowded());
}

#[test]
fn looking_at_the_open_window_changes_nothing() {
    let mut aggregator = Aggregator::new(config(2));
    for port in 0..3 {
        aggregator.add(&delta(UDP, (9, port), (1, 53), 1));
    }
    let look = |aggregator: &mut Aggregator| {
        let mut records = Vec::new();
        aggregator.open_window(Timestamp(START + 5 * SECOND), &name_of, &mut |r| records.push(r));
        records
    };
    let seen = look(&mut aggregator);
    assert_eq!(seen, look(&mut aggregator));
    assert_eq!(seen.iter().map(|r| r.packets).sum::<u64>(), 3);
    assert!(seen.iter().all(|r| r.window_end.0 == START + 5 * SECOND));
    assert_eq!(aggregator.told(InterfaceId(1), Direction::Ingress).packets, 0);
    assert_eq!(close(&mut aggregator, 1, false).len(), 3);
}

#[test]
fn inner_flows_and_what_is_not_ip_stay_out_of_told() {
    let mut aggregator = Aggregator::new(config(64));
    let mut inner = delta(UDP, (9, 1), (1, 53), 0);
    inner.key.tunnel = Some(Tunnel { kind: TunnelKind::Gre, id: 0 });
    let mut arp = delta(0, (0, 0), (0, 0x0806), 0);
    arp.key.kind = FlowKind::NotIp;
    for d in [inner, arp, delta(UDP, (9, 1), (1, 53), 0)] {
        aggregator.add(&d);
    }
    assert_eq!(close(&mut aggregator, 1, false).len(), 2);
    assert_eq!(aggregator.told(InterfaceId(1), Direction::Ingress).packets, 1);
    assert_eq!(aggregator.not_ip(InterfaceId(1), Direction::Ingress).packets, 1);
    let by_ethertype = aggregator.not_ip_by_ethertype(InterfaceId(1), Direction::Ingress);
    assert_eq!(by_ethertype[0].0, Some(0x0806));
}

#[test]
fn a_flow_s_ends_have_the_names_of_the_time_when_it_began() {
    struct Named;
    impl World for Named {
        fn iface_name(&self, _: InterfaceId) -> Option<String> {
            None
        }
        fn owner(&self, _: &FlowEnds) -> Option<Owner> {
            None
        }
        fn name_of(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Option<String> {
            (address == IpAddr::from([10, 0, 0, 1])).then(|| format!("{client} at {}", (at.0 - START) / SECOND))
        }
    }
    let mut aggregator = Aggregator::new(config(64));
    for (window, at_s) in [(1, 1), (2, 12)] {
        aggregator.add(&delta(UDP, (9, 1000), (1, 53), at_s));
        let mut records = Vec::new();
        aggregator.close_window(Timestamp(START + window * WINDOW), false, &Named, &mut |record| records.push(record));
        let record = only(records);
        assert_eq!((record.src_name.as_deref(), record.dst_name.as_deref()), (None, Some("10.0.0.9 at 1")));
    }
}

#[test]
fn a_record_has_the_largest_rate_it_was_counted_at_and_says_how_far_it_may_be_off() {
    let mut aggregator = Aggregator::new(config(64));
    let of = |port, at_s| delta(UDP, (9, port), (1, 53), at_s);
    aggregator.add(&of(1, 1));
    aggregator.add(&of(2, 1));
    aggregator.set_sampling_rate(64);
    aggregator.add(&netrig_model::FlowDelta { packets: 640, bytes: 64_000, ..of(1, 2) });
    aggregator.set_sampling_rate(8);
    aggregator.add(&of(1, 3));
    let mut records = close(&mut aggregator, 1, false);
    records.sort_by_key(|r| r.src_port);
    let [sampled, exact] = &records[..] else { panic!("{records:#?}") };
    let (packets, bytes) = error_bounds(642, 64_200, 64);
    assert_eq!((sampled.sampling_rate, sampled.packets), (64, 642));
    assert_eq!((sampled.packets_error, sampled.bytes_error), (Some(packets), Some(bytes)));
    let (none_met, _) = error_bounds(0, 0, 64);
    assert_eq!(sampled.reverse_packets_error, Some(none_met), "of the other side none was taken, which is not none");
    assert_eq!((exact.sampling_rate, exact.packets_error, exact.reverse_bytes_error), (1, Some(0), Some(0)));
    aggregator.set_sampling_rate(1);
    aggregator.add(&of(1, 11));
    let next = only(close(&mut aggregator, 2, false));
    assert_eq!((next.sampling_rate, next.bytes_error), (1, Some(0)), "and the next window begins anew");
}
