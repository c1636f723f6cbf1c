//! The policy probe's shared memory: what rules matched, whose packets, and what was taken from the stack.
//!
//! A rule is counted in a slot on each CPU, by one writer there: sums only grow. A slot may be given to another rule; what the
//! former one counted stays in the kernel's memory, and is remembered here so that the next one begins at 0.

use crate::shared::halves;
use netrig_model::{
    PolicyAction, PolicyCount, PolicyFlow, PolicyMode, PolicyRemoved, PolicySighting, PolicySource, TrafficCounts,
};
use netrig_probes::TickClock;
use netrig_probes::policy::PolicyMemory;
use netrig_probes::wire::{
    policy, policy_acts, policy_count, policy_event, policy_gate, policy_removed, policy_source, policy_source_set,
};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const COUNT_WORDS: usize = size_of::<policy_count>() / 8;
const REMOVED_WORDS: usize = size_of::<policy_removed>() / 8;
const SOURCE_WORDS: usize = size_of::<policy_source>() / 8;
const SET_WORDS: usize = size_of::<policy_source_set>() / 8;
/// Protocols whose ports the kernel's side reads: TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// Reads the counts of rules; remembers where each began.
#[derive(Debug)]
pub struct PolicyDrain {
    memory: Arc<PolicyMemory>,
    slots: Vec<Slot>,
    /// By place: sources of rules that have lost their slot.
    left: FxHashMap<usize, Source>,
}

/// A slot's sums where its rule began, and as they were told last.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    base: Sums,
    told: Sums,
}

/// What all CPUs counted in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    matched: TrafficCounts,
    over: TrafficCounts,
    /// Jiffies; 0: never.
    last: u64,
}

impl Sums {
    /// What was counted since `base`, and never less than was told. The last hit is one of these only if there is any.
    fn advance(&mut self, now: Self, base: Self) {
        let highest = |told: TrafficCounts, now: TrafficCounts| TrafficCounts {
            packets: told.packets.max(now.packets),
            bytes: told.bytes.max(now.bytes),
        };
        self.matched = highest(self.matched, now.matched.since(base.matched));
        self.over = highest(self.over, now.over.since(base.over));
        if self.matched.packets > 0 {
            self.last = self.last.max(now.last);
        }
    }
}

/// A source in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source {
    slot: u16,
    addr: IpAddr,
    /// Of those that were looked at.
    packets: u32,
}

impl PolicyDrain {
    /// For a probe's memory. What is counted there already is told as the rules' own: their policy may be older than the rig.
    #[must_use]
    pub fn new(memory: Arc<PolicyMemory>) -> Self {
        Self { memory, slots: vec![Slot::default(); policy::RULES], left: FxHashMap::default() }
    }

    /// All that was counted in a slot since its rule was given it. Never goes backwards; nothing for a slot that cannot be.
    pub fn count(&mut self, slot: u16, clock: &TickClock) -> PolicyCount {
        let now = self.sums(slot);
        let Some(Slot { base, told }) = self.slots.get_mut(usize::from(slot)) else { return PolicyCount::default() };
        told.advance(now, *base);
        PolicyCount {
            matched: told.matched,
            over: told.over,
            last_hit: (told.last != 0).then(|| clock.at_jiffies(told.last)),
        }
    }

    /// The slot will be another rule's, which begins at 0. Call it when nothing counts there any more for the former one.
    pub fn forget(&mut self, slot: u16) {
        let base = self.sums(slot);
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            *place = Slot { base, told: Sums::default() };
        }
        let of_slot = self.places().filter(|(_, source)| source.slot == slot);
        let left: Vec<_> = of_slot.collect();
        self.left.extend(left);
    }

    /// Whose packets each slot's rule matched most, the `most` largest of each, all CPUs together.
    pub fn top_sources(&mut self, most: usize) -> BTreeMap<u16, Vec<PolicySource>> {
        let places: FxHashMap<usize, Source> = self.places().collect();
        // A place that has changed hands since has lost what its former source had.
        let stays = |place: &usize, left: &mut Source| {
            places
                .get(place)
                .is_some_and(|now| now.slot == left.slot && now.addr == left.addr && now.packets >= left.packets)
        };
        self.left.retain(stays);
        let mut sums = BTreeMap::<(u16, IpAddr), u64>::new();
        for (place, source) in places {
            let packets = source.packets - self.left.get(&place).map_or(0, |left| left.packets);
            if packets > 0 {
                *sums.entry((source.slot, source.addr)).or_default() += u64::from(packets);
            }
        }
        let mut of_slots = BTreeMap::<u16, Vec<PolicySource>>::new();
        for ((slot, addr), packets) in sums {
            let packets_estimated = packets * policy::SOURCE_SAMPLING;
            of_slots.entry(slot).or_default().push(PolicySource { addr, packets_estimated });
        }
        for sources in of_slots.values_mut() {
            sources.sort_by_key(|source| (Reverse(source.packets_estimated), source.addr));
            sources.truncate(most);
        }
        of_slots
    }

    /// What was taken from the stack, by the interface that received it. Never goes backwards.
    #[must_use]
    pub fn removed(&self) -> Vec<PolicyRemoved> {
        let of_place = |place: usize| {
            let sum = |offset: usize| -> u64 {
                let at = |cpu: usize| (cpu * policy::IFACES + place) * REMOVED_WORDS + offset / 8;
                (0..self.memory.cpus).map(|cpu| self.memory.removed.load(at(cpu))).sum()
            };
            PolicyRemoved {
                ifindex: Some(self.ifindex(place)).filter(|ifindex| *ifindex != 0),
                dropped: TrafficCounts {
                    packets: sum(offset_of!(policy_removed, dropped_packets)),
                    bytes: sum(offset_of!(policy_removed, dropped_bytes)),
                },
                redirected: TrafficCounts {
                    packets: sum(offset_of!(policy_removed, redirected_packets)),
                    bytes: sum(offset_of!(policy_removed, redirected_bytes)),
                },
            }
        };
        let all = (0..policy::IFACES).map(of_place);
        all.filter(|each| each.ifindex.is_some() || each.dropped.packets + each.redirected.packets > 0).collect()
    }

    /// Packets looked at that found their ring full.
    #[must_use]
    pub fn events_lost(&self) -> u64 {
        self.gate(offset_of!(policy_gate, events_lost))
    }

    /// Sources whose bucket was taken from them before it was full again.
    #[must_use]
    pub fn buckets_lost(&self) -> u64 {
        self.gate(offset_of!(policy_gate, buckets_lost))
    }

    /// Packets that met no policy, and passed.
    #[must_use]
    pub fn fell_back(&self) -> u64 {
        self.gate(offset_of!(policy_gate, fell_back))
    }

    fn gate(&self, offset: usize) -> u64 {
        self.memory.gate.load(offset / 8)
    }

    fn ifindex(&self, place: usize) -> u32 {
        halves(self.memory.gate.load(offset_of!(policy_gate, ifaces) / 8 + place / 2))[place % 2]
    }

    fn sums(&self, slot: u16) -> Sums {
        let mut sums = Sums::default();
        if usize::from(slot) >= policy::RULES {
            return sums;
        }
        for cpu in 0..self.memory.cpus {
            let at = (cpu * policy::RULES + usize::from(slot)) * COUNT_WORDS;
            let load = |offset: usize| self.memory.counts.load(at + offset / 8);
            sums.matched.add(TrafficCounts {
                packets: load(offset_of!(policy_count, packets)),
                bytes: load(offset_of!(policy_count, bytes)),
            });
            sums.over.add(TrafficCounts {
                packets: load(offset_of!(policy_count, over_packets)),
                bytes: load(offset_of!(policy_count, over_bytes)),
            });
            sums.last = sums.last.max(load(offset_of!(policy_count, last)));
        }
        sums
    }

    /// All places for sources that are taken.
    fn places(&self) -> impl Iterator<Item = (usize, Source)> + '_ {
        let all = 0..self.memory.cpus * policy::SOURCE_SETS * policy::SOURCE_WAYS;
        all.filter_map(|place| {
            let at = place / policy::SOURCE_WAYS * SET_WORDS + place % policy::SOURCE_WAYS * SOURCE_WORDS;
            let words = std::array::from_fn(|word| self.memory.sources.load(at + word));
            Some((place, source(words)?))
        })
    }
}

/// `policy_source`, word by word; none of a place that is free.
fn source(words: [u64; SOURCE_WORDS]) -> Option<Source> {
    let mut address = [0; 16];
    address[..8].copy_from_slice(&words[0].to_ne_bytes());
    address[8..].copy_from_slice(&words[1].to_ne_bytes());
    let tail = words[3].to_ne_bytes();
    let taken = tail[offset_of!(policy_source, taken) - 24] != 0;
    taken.then(|| Source {
        slot: u16::from_ne_bytes([tail[0], tail[1]]),
        addr: Ipv6Addr::from(address).to_canonical(),
        packets: halves(words[2])[1],
    })
}

/// A packet as the kernel's side sent it through the ring.
#[must_use]
pub fn sighting(event: &policy_event, clock: &TickClock) -> PolicySighting {
    let captured = usize::from(event.captured).min(event.octets.len());
    PolicySighting {
        time: clock.at_monotonic(event.monotonic_ns),
        slot: event.slot,
        ifindex: event.ifindex,
        action: action(event.act),
        mode: if event.shadow != 0 { PolicyMode::Shadow } else { PolicyMode::Enforce },
        over: event.over != 0,
        ethertype: event.ethertype,
        ip: flow(event),
        length: event.length,
        octets: event.octets[..captured].to_vec(),
    }
}

fn action(number: u8) -> Option<PolicyAction> {
    Some(match number {
        policy_acts::DROP => PolicyAction::Drop,
        policy_acts::PASS => PolicyAction::Pass,
        policy_acts::COUNT => PolicyAction::Count,
        policy_acts::SAMPLE => PolicyAction::Sample,
        policy_acts::LIMIT => PolicyAction::Limit,
        policy_acts::REDIRECT_INTERFACE | policy_acts::REDIRECT_CPU => PolicyAction::Redirect,
        policy_acts::SYN_GUARD => PolicyAction::SynGuard,
        _ => return None,
    })
}

fn flow(event: &policy_event) -> Option<PolicyFlow> {
    let (src, dst) = match event.family {
        4 => {
            let [s0, s1, s2, s3, d0, d1, d2, d3] = event.addr[3].to_ne_bytes();
            (Ipv4Addr::new(s0, s1, s2, s3).into(), Ipv4Addr::new(d0, d1, d2, d3).into())
        }
        6 => (address6(event.addr[0], event.addr[1]), address6(event.addr[2], event.addr[3])),
        _ => return None,
    };
    let ports = [event.src_port, event.dst_port].map(u16::from_be);
    // Nobody sends from or to port 0; a later fragment has no ports, and is told by that.
    let has_ports = ports != [0; 2] && WITH_PORTS.contains(&event.protocol);
    let port = |n: usize| has_ports.then_some(ports[n]);
    Some(PolicyFlow { protocol: event.protocol, src: (src, port(0)), dst: (dst, port(1)) })
}

fn address6(first: u64, second: u64) -> IpAddr {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_ne_bytes());
    bytes[8..].copy_from_slice(&second.to_ne_bytes());
    Ipv6Addr::from(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_where_the_wire_has_them() {
        assert_eq!((offset_of!(policy_source, addr), offset_of!(policy_source, weight)), (0, 16));
        assert_eq!((offset_of!(policy_source, packets), offset_of!(policy_source, slot)), (20, 24));
        assert_eq!((offset_of!(policy_source, taken), size_of::<policy_source>()), (26, 32));
        assert_eq!((offset_of!(policy_count, last), offset_of!(policy_gate, ifaces) % 8), (32, 0));
    }

    #[test]
    fn a_source_is_read_as_the_kernel_wrote_it() {
        let mapped = [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10, 0, 0, 7])];
        let tail = u64::from_ne_bytes([3, 0, 1, 0, 0, 0, 0, 0]);
        let counts = u64::from_ne_bytes([5, 0, 0, 0, 9, 0, 0, 0]);
        let read = source([mapped[0], mapped[1], counts, tail]);
        if cfg!(target_endian = "little") {
            assert_eq!(read, Some(Source { slot: 3, addr: Ipv4Addr::new(10, 0, 0, 7).into(), packets: 9 }));
        }
        assert_eq!(source([mapped[0], mapped[1], counts, 0]), None);
    }

    proptest! {
        #[test]
        fn what_is_told_never_goes_backwards(readings in prop::collection::vec((0_u64..1000, 0_u64..1000), 1..20)) {
            let sums = |(packets, last)| Sums {
                matched: TrafficCounts { packets, bytes: packets * 60 },
                over: TrafficCounts { packets: packets / 2, bytes: packets * 30 },
                last,
            };
            let base = sums(readings[0]);
            let mut told = Sums::default();
            for reading in readings {
                let before = told;
                told.advance(sums(reading), base);
                prop_assert!(told.matched.packets >= before.matched.packets && told.last >= before.last);
                prop_assert!(told.over.bytes >= before.over.bytes);
                prop_assert!(told.matched.packets > 0 || told.last == 0);
            }
        }
    }
}
