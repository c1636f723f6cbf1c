//! Deltas in a few words.
#![allow(dead_code, reason = "each test file uses its part")]

use netrig_aggregate::{AggregateConfig, Aggregator};
use netrig_model::{Address, Direction, FlowDelta, FlowKey, FlowKind, FlowRecord, InterfaceId, Timestamp};

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const WINDOW: i64 = 10 * SECOND;
/// An instant at which a window begins.
pub(crate) const START: i64 = 1_700_000_000 * SECOND;

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;

pub(crate) fn config(flows_capacity: usize) -> AggregateConfig {
    AggregateConfig {
        window_ns: WINDOW,
        idle_timeout_ns: 3 * WINDOW,
        flows_capacity,
        host: Some("here".into()),
        netns: Some(4_026_531_840),
        sampling_rate: 1,
    }
}

/// Ingress on interface 1, one packet of 100 bytes, at the given second of the run.
pub(crate) fn delta(protocol: u8, src: (u8, u16), dst: (u8, u16), at_s: i64) -> FlowDelta {
    FlowDelta {
        key: FlowKey {
            src: Address::v4([10, 0, 0, src.0]),
            dst: Address::v4([10, 0, 0, dst.0]),
            src_port: src.1,
            dst_port: dst.1,
            iface: InterfaceId(1),
            protocol,
            kind: FlowKind::Ipv4,
            direction: Direction::Ingress,
            vlan: None,
            vlan_inner: None,
            tunnel: None,
        },
        packets: 1,
        bytes: 100,
        first_seen: Timestamp(START + at_s * SECOND),
        last_seen: Timestamp(START + at_s * SECOND),
        tcp_flags: 0,
        first_flags: 0,
        dscp: 0,
        pid: None,
    }
}

pub(crate) fn egress(mut delta: FlowDelta) -> FlowDelta {
    delta.key.direction = Direction::Egress;
    delta
}

pub(crate) fn flags(mut delta: FlowDelta, flags: u8) -> FlowDelta {
    delta.tcp_flags = flags;
    delta.first_flags = flags;
    delta
}

pub(crate) fn name_of(iface: InterfaceId) -> Option<String> {
    (iface.0 != 0).then(|| format!("eth{}", iface.0))
}

/// Closes the window that ends so many windows after the start.
pub(crate) fn close(aggregator: &mut Aggregator, windows: i64, last: bool) -> Vec<FlowRecord> {
    let mut records = Vec::new();
    aggregator.close_window(Timestamp(START + windows * WINDOW), last, &name_of, &mut |r| records.push(r));
    records
}

/// The one record of a window.
pub(crate) fn only(mut records: Vec<FlowRecord>) -> FlowRecord {
    assert_eq!(records.len(), 1, "{records:#?}");
    records.remove(0)
}
