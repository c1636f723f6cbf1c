//! Counts of drops: as real packets make them, and as the kernel hands its places on. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::drops::{Drops, sighting};
use netrig_model::{Direction, DropFlowKey, DropGain, DropSighting, DropSource, PacketFamily};
use netrig_probes::drop::{DropMemory, DropOptions, DropProbe};
use netrig_probes::wire::{drop_flow, drop_group, drops};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

fn load() -> DropProbe {
    DropProbe::load(&DropOptions::live(4 << 20), None).expect("load")
}

fn scan(drops: &mut Drops) -> Vec<DropGain> {
    let mut gains = Vec::new();
    drops.scan(&mut |gain| gains.push(*gain));
    gains
}

/// What the kernel's side would write.
struct Kernel<'a>(&'a DropMemory);

impl Kernel<'_> {
    /// A group of this CPU for IPv4 packets that came in on interface 3.
    fn begin_group(&self, cpu: usize, place: usize, location: u64) {
        let at = self.group(cpu, place);
        self.0.groups.publish(at, location);
        self.0.groups.publish(at + 1, u64::from_ne_bytes([2, 0, 0, 0, 3, 0, 0, 0]));
        let tail = [0, 0, 0, 0xf0, drops::SOURCE_SKB, drops::WAY_INGRESS, drops::FAMILY_IPV4, 1];
        self.0.groups.publish(at + offset_of!(drop_group, iface) / 8, u64::from_ne_bytes(*b"eth0\0\0\0\0"));
        self.0.groups.publish(at + 2, u64::from_ne_bytes(tail));
    }

    fn group(&self, cpu: usize, place: usize) -> usize {
        (cpu * drops::GROUPS + place) * size_of::<drop_group>() / 8
    }

    fn count(&self, cpu: usize, place: usize, packets: u64) {
        let at = self.group(cpu, place) + offset_of!(drop_group, packets) / 8;
        self.0.groups.publish(at, self.0.groups.load(at) + packets);
        self.0.groups.publish(at + 1, self.0.groups.load(at + 1) + 100 * packets);
    }

    /// So many packets from 10.0.0.1:`port` to 10.0.0.2:53 lie in a place of this CPU.
    fn flow(&self, cpu: usize, place: usize, (generation, port): (u32, u16), packets: u32) {
        let at = (cpu * self.0.sizes.flows as usize + place) * size_of::<drop_flow>() / 8;
        let flows = &self.0.flows;
        let two = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        flows.publish(at + 3, u64::from_ne_bytes([10, 0, 0, 1, 10, 0, 0, 2]));
        let [high, low] = port.to_be_bytes();
        flows.publish(at + 4, u64::from_ne_bytes([high, low, 0, 53, 0, 0, 17, drops::FAMILY_IPV4]));
        flows.publish(at + 5, 100 * u64::from(packets));
        flows.publish(at + 6, two(packets, 77));
        flows.publish(at + 7, two(generation, 0));
    }
}

#[test]
fn a_flow_whose_place_is_handed_on_tells_the_next_one_nothing_of_the_former() {
    require_root!();
    let probe = load();
    let memory = probe.memory();
    let mut drops = Drops::new(probe.memory());
    let kernel = Kernel(&memory);
    kernel.begin_group(0, 0, 0x1000);
    kernel.count(0, 0, 5);
    kernel.flow(0, 9, (2, 1111), 5);
    let gains = scan(&mut drops);
    assert_eq!(gains.len(), 1);
    assert_eq!((gains[0].packets, gains[0].bytes, gains[0].pid), (5, 500, Some(77)));
    assert_eq!(gains[0].flow.src, ([10, 0, 0, 1].into(), Some(1111)));
    assert_eq!((gains[0].key.ifindex, gains[0].key.direction), (3, Some(Direction::Ingress)));
    assert_eq!(gains[0].key.family, Some(PacketFamily::Ipv4));
    assert_eq!(scan(&mut drops), [], "nothing was gained");
    // Two more of the former that nobody has read, and seven of the next.
    kernel.count(0, 0, 9);
    kernel.flow(0, 9, (4, 2222), 7);
    let gains = scan(&mut drops);
    assert_eq!((gains.len(), gains[0].packets, gains[0].flow.src.1), (1, 7, Some(2222)));
    let counts = drops.counts();
    assert_eq!((counts.len(), counts[0].packets, counts[0].bytes), (1, 14, 1400));
    assert_eq!(counts[0].iface.as_deref(), Some("eth0"));
    assert_eq!(drops.places(), (1, drops::GROUPS as u64));
}

#[test]
fn a_flow_that_is_counted_a_moment_after_its_group_is_found_the_next_time() {
    require_root!();
    let probe = load();
    let memory = probe.memory();
    let mut drops = Drops::new(probe.memory());
    let kernel = Kernel(&memory);
    kernel.begin_group(0, 0, 0x1000);
    kernel.count(0, 0, 1);
    assert_eq!(scan(&mut drops), []);
    kernel.flow(0, 9, (2, 1111), 1);
    assert_eq!(scan(&mut drops).len(), 1);
}

#[test]
fn flows_are_read_between_windows_only_where_many_packets_were_dropped() {
    require_root!();
    let probe = load();
    let memory = probe.memory();
    let mut drops = Drops::new(probe.memory());
    let kernel = Kernel(&memory);
    kernel.begin_group(0, 0, 0x1000);
    kernel.count(0, 0, 1);
    kernel.flow(0, 9, (2, 1111), 1);
    let mut turn = || {
        let mut gained = 0;
        drops.turn(&mut |gain| gained += gain.packets);
        gained
    };
    assert_eq!(turn(), 0);
    let many = memory.sizes.flows;
    kernel.count(0, 0, many.into());
    kernel.flow(0, 9, (2, 1111), 1 + many);
    assert_eq!(turn(), u64::from(many) + 1);
}

#[test]
fn groups_of_all_cpus_are_one() {
    require_root!();
    let probe = load();
    let memory = probe.memory();
    let drops = Drops::new(probe.memory());
    let kernel = Kernel(&memory);
    for cpu in 0..memory.sizes.cpus as usize {
        kernel.begin_group(cpu, 3 * cpu, 0x1000);
        kernel.begin_group(cpu, 3 * cpu + 1, 0x2000);
        kernel.count(cpu, 3 * cpu, 4);
    }
    let counts = drops.counts();
    assert_eq!(counts.len(), 1, "a group that has counted nothing is not told");
    assert_eq!(counts[0].packets, 4 * u64::from(memory.sizes.cpus));
}

/// A port that nobody listens to, and one to send from.
fn closed_port() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let closed = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("bind");
    (socket, closed)
}

#[test]
fn real_drops_are_told_by_their_flow_and_shown() {
    require_root!();
    const COUNT: u64 = 20;
    let mut probe = load();
    let mut drops = Drops::new(probe.memory());
    probe.attach().expect("attach");
    let (socket, closed) = closed_port();
    for _ in 0..COUNT {
        socket.send_to(&[7; 100], closed).expect("send");
    }
    std::thread::sleep(Duration::from_millis(50));
    let sender = socket.local_addr().expect("address");
    let flow =
        DropFlowKey { protocol: 17, src: (sender.ip(), Some(sender.port())), dst: (closed.ip(), Some(closed.port())) };
    let gains = scan(&mut drops);
    let of_flow: Vec<_> = gains.iter().filter(|gain| gain.flow == flow).collect();
    assert_eq!(of_flow.iter().map(|gain| gain.packets).sum::<u64>(), COUNT, "{gains:#?}");
    let key = of_flow[0].key;
    assert_eq!((key.source, key.direction), (DropSource::Skb, Some(Direction::Ingress)));
    assert_ne!((key.location, key.reason), (0, 0));
    let by_key: BTreeMap<_, _> = drops.counts().into_iter().map(|count| (count.key, count.packets)).collect();
    assert!(by_key[&key] >= COUNT);
    for gain in &gains {
        assert!(by_key[&gain.key] >= gain.packets, "no flow has more than its group: {gain:?}");
    }
    let lag_ns = realtime_lag_ns(&probe);
    let mut seen: Vec<DropSighting> = Vec::new();
    probe.examples(&mut |example| seen.push(sighting(example, lag_ns))).expect("examples");
    let (waited, room) = probe.examples_waited();
    let one = size_of::<netrig_probes::wire::drop_example>() as u64;
    assert_eq!(room, 256 << 10);
    assert!((one..=room).contains(&waited), "{waited} octets of {} examples lay in the ring", seen.len());
    let example = seen.iter().find(|seen| seen.flow == Some(flow)).expect("one of ours was looked at");
    assert_eq!((example.key, example.length), (key, 108));
    assert_eq!(example.octets[0], 0x45, "they begin with the network header");
    let ago = now_ns() - example.time.0;
    assert!((0..10_000_000_000).contains(&ago), "{ago} ns ago");
}

/// By the probe's own clock.
fn realtime_lag_ns(probe: &DropProbe) -> i64 {
    probe.clock().at_monotonic(0).0
}

fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("this century")
}
