//! The drop probe's shared memory: groups' counts, and what each flow gained.
//!
//! Both only grow. The kernel counts a packet in its group first and then in its flow: whoever reads groups first takes no packet for
//! one without a flow whose flow is only read too early. A flow's place may change hands between two readings: what the former one
//! had gained since is told of no flow, and belongs to its group's rest. So places are read before that can be much.

use crate::shared::{address, halves, text};
use netrig_model::{
    Direction, DropCount, DropFlowKey, DropGain, DropKey, DropSighting, DropSource, PacketFamily, Timestamp,
};
use netrig_probes::SharedWords;
use netrig_probes::drop::DropMemory;
use netrig_probes::wire::{drop_example, drop_flow, drop_gate, drop_group, drop_key, drops};
use rustc_hash::FxHashMap;
use std::mem::offset_of;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

const GROUP_WORDS: usize = size_of::<drop_group>() / 8;
const FLOW_WORDS: usize = size_of::<drop_flow>() / 8;
/// Flows of a CPU want to be read when so many packets were dropped there, one for this many places: then hardly any set of
/// places has met more flows than it has room for, even if every packet was of another flow.
const FLOWS_PER_PACKET: u64 = 16;
/// A place that will not stand still is read the next time.
const RETRIES_MAX: usize = 8;
/// Protocols whose ports the kernel's side reads: TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// What was told of each flow, and which CPUs have dropped nothing since.
#[derive(Debug)]
pub struct Drops {
    memory: Arc<DropMemory>,
    remembered: Vec<Remembered>,
    /// By CPU: packets in its groups at the last two readings of its flows, the latest first.
    read_at: Vec<[u64; 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    generation: u32,
    packets: u32,
    bytes: u64,
}

impl Remembered {
    /// What a reading adds; remembers it. Counters wrap, and begin anew with each generation.
    fn advance(&mut self, generation: u32, packets: u32, bytes: u64) -> (u64, u64) {
        if generation != self.generation {
            *self = Self { generation, ..Self::default() };
        }
        let gain = (packets.wrapping_sub(self.packets).into(), bytes.wrapping_sub(self.bytes));
        (self.packets, self.bytes) = (packets, bytes);
        gain
    }
}

impl Drops {
    /// For a probe's memory.
    #[must_use]
    pub fn new(memory: Arc<DropMemory>) -> Self {
        let (cpus, flows) = (memory.sizes.cpus as usize, memory.sizes.flows as usize);
        Self { remembered: vec![Remembered::default(); cpus * flows], read_at: vec![[0; 2]; cpus], memory }
    }

    /// Tells what flows gained on CPUs that drop so much that it cannot wait. Call it a few times each second: where little
    /// is dropped it reads counts of groups only.
    pub fn turn(&mut self, sink: &mut dyn FnMut(&DropGain)) {
        let pressing = (u64::from(self.memory.sizes.flows) / FLOWS_PER_PACKET).max(1);
        for cpu in 0..self.read_at.len() {
            let now = self.packets_of_cpu(cpu);
            if now.wrapping_sub(self.read_at[cpu][0]) >= pressing {
                self.flows_of_cpu(cpu, now, sink);
            }
        }
    }

    /// Tells what every flow gained. Ask for [`Self::counts`] before, not afterwards.
    pub fn scan(&mut self, sink: &mut dyn FnMut(&DropGain)) {
        for cpu in 0..self.read_at.len() {
            let now = self.packets_of_cpu(cpu);
            // A packet is counted in its group a moment before its flow: a CPU is at rest when it was so the last time too.
            if self.read_at[cpu] != [now; 2] {
                self.flows_of_cpu(cpu, now, sink);
            }
        }
    }

    fn flows_of_cpu(&mut self, cpu: usize, packets_now: u64, sink: &mut dyn FnMut(&DropGain)) {
        let Self { memory, remembered, read_at } = self;
        let size = memory.sizes.flows as usize;
        let words = memory.flows.words();
        let places = words[cpu * size * FLOW_WORDS..(cpu + 1) * size * FLOW_WORDS].chunks_exact(FLOW_WORDS);
        for (place, remembered) in places.zip(&mut remembered[cpu * size..(cpu + 1) * size]) {
            let flow = Flow::hands(place);
            if flow == (remembered.generation, remembered.packets) || flow.0 == 0 {
                continue;
            }
            let Some(flow) = Flow::steady(place) else { continue };
            let (packets, bytes) = remembered.advance(flow.generation(), flow.packets(), flow.0[5]);
            if packets == 0 {
                continue;
            }
            if let (Some((key, _)), Some(of)) = (group(&memory.groups, cpu, flow.group()), flow.key()) {
                sink(&DropGain { key, flow: of, packets, bytes, pid: flow.pid() });
            }
        }
        read_at[cpu] = [packets_now, read_at[cpu][0]];
    }

    /// Packets that ended on a CPU: those of the other sources have no flows.
    fn packets_of_cpu(&self, cpu: usize) -> u64 {
        let groups = self.memory.groups.words();
        let first = cpu * drops::GROUPS * GROUP_WORDS + offset_of!(drop_group, packets) / 8;
        let rest = drops::GROUPS_REST;
        let places = (0..drops::GROUPS_SKB).chain(rest..=rest);
        places.map(|place| groups[first + place * GROUP_WORDS].load(Ordering::Acquire)).sum()
    }

    /// What was counted, over all CPUs, in the order of the keys.
    #[must_use]
    pub fn counts(&self) -> Vec<DropCount> {
        let mut counts = FxHashMap::<DropKey, DropCount>::default();
        for (_, at, key) in self.groups() {
            let load = |offset: usize| self.memory.groups.load(at + offset / 8);
            let name = |offset: usize| text(&self.memory.groups, at + offset / 8);
            let fresh = || DropCount { key, packets: 0, bytes: 0, iface: None, program: None };
            let count = counts.entry(key).or_insert_with(fresh);
            count.packets += load(offset_of!(drop_group, packets));
            count.bytes += load(offset_of!(drop_group, bytes));
            count.iface = count.iface.take().or_else(|| name(offset_of!(drop_group, iface)));
            count.program = count.program.take().or_else(|| name(offset_of!(drop_group, program)));
        }
        let mut counts: Vec<_> = counts.into_values().filter(|count| count.packets > 0).collect();
        counts.sort_unstable_by_key(|count| count.key);
        counts
    }

    /// Groups on the CPU that has most of them, and the most it can have.
    #[must_use]
    pub fn places(&self) -> (u64, u64) {
        let mut taken = vec![0; self.read_at.len()];
        self.groups().for_each(|(cpu, ..)| taken[cpu] += 1);
        (taken.into_iter().max().unwrap_or(0), drops::GROUPS as u64)
    }

    /// CPU, first word and key.
    fn groups(&self) -> impl Iterator<Item = (usize, usize, DropKey)> + '_ {
        let all = (0..self.read_at.len()).flat_map(|cpu| (0..drops::GROUPS).map(move |place| (cpu, place)));
        all.filter_map(|(cpu, place)| {
            let (key, at) = group(&self.memory.groups, cpu, place)?;
            Some((cpu, at, key))
        })
    }

    /// Examples that found no room in the ring.
    #[must_use]
    pub fn examples_lost(&self) -> u64 {
        self.memory.gate.load(offset_of!(drop_gate, examples_lost) / 8)
    }
}

/// A group that has begun, and where its words are.
fn group(groups: &SharedWords, cpu: usize, place: usize) -> Option<(DropKey, usize)> {
    if place >= drops::GROUPS {
        return None;
    }
    let at = (cpu * drops::GROUPS + place) * GROUP_WORDS;
    let tail = groups.words()[at + 2].load(Ordering::Acquire);
    let taken = tail.to_ne_bytes()[offset_of!(drop_key, taken) - 16] != 0;
    taken.then(|| (decode_key([groups.load(at), groups.load(at + 1), tail]), at))
}

/// `drop_key`, word by word.
fn decode_key([location, numbers, tail]: [u64; 3]) -> DropKey {
    let ([reason, ifindex], [netns, _]) = (halves(numbers), halves(tail));
    let bytes = tail.to_ne_bytes();
    let byte = |offset: usize| bytes[offset - 16];
    let source = match byte(offset_of!(drop_key, source)) {
        drops::SOURCE_SOCKET => DropSource::Socket,
        drops::SOURCE_XDP => DropSource::Xdp,
        _ => DropSource::Skb,
    };
    let direction = match byte(offset_of!(drop_key, direction)) {
        drops::WAY_INGRESS => Some(Direction::Ingress),
        drops::WAY_EGRESS => Some(Direction::Egress),
        _ => None,
    };
    let no_packet = source == DropSource::Xdp || reason == drops::REASON_OTHER;
    // Of a frame that never became a packet the place is its program: errors and CPUs would only split its group.
    let location = if source == DropSource::Xdp { 0 } else { location };
    let family = (!no_packet).then(|| family(byte(offset_of!(drop_key, family))));
    DropKey { source, reason, location, ifindex, netns, direction, family }
}

fn family(number: u8) -> PacketFamily {
    match number {
        drops::FAMILY_IPV4 => PacketFamily::Ipv4,
        drops::FAMILY_IPV6 => PacketFamily::Ipv6,
        drops::FAMILY_ARP => PacketFamily::Arp,
        drops::FAMILY_UNIX => PacketFamily::Unix,
        drops::FAMILY_NETLINK => PacketFamily::Netlink,
        drops::FAMILY_PACKET => PacketFamily::Packet,
        _ => PacketFamily::Other,
    }
}

/// A packet as the kernel's side sent it through the ring. `lag_ns` is what the monotonic clock lacks to the time of day.
#[must_use]
pub fn sighting(example: &drop_example, lag_ns: i64) -> DropSighting {
    let (key, flow) = (&example.key, &example.flow);
    let bytes = |words: [u32; 2]| {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&words[0].to_ne_bytes());
        bytes[4..].copy_from_slice(&words[1].to_ne_bytes());
        u64::from_ne_bytes(bytes)
    };
    let [a, b, c, d] = key.netns.to_ne_bytes();
    let tail = u64::from_ne_bytes([a, b, c, d, key.source, key.direction, key.family, key.taken]);
    let ([s0, s1], [d0, d1]) = (flow.src_port.to_ne_bytes(), flow.dst_port.to_ne_bytes());
    let facts = u64::from_ne_bytes([s0, s1, d0, d1, 0, 0, flow.protocol, flow.family]);
    let [a0, a1, a2, a3] = flow.addr;
    let captured = (example.captured as usize).min(example.octets.len());
    DropSighting {
        time: Timestamp(example.monotonic_ns.cast_signed()).plus_ns(lag_ns),
        key: decode_key([key.location, bytes([key.reason, key.ifindex]), tail]),
        flow: Flow([a0, a1, a2, a3, facts, 0, 0, 0]).key(),
        pid: (flow.pid != 0).then_some(flow.pid),
        length: example.length,
        octets: example.octets[..captured].to_vec(),
    }
}

/// `drop_flow`, word by word.
struct Flow([u64; FLOW_WORDS]);

impl Flow {
    /// Generation and packets.
    fn hands(place: &[AtomicU64]) -> (u32, u32) {
        (halves(place[7].load(Ordering::Acquire))[0], halves(place[6].load(Ordering::Relaxed))[0])
    }

    /// A place's words while its generation stood still; none where it would not.
    fn steady(place: &[AtomicU64]) -> Option<Self> {
        for _ in 0..RETRIES_MAX {
            let (before, _) = Self::hands(place);
            if before & 1 == 0 {
                let read = Self(std::array::from_fn(|word| place[word].load(Ordering::Relaxed)));
                fence(Ordering::Acquire);
                if Self::hands(place).0 == before && read.generation() == before {
                    return Some(read);
                }
            }
            std::hint::spin_loop();
        }
        None
    }

    fn generation(&self) -> u32 {
        halves(self.0[7])[0]
    }

    fn packets(&self) -> u32 {
        halves(self.0[6])[0]
    }

    fn pid(&self) -> Option<u32> {
        Some(halves(self.0[6])[1]).filter(|pid| *pid != 0)
    }

    fn facts(&self) -> [u8; 8] {
        self.0[4].to_ne_bytes()
    }

    fn group(&self) -> usize {
        let facts = self.facts();
        u16::from_ne_bytes([facts[4], facts[5]]).into()
    }

    fn key(&self) -> Option<DropFlowKey> {
        let f = self.facts();
        let (src, dst) = match f[7] {
            drops::FAMILY_IPV4 => (self.address4(0), self.address4(1)),
            drops::FAMILY_IPV6 => (self.address6(0), self.address6(2)),
            _ => return None,
        };
        // Nobody sends from or to port 0; a later fragment has no ports, and is told by that.
        let any = f[..4].iter().any(|byte| *byte != 0);
        let port = |n: usize| (any && WITH_PORTS.contains(&f[6])).then(|| u16::from_be_bytes([f[2 * n], f[2 * n + 1]]));
        Some(DropFlowKey { protocol: f[6], src: (src, port(0)), dst: (dst, port(1)) })
    }

    fn address4(&self, n: usize) -> IpAddr {
        let mut bytes = [0; 16];
        bytes[12..].copy_from_slice(&self.0[3].to_ne_bytes()[4 * n..4 * n + 4]);
        address(bytes, true)
    }

    fn address6(&self, first: usize) -> IpAddr {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0[first].to_ne_bytes());
        bytes[8..].copy_from_slice(&self.0[first + 1].to_ne_bytes());
        IpAddr::V6(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_where_the_wire_has_them() {
        assert_eq!(offset_of!(drop_group, key), 0);
        assert_eq!(offset_of!(drop_key, location), 0);
        assert_eq!((offset_of!(drop_key, reason), offset_of!(drop_key, ifindex)), (8, 12));
        assert_eq!((offset_of!(drop_key, netns), offset_of!(drop_key, source)), (16, 20));
        assert_eq!((offset_of!(drop_flow, src_port), offset_of!(drop_flow, group)), (32, 36));
        assert_eq!((offset_of!(drop_flow, protocol), offset_of!(drop_flow, family)), (38, 39));
        assert_eq!((offset_of!(drop_flow, bytes), offset_of!(drop_flow, packets)), (40, 48));
        assert_eq!((offset_of!(drop_flow, pid), offset_of!(drop_flow, generation)), (52, 56));
        assert_eq!(size_of::<Remembered>(), 16);
    }

    proptest! {
        #[test]
        fn gains_add_up_over_wraps_and_changes_of_hands(
            lives in prop::collection::vec(prop::collection::vec((1_u32..u32::MAX, 1_u64..1 << 40), 1..6), 1..6)
        ) {
            let mut remembered = Remembered::default();
            for (n, life) in (1..).zip(lives) {
                let (mut packets, mut bytes) = (0_u32, 0_u64);
                for (more, octets) in life {
                    packets = packets.wrapping_add(more);
                    bytes += octets;
                    prop_assert_eq!(remembered.advance(2 * n, packets, bytes), (more.into(), octets));
                }
            }
        }

        #[test]
        fn arbitrary_words_are_decoded_without_a_fault(words: [u64; 8], key: [u64; 3]) {
            let flow = Flow(words);
            let of = flow.key();
            prop_assert!(of.is_none_or(|of| of.src.0.is_ipv4() == of.dst.0.is_ipv4()));
            let key = decode_key(key);
            prop_assert!(key.source != DropSource::Xdp || key.location == 0);
        }
    }

    #[test]
    fn an_example_says_what_its_flow_and_group_say() {
        let mut example = drop_example { length: 1500, captured: 4, ..drop_example::default() };
        example.octets[..4].copy_from_slice(&[0x45, 0, 5, 0xdc]);
        example.key.reason = 3;
        example.key.ifindex = 7;
        example.key.location = 0xffff_ffff_8100_0000;
        (example.key.direction, example.key.family) = (drops::WAY_INGRESS, drops::FAMILY_IPV4);
        example.flow.addr[3] = u64::from_ne_bytes([10, 0, 0, 1, 10, 0, 0, 2]);
        (example.flow.src_port, example.flow.dst_port) = (9000_u16.to_be(), 53_u16.to_be());
        (example.flow.protocol, example.flow.family) = (17, drops::FAMILY_IPV4);
        let seen = sighting(&example, 0);
        assert_eq!((seen.key.reason, seen.key.ifindex, seen.key.direction), (3, 7, Some(Direction::Ingress)));
        assert_eq!((seen.key.source, seen.key.family), (DropSource::Skb, Some(PacketFamily::Ipv4)));
        let flow = seen.flow.expect("a flow");
        assert_eq!(flow.src, ([10, 0, 0, 1].into(), Some(9000)));
        assert_eq!(flow.dst, ([10, 0, 0, 2].into(), Some(53)));
        assert_eq!((seen.octets.as_slice(), seen.length, seen.pid), ([0x45, 0, 5, 0xdc].as_slice(), 1500, None));
    }
}
