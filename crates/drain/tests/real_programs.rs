//! Packets through the real kernel programs, read back by the drain. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::{Clock, Drain};
use netrig_model::{Direction, FlowDelta, FlowKind, InterfaceId, Timestamp};
use netrig_probes::flow::{FlowOptions, FlowProbe, FlowSizes, Frame, LinkKind};
use netrig_probes::wire::{iface_counts, pace_state};
use netrig_testkit::require_root;
use std::mem::offset_of;
use std::time::Duration;

const PACKET_BYTES: u64 = 80;

struct Ticks;

impl Clock for Ticks {
    fn timestamp(&self, tick: u32) -> Timestamp {
        Timestamp(i64::from(tick))
    }
}

/// Ethernet, IPv4, UDP with 38 bytes of payload.
fn udp(source: u32, port: u16) -> Vec<u8> {
    let mut p = vec![0; PACKET_BYTES as usize];
    p[12..14].copy_from_slice(&[0x08, 0x00]);
    p[14] = 0x45;
    p[15] = 46 << 2;
    p[23] = 17;
    p[26..30].copy_from_slice(&source.to_be_bytes());
    p[30..34].copy_from_slice(&[192, 0, 2, 1]);
    p[34..36].copy_from_slice(&port.to_be_bytes());
    p[36..38].copy_from_slice(&53_u16.to_be_bytes());
    p
}

fn frame(data: &[u8]) -> Frame<'_> {
    Frame {
        data,
        wire_len: data.len() as u32,
        link: LinkKind::Ethernet,
        iface: InterfaceId(3),
        direction: Direction::Egress,
    }
}

fn small_tables() -> FlowOptions {
    let mut options = FlowOptions::replay(false, 4 << 20);
    options.sizes = FlowSizes { slots4: 16, outbox4: 16, ..options.sizes };
    options
}

#[test]
fn a_flow_is_told_once_with_all_its_facts() {
    require_root!();
    for no_fast_path in [false, true] {
        tell_a_flow(&FlowOptions { no_fast_path, ..FlowOptions::replay(false, 8 << 20) });
    }
}

fn tell_a_flow(options: &FlowOptions) {
    let mut probe = FlowProbe::load(options).expect("load");
    let mut drain = Drain::new(probe.memory());
    for tick in 5..8 {
        probe.replay(tick, &frame(&udp(0x0a00_0001, 4000))).expect("replay");
    }
    let mut told: Vec<FlowDelta> = Vec::new();
    drain.scan(&Ticks, &mut |d| told.push(*d));
    // One delta, or one for each CPU that the test was moved to meanwhile.
    let d = told[0];
    assert!(told.iter().all(|other| other.key == d.key), "{told:?}");
    let sum = told.iter().fold((0, 0), |sum, d| (sum.0 + d.packets, sum.1 + d.bytes));
    assert_eq!((sum, d.dscp), ((3, 3 * PACKET_BYTES), 46));
    let (first, last) = (told.iter().map(|d| d.first_seen).min(), told.iter().map(|d| d.last_seen).max());
    assert_eq!((first, last), (Some(Timestamp(5)), Some(Timestamp(7))));
    assert_eq!((d.key.src_port, d.key.dst_port, d.key.protocol), (4000, 53, 17));
    assert_eq!(d.key.src.to_string(), "10.0.0.1");
    assert_eq!((d.key.iface, d.key.direction, d.key.kind), (InterfaceId(3), Direction::Egress, FlowKind::Ipv4));
    told.clear();
    drain.scan(&Ticks, &mut |d| told.push(*d));
    assert!(told.is_empty(), "nothing is told twice: {told:?}");
}

/// Jiffies begin five minutes ahead of the end of their 32 bits, so that this happens on every machine.
#[test]
fn who_was_silent_longest_makes_room_also_where_ticks_wrap() {
    require_root!();
    const NEWCOMERS: u32 = 400;
    let options = small_tables();
    let sizes = FlowSizes { outbox4: 1024, ..options.sizes };
    let mut probe = FlowProbe::load(&FlowOptions { sizes, ..options }).expect("load");
    let mut drain = Drain::new(probe.memory());
    let first = u32::MAX - NEWCOMERS / 2;
    for n in 0..NEWCOMERS {
        let tick = first.wrapping_add(n);
        probe.replay(tick, &frame(&udp(0x0a00_0001, 4000))).expect("replay");
        probe.replay(tick, &frame(&udp(0x0a01_0000 + n, 5000))).expect("replay");
    }
    let mut told: Vec<FlowDelta> = Vec::new();
    drain.scan(&Ticks, &mut |d| told.push(*d));
    let packets = |port| told.iter().filter(|d| d.key.src_port == port).map(|d| d.packets).sum::<u64>();
    assert_eq!((packets(4000), packets(5000)), (NEWCOMERS.into(), NEWCOMERS.into()));
    // The one that is never silent keeps its place, one on each CPU that the test was moved to.
    let places = told.iter().filter(|d| d.key.src_port == 4000).count();
    assert!(places <= probe.memory().sizes.cpus as usize, "it lost its place {places} times");
}

/// Many more flows than slots, and an outbox that overflows between passes: what was seen is told or in the overflow,
/// to the packet and the byte, whenever the passes come.
#[test]
fn nothing_is_lost_when_tables_and_outboxes_overflow() {
    require_root!();
    let mut probe = FlowProbe::load(&small_tables()).expect("load");
    let mut drain = Drain::new(probe.memory());
    let (mut packets, mut bytes) = (0, 0);
    let mut random = 1_u32;
    for tick in 0..20_000_u32 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let packet = udp(0x0a00_0000 | ((random >> 16) % 300), 4000);
        probe.replay(tick, &frame(&packet)).expect("replay");
        let mut sink = |d: &FlowDelta| {
            packets += d.packets;
            bytes += d.bytes;
        };
        if random >> 8 & 0x3f == 0 {
            drain.scan(&Ticks, &mut sink);
        } else if random >> 8 & 0x1f == 1 {
            drain.outboxes(&Ticks, &mut sink);
        }
    }
    drain.scan(&Ticks, &mut |d| {
        packets += d.packets;
        bytes += d.bytes;
    });
    let counts = drain.interface_counts(InterfaceId(3), Direction::Egress);
    assert_eq!((counts.seen.packets, counts.seen.bytes), (20_000, 20_000 * PACKET_BYTES));
    assert!(counts.overflow.packets > 0, "the test means to overflow");
    assert_eq!(packets + counts.overflow.packets, counts.seen.packets);
    assert_eq!(bytes + counts.overflow.bytes, counts.seen.bytes);
    let table = drain.table_counts()[0];
    assert!(table.evictions > 1000 && table.overflows > 0 && table.overflows < table.evictions, "{table:?}");
}

#[test]
fn how_full_an_outbox_was_is_known_when_it_has_been_emptied() {
    require_root!();
    let mut options = small_tables();
    (options.sizes.outbox4, options.sizes.outbox6) = (1024, 2048);
    let mut probe = FlowProbe::load(&options).expect("load");
    let mut drain = Drain::new(probe.memory());
    assert_eq!((drain.fullest().fullest, drain.fullest().ring.as_str()), (0, "outbox"));
    let mut took = Vec::new();
    for flows in [400, 100, 5_000] {
        for source in 0..flows {
            probe.replay(1, &frame(&udp(source, 7))).expect("run");
        }
        took.push(drain.outboxes(&Ticks, &mut |_| {}).records);
        let most = took.iter().copied().max().unwrap_or(0);
        assert_eq!((drain.fullest().fullest, drain.fullest().capacity), (most, 1024), "{took:?}");
    }
    assert!(took[0] > took[1] && took[1] > 0 && took[2] == 1024, "{took:?}");
    drain.end_window();
    assert!((drain.fullest().fill() - 1.0).abs() < f64::EPSILON);
    drain.end_window();
    assert_eq!(drain.fullest().fullest, 0);
}

#[test]
fn who_sleeps_is_woken_once_before_an_outbox_is_full() {
    require_root!();
    let mut options = small_tables();
    options.sizes.outbox4 = 1024;
    let mut probe = FlowProbe::load(&options).expect("load");
    let mut bell = probe.bell(None).expect("a bell");
    let mut drain = Drain::new(probe.memory());
    let rings = |bell: &mut netrig_probes::flow::Bell| bell.wait(Duration::from_millis(200)).expect("wait");
    let evict = |probe: &mut FlowProbe, flows: u32| {
        for source in 0..flows {
            probe.replay(1, &frame(&udp(source, 7))).expect("run");
        }
    };
    evict(&mut probe, 200);
    assert!(drain.fill() > 0.1, "{}", drain.fill());
    assert!(!rings(&mut bell), "nobody is asleep");
    drain.outboxes(&Ticks, &mut |_| {});
    assert!(drain.fill() < f64::EPSILON);
    probe.sleep(true);
    evict(&mut probe, 20);
    assert!(!rings(&mut bell), "an outbox that is nearly empty can wait");
    evict(&mut probe, 200);
    assert!(rings(&mut bell), "it is filling");
    evict(&mut probe, 200);
    assert!(!rings(&mut bell), "once is enough");
    probe.sleep(true);
    evict(&mut probe, 1);
    assert!(rings(&mut bell), "who goes to sleep beside a full one is woken by the next record");
    probe.sleep(false);
    evict(&mut probe, 200);
    assert!(!rings(&mut bell), "who is awake need not be woken");
}

/// Jiffies begin near the end of 32 bits, so that what overflows does so five minutes after a machine has started.
#[test]
fn what_chooses_followers_is_not_summed_as_a_count() {
    require_root!();
    let probe = FlowProbe::load(&small_tables()).expect("load");
    let (memory, drain) = (probe.memory(), Drain::new(probe.memory()));
    let (words, follow) = (size_of::<iface_counts>() / 8, offset_of!(iface_counts, follow) / 8);
    for partition in 0..2 {
        let row = (partition * memory.sizes.interfaces as usize + 3) * 2 + Direction::Egress.index();
        (0..size_of::<pace_state>() / 8).for_each(|word| memory.counts.publish(row * words + follow + word, u64::MAX));
        memory.counts.publish(row * words, 5);
    }
    let counts = drain.interface_counts(InterfaceId(3), Direction::Egress);
    assert_eq!((counts.frames.packets, counts.frames.bytes, counts.overflow.packets), (10, 0, 0));
}
