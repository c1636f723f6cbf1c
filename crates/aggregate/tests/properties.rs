//! Whatever comes in whatever order: every delta is told exactly once, in well-formed records.

mod common;

use common::*;
use netrig_aggregate::{AggregateConfig, Aggregator};
use netrig_model::{Direction, EndReason, FlowDelta, FlowKind, FlowRecord, InterfaceId, Timestamp, TrafficCounts};
use netrig_model::{Tunnel, TunnelKind};
use proptest::prelude::*;
use std::collections::HashMap;

#[derive(Clone, Debug)]
enum Step {
    Add(FlowDelta),
    Close,
    TellEvicted,
    Look,
}

fn any_delta() -> impl Strategy<Value = FlowDelta> {
    let ends = (0..4_u8, 0..3_u16, 0..4_u8, 0..3_u16);
    let what = (prop::sample::select(vec![TCP, UDP, ICMP, 47]), 1..3_u16, any::<bool>(), 0..8_u8);
    let counts = (1..50_u64, 1..5_u64, 0..40_i64, 0..32_u8);
    (ends, what, counts).prop_map(
        |((src, sport, dst, dport), (protocol, iface, out, odd), (packets, size, at, tcp))| {
            let (sport, dport) = if protocol == ICMP { (sport * 4, 0) } else { (sport, dport) };
            let mut d = delta(protocol, (src, sport), (dst, dport), at);
            d.key.iface = InterfaceId(iface);
            d.key.direction = if out { Direction::Egress } else { Direction::Ingress };
            d.packets = packets;
            d.bytes = packets * size;
            d.tcp_flags = tcp;
            d.first_flags = tcp;
            match odd {
                0 => d.key.vlan = Some(5),
                1 => d.key.kind = FlowKind::Ipv4Fragment,
                2 => d.key.tunnel = Some(Tunnel { kind: TunnelKind::Vxlan, id: 9 }),
                3 => d.key.kind = FlowKind::NotIp,
                4 if protocol != 47 => d.key.kind = FlowKind::Ipv4Cut,
                _ => {}
            }
            if matches!(d.key.kind, FlowKind::Ipv4Fragment | FlowKind::Ipv4Cut) || protocol == 47 {
                (d.key.src_port, d.key.dst_port) = (0, 0);
            }
            d
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => any_delta().prop_map(Step::Add),
        2 => Just(Step::Close),
        1 => Just(Step::TellEvicted),
        1 => Just(Step::Look),
    ]
}

/// A directed flow in the words of records: what must add up, whichever side was called the initiator.
type Way = (u16, Option<u16>, u8, String, String, Option<u16>, Option<u16>, bool, bool);

fn add(sums: &mut HashMap<Way, TrafficCounts>, way: Way, packets: u64, bytes: u64) {
    if packets > 0 {
        sums.entry(way).or_default().add(TrafficCounts { packets, bytes });
    }
}

/// The naive model: a plain sum by directed flow.
fn expected(deltas: &[FlowDelta]) -> HashMap<Way, TrafficCounts> {
    let mut sums = HashMap::new();
    for d in deltas.iter().filter(|d| d.key.kind != FlowKind::NotIp) {
        let k = &d.key;
        let has_ports = matches!(k.protocol, TCP | UDP) && k.kind.has_transport();
        let port = |p| has_ports.then_some(p);
        let way = (
            k.iface.0,
            k.vlan,
            k.protocol,
            k.src.to_ip(false).to_string(),
            k.dst.to_ip(false).to_string(),
            port(k.src_port),
            port(k.dst_port),
            k.kind.is_fragment(),
            k.tunnel.is_some(),
        );
        add(&mut sums, way, d.packets, d.bytes);
    }
    sums
}

fn told(records: &[FlowRecord]) -> HashMap<Way, TrafficCounts> {
    let mut sums = HashMap::new();
    for r in records {
        let iface = r.iface.as_deref().and_then(|n| n.strip_prefix("eth")).and_then(|n| n.parse().ok()).expect("iface");
        let (src, dst) = (r.src_addr.expect("src").to_string(), r.dst_addr.expect("dst").to_string());
        let (fragment, inner) = (r.fragment == Some(true), r.tunnel.is_some());
        let there = (iface, r.vlan, r.protocol, src.clone(), dst.clone(), r.src_port, r.dst_port, fragment, inner);
        let back = (iface, r.vlan, r.protocol, dst, src, r.dst_port, r.src_port, fragment, inner);
        add(&mut sums, there, r.packets, r.bytes);
        add(&mut sums, back, r.reverse_packets, r.reverse_bytes);
    }
    sums
}

fn assert_well_formed(r: &FlowRecord, end: i64) -> Result<(), TestCaseError> {
    prop_assert!(r.packets + r.reverse_packets > 0, "a record without traffic");
    prop_assert!(r.window_start.0 < r.window_end.0 && r.window_end.0 <= end);
    prop_assert_eq!(r.window_start.0.rem_euclid(WINDOW), 0);
    prop_assert!(r.first_seen <= r.last_seen);
    prop_assert_eq!(r.tcp_flags.is_some(), r.protocol == TCP && r.src_port.is_some());
    prop_assert_eq!(r.tcp_flags.is_some(), r.reverse_tcp_flags.is_some());
    prop_assert!(r.icmp_type.is_none() || r.protocol == ICMP && r.fragment.is_none());
    prop_assert_eq!(r.icmp_type.is_some(), r.icmp_code.is_some());
    prop_assert_eq!(r.tunnel.is_some(), r.tunnel_id.is_some());
    prop_assert!(r.protocol == TCP || !matches!(r.end_reason, EndReason::Fin | EndReason::Rst));
    Ok(())
}

/// Runs the steps and closes; gives the records, the deltas and the aggregator.
fn run(steps: &[Step], config: AggregateConfig) -> (Vec<FlowRecord>, Vec<FlowDelta>, Aggregator) {
    let capacity = config.flows_capacity;
    let mut aggregator = Aggregator::new(config);
    let (mut records, mut deltas, mut windows) = (Vec::new(), Vec::new(), 1);
    for step in steps {
        match step {
            Step::Add(d) => {
                aggregator.add(d);
                deltas.push(*d);
                assert!(aggregator.stats().flows <= capacity);
            }
            Step::Close => {
                records.extend(close(&mut aggregator, windows, false));
                windows += 1;
            }
            Step::TellEvicted => {
                let now = Timestamp(START + windows * WINDOW - 1);
                aggregator.tell_evicted(now, &name_of, &mut |r| records.push(r));
            }
            Step::Look => aggregator.open_window(Timestamp(START + windows * WINDOW), &name_of, &mut |_| {}),
        }
    }
    records.extend(close(&mut aggregator, windows, true));
    (records, deltas, aggregator)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_delta_is_told_exactly_once(
        steps in prop::collection::vec(any_step(), 0..300),
        capacity in prop_oneof![Just(1_usize), 2..12_usize, Just(1000)],
    ) {
        let (records, deltas, aggregator) = run(&steps, config(capacity));
        for r in &records {
            assert_well_formed(r, START + 400 * WINDOW)?;
        }
        prop_assert_eq!(told(&records), expected(&deltas));
        prop_assert_eq!(aggregator.stats().records, records.len() as u64);

        let mut ledger: HashMap<(InterfaceId, Direction), (u64, u64, u64)> = HashMap::new();
        for d in deltas.iter().filter(|d| d.key.kind == FlowKind::NotIp || d.key.tunnel.is_none()) {
            let of = ledger.entry((d.key.iface, d.key.direction)).or_default();
            let not_ip = d.key.kind == FlowKind::NotIp;
            of.0 += if not_ip { 0 } else { d.packets };
            of.1 += if not_ip { 0 } else { d.bytes };
            of.2 += if not_ip { d.packets } else { 0 };
        }
        for ((iface, direction), (packets, bytes, not_ip)) in ledger {
            prop_assert_eq!(aggregator.told(iface, direction), TrafficCounts { packets, bytes });
            prop_assert_eq!(aggregator.not_ip(iface, direction).packets, not_ip);
        }
    }

    /// While a flow is remembered, `src` stays `src`: with room for all, no silence and no end, over the whole run.
    #[test]
    fn orientation_is_stable(steps in prop::collection::vec(any_step(), 0..200)) {
        let steps: Vec<_> = steps.into_iter().map(endless).collect();
        let (records, ..) = run(&steps, AggregateConfig { idle_timeout_ns: i64::MAX / 2, ..config(1000) });
        let mut orientations = HashMap::new();
        for r in records.iter().filter(|r| r.protocol != ICMP) {
            let ends = [(r.src_addr, r.src_port), (r.dst_addr, r.dst_port)];
            let mut pair = ends;
            pair.sort();
            let flow = (r.iface.clone(), r.vlan, r.protocol, r.fragment, r.tunnel, pair);
            prop_assert_eq!(*orientations.entry(flow).or_insert(ends), ends);
        }
    }

    /// The order in which deltas of one window arrive does not show in its records (but for which of two equal views
    /// is which, so the flows here go one way per side).
    #[test]
    fn arrival_order_does_not_matter(
        deltas in prop::collection::vec(any_delta(), 1..60),
        seed in any::<u64>(),
    ) {
        let one_way: Vec<_> = deltas.into_iter().map(|mut d| { d.key.direction = Direction::Ingress; d }).collect();
        let mut shuffled = one_way.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let tell = |deltas: &[FlowDelta]| {
            let mut aggregator = Aggregator::new(config(1000));
            deltas.iter().for_each(|d| aggregator.add(d));
            let mut lines: Vec<_> = close(&mut aggregator, 4, false).iter().map(|r| format!("{r:?}")).collect();
            lines.sort();
            lines
        };
        prop_assert_eq!(tell(&one_way), tell(&shuffled));
    }
}

/// The same step of a flow that goes one way per side (so there is one view of it), without silence or end.
fn endless(step: Step) -> Step {
    let Step::Add(mut d) = step else { return step };
    d.key.direction = Direction::Ingress;
    d.tcp_flags &= SYN | ACK;
    Step::Add(d)
}
