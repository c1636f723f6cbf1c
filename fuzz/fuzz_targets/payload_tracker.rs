//! Any segments at all: no panic, memory within its bounds, and at the end nothing waits.
//!
//!     cargo +nightly fuzz run payload_tracker -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_model::{Address, Direction, FlowKey, FlowKind, InterfaceId, PayloadSegment, Timestamp};
use netrig_payload::track::{Tracker, TrackerConfig};

/// Octets that say what a segment is, in front of its own.
const HEAD: usize = 8;
const PORTS: [u16; 4] = [53, 80, 443, 5353];

fuzz_target!(|octets: &[u8]| {
    let config =
        TrackerConfig { flows_max: 4, pending_max: 16, octets_max: 16 << 10, copy: 1024, ..TrackerConfig::default() };
    let mut tracker = Tracker::new(config);
    let mut told = 0;
    let (mut rest, mut now) = (octets, 0);
    while let Some((head, behind)) = rest.split_first_chunk::<HEAD>() {
        let length = usize::from(head[7]).min(behind.len());
        now += i64::from(head[1]) * 1_000_000;
        tracker.take(&segment(head, now, &behind[..length]), &mut |_| told += 1);
        tracker.tick(Timestamp(now), &mut |_| told += 1);
        assert!(tracker.flows() <= 4 && tracker.pending() <= 17 && tracker.bytes() < 1 << 20);
        rest = &behind[length..];
    }
    tracker.finish(&mut |_| told += 1);
    assert_eq!((tracker.flows(), tracker.pending()), (0, 0));
    assert!(told <= octets.len());
});

fn segment<'a>(head: &[u8; HEAD], now: i64, octets: &'a [u8]) -> PayloadSegment<'a> {
    let [what, _, sequence @ .., missing, _] = *head;
    let (client, server) =
        ((Address::v4([10, 0, 0, 1]), 40_000), (Address::v4([10, 0, 0, 2]), PORTS[usize::from(what & 3)]));
    let (from, to) = if what & 4 == 0 { (client, server) } else { (server, client) };
    let direction = if what & 8 == 0 { Direction::Egress } else { Direction::Ingress };
    let key = FlowKey {
        src: from.0,
        dst: to.0,
        src_port: from.1,
        dst_port: to.1,
        iface: InterfaceId(u16::from(what >> 4 & 1)),
        protocol: if what & 32 == 0 { 6 } else { 17 },
        kind: FlowKind::Ipv4,
        direction,
        vlan: None,
        vlan_inner: None,
        tunnel: None,
    };
    // Of four octets the first may say how the connection ends.
    let [flags, high, middle, low] = sequence;
    PayloadSegment {
        time: Timestamp(now),
        key,
        sequence: u32::from_be_bytes([0, high, middle, low]),
        tcp_flags: if flags < 8 { flags } else { 0 },
        length: octets.len() as u32 + u32::from(missing) * 8,
        octets,
        owner: None,
    }
}
