//! The straight parser and the thorough one read the same of a packet: real programs, packets honest and mangled.
//! Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::{Clock, Drain};
use netrig_model::{Direction, InterfaceCounts, InterfaceId, Timestamp};
use netrig_probes::flow::{FlowOptions, FlowProbe, Frame, LinkKind};
use netrig_testkit::require_root;
use std::collections::BTreeMap;

const PACKETS: u32 = 20_000;
const IFACE: InterfaceId = InterfaceId(1);

struct Ticks;

impl Clock for Ticks {
    fn timestamp(&self, tick: u32) -> Timestamp {
        Timestamp(i64::from(tick))
    }
}

/// A small generator with a fixed seed: a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Tags, a network header and a transport of random kinds; every fourth packet has a byte or two of its headers changed.
fn packet(random: &mut Random) -> Vec<u8> {
    let mut p = vec![0x02; 12];
    for tag in 0..random.pick(&[0, 0, 1, 2, 3]) {
        p.extend([0x81, 0x00, random.below(256) as u8, tag]);
    }
    let transport = random.pick(&[6, 6, 17, 17, 1, 58, 132, 47, 50, 0]);
    if random.below(2) == 0 {
        let options = random.pick(&[0, 0, 0, 2]);
        p.extend([0x08, 0x00, 0x45 + options, random.below(256) as u8, 0, 60, 0, 0]);
        p.extend([random.pick(&[0, 0x40, 0x20]), random.pick(&[0, 0, 0, 7]), 64, transport, 0, 0]);
        p.extend([10, 0, 0, random.below(4) as u8, 192, 0, 2, 1]);
        p.resize(p.len() + usize::from(options) * 4, 1);
    } else {
        p.extend([0x86, 0xdd, 0x60 + random.below(16) as u8, random.below(256) as u8, 0, 0, 0, 60, transport, 64]);
        p.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, random.below(4) as u8]);
        p.extend([0xfd; 16]);
    }
    let port = random.pick(&[53_u16, 443, 4789, 6081, 8472]);
    p.extend(random.pick(&[40_000_u16, 4789]).to_be_bytes());
    p.extend(port.to_be_bytes());
    let payload = 40 + random.below(120) as usize;
    p.extend((0..payload).map(|_| random.below(256) as u8));
    if random.below(4) == 0 {
        for _ in 0..=random.below(2) {
            let at = 12 + random.below(62) as usize;
            p[at] = random.below(256) as u8;
        }
    }
    p
}

/// What a run tells: per flow packets, bytes and flags (not the DSCP, which is that of an entry's first packet, and entries
/// depend on the CPU a test runs on); and the interface's counts.
type Told = (BTreeMap<String, (u64, u64, u8)>, InterfaceCounts);

fn run(options: FlowOptions, link: LinkKind) -> Told {
    let mut probe = FlowProbe::load(&options).expect("load");
    let mut drain = Drain::new(probe.memory());
    let mut random = Random(7);
    let mut flows = BTreeMap::new();
    let mut collect = |d: &netrig_model::FlowDelta| {
        let flow: &mut (u64, u64, u8) = flows.entry(format!("{:?}", d.key)).or_default();
        *flow = (flow.0 + d.packets, flow.1 + d.bytes, flow.2 | d.tcp_flags);
    };
    for tick in 0..PACKETS {
        let whole = packet(&mut random);
        let data = if link == LinkKind::RawIp { &whole[14..] } else { &whole[..] };
        let wire_len = data.len() as u32;
        let frame = Frame { data, wire_len, link, iface: IFACE, direction: Direction::Ingress };
        probe.replay(tick, &frame).expect("replay");
        if tick % 512 == 511 {
            drain.outboxes(&Ticks, &mut collect);
        }
    }
    drain.scan(&Ticks, &mut collect);
    let counts = drain.interface_counts(IFACE, Direction::Ingress);
    (flows, counts)
}

fn hold_against_each_other(tunnels: bool, link: LinkKind) {
    let fast = run(FlowOptions::replay(tunnels, 16 << 20), link);
    let thorough = run(FlowOptions { no_fast_path: true, ..FlowOptions::replay(tunnels, 16 << 20) }, link);
    assert_eq!(fast.1, thorough.1, "the interface's counts");
    assert_eq!(fast.1.overflow.packets, 0, "the test means to have room");
    for (flow, counts) in &thorough.0 {
        assert_eq!(fast.0.get(flow), Some(counts), "{flow}");
    }
    assert_eq!(fast.0.len(), thorough.0.len());
}

/// The same of super-packets, which the kernel's programs at tcx are given as they are.
fn run_super_packets(no_fast_path: bool) -> Told {
    let unknown = InterfaceId(0);
    let probe = FlowProbe::load(&FlowOptions { no_fast_path, ..FlowOptions::live(16 << 20) }).expect("load");
    let mut drain = Drain::new(probe.memory());
    let mut random = Random(11);
    let mut flows = BTreeMap::new();
    let mut collect = |d: &netrig_model::FlowDelta| {
        let flow: &mut (u64, u64, u8) = flows.entry(format!("{:?}", d.key)).or_default();
        *flow = (flow.0 + d.packets, flow.1 + d.bytes, flow.2 | d.tcp_flags);
    };
    for number in 0..PACKETS {
        let data = packet(&mut random);
        let (segments, bytes) = (random.pick(&[0, 1, 2, 44]), random.pick(&[20, 100, 1448]));
        probe.try_super_packet(&data, segments, bytes).expect("run");
        if number % 512 == 511 {
            drain.outboxes(&Ticks, &mut collect);
        }
    }
    drain.scan(&Ticks, &mut collect);
    (flows, drain.interface_counts(unknown, Direction::Ingress))
}

#[test]
fn both_parsers_read_the_same_of_super_packets() {
    require_root!();
    let (fast, thorough) = (run_super_packets(false), run_super_packets(true));
    assert_eq!(fast.1, thorough.1, "the interface's counts");
    assert!(fast.1.seen.packets > 2 * fast.1.frames.packets, "{:?}", fast.1);
    assert_eq!(fast.0.len(), thorough.0.len());
    for (flow, counts) in &thorough.0 {
        assert_eq!(fast.0.get(flow), Some(counts), "{flow}");
    }
}

#[test]
fn both_parsers_read_the_same_of_ethernet_frames() {
    require_root!();
    hold_against_each_other(false, LinkKind::Ethernet);
}

#[test]
fn both_parsers_read_the_same_with_tunnels_told() {
    require_root!();
    hold_against_each_other(true, LinkKind::Ethernet);
}

#[test]
fn both_parsers_read_the_same_of_frames_without_a_link_header() {
    require_root!();
    hold_against_each_other(false, LinkKind::RawIp);
}
