//! The pass over tables and outboxes.

use crate::clock::Clock;
use crate::counts::{self, TableCounts};
use crate::decode::Slot;
use crate::remembered::Remembered;
use netrig_model::{Direction, FlowDelta, InterfaceCounts, InterfaceId, RingStatus, TrafficCounts};
use netrig_probes::flow::FlowMemory;
use netrig_probes::wire::outbox_ends;
use netrig_probes::{HighWater, SharedWords};
use rustc_hash::FxHashMap;
use std::mem::offset_of;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// How often a slot that changes hands under the reader is read again before it is left to the next pass.
const RETRIES_MAX: u32 = 16;

/// Slots that are read between two looks at the outboxes: some hundred microseconds where every one has changed.
const PART_SLOTS: usize = 4096;

/// Records whose slots are looked up together.
const READ_AHEAD: u64 = 32;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Deltas told.
    pub deltas: u64,
    /// Of these, from records of evicted flows.
    pub records: u64,
    /// Slots that changed hands while being read, too often to be read in this pass.
    pub postponed: u64,
}

impl ScanStats {
    fn add(&mut self, other: Self) {
        self.deltas += other.deltas;
        self.records += other.records;
        self.postponed += other.postponed;
    }
}

type Sink<'a> = &'a mut dyn FnMut(&FlowDelta);

/// How far a pass over the tables has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// The slot it goes on from, those of IPv4 first.
    next: usize,
    /// What it has done.
    pub stats: ScanStats,
}

impl Pass {
    /// The slots that come next, of those before `end`.
    fn part(&mut self, end: usize) -> Range<usize> {
        let begin = self.next;
        self.next = end.min(begin + PART_SLOTS);
        begin..self.next
    }
}

/// Reads the flow probe's memory; remembers what it has told.
#[derive(Debug)]
pub struct Drain {
    memory: Arc<FlowMemory>,
    ipv4: Family<8>,
    ipv6: Family<16>,
    /// Overflow that had been told already when its record was folded into the interface's sum.
    retold: FxHashMap<(InterfaceId, Direction), TrafficCounts>,
}

/// One address family's memory of its slots.
#[derive(Debug)]
struct Family<const W: usize> {
    slots: Vec<Remembered>,
    /// Flows that lost their slot between two passes, until their record is found: (slot, generation).
    orphans: FxHashMap<(u32, u32), Remembered>,
    /// Records that waited in an outbox.
    waited: HighWater,
}

impl Drain {
    /// For one probe's memory. Whatever is in the tables already is told by the first pass.
    #[must_use]
    pub fn new(memory: Arc<FlowMemory>) -> Self {
        let sizes = memory.sizes;
        Self {
            ipv4: Family::new(sizes.cpus as usize * sizes.slots4 as usize),
            ipv6: Family::new(sizes.cpus as usize * sizes.slots6 as usize),
            memory,
            retold: FxHashMap::default(),
        }
    }

    /// User-space memory that the remembering takes, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        ((self.ipv4.slots.len() + self.ipv6.slots.len()) * size_of::<Remembered>()) as u64
    }

    /// Takes what is in the outboxes. Cheap when they are empty; call it often while flows churn.
    pub fn outboxes(&mut self, clock: &dyn Clock, sink: Sink<'_>) -> ScanStats {
        let memory = Arc::clone(&self.memory);
        let mut stats = ScanStats::default();
        for cpu in 0..memory.sizes.cpus as usize {
            let size = memory.sizes.outbox4 as usize;
            stats.add(self.ipv4.outbox(&memory, &memory.outbox4, (cpu, size, false), clock, sink));
            let size = memory.sizes.outbox6 as usize;
            stats.add(self.ipv6.outbox(&memory, &memory.outbox6, (cpu, size, true), clock, sink));
        }
        stats
    }

    /// Records that wait in the fullest outbox, as a part of its room. It costs a few loads.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let sizes = &self.memory.sizes;
        let word = |cpu: usize, offset: usize| self.memory.ends.load((cpu * size_of::<outbox_ends>() + offset) / 8);
        let waiting = |cpu: usize, head: usize, tail: usize| word(cpu, head).saturating_sub(word(cpu, tail)) as f64;
        let of_cpu = |cpu: usize| {
            let ipv4 = waiting(cpu, offset_of!(outbox_ends, head4), offset_of!(outbox_ends, tail4));
            let ipv6 = waiting(cpu, offset_of!(outbox_ends, head6), offset_of!(outbox_ends, tail6));
            (ipv4 / f64::from(sizes.outbox4)).max(ipv6 / f64::from(sizes.outbox6))
        };
        (0..sizes.cpus as usize).map(of_cpu).fold(0.0, f64::max)
    }

    /// How full the fullest outbox was.
    #[must_use]
    pub fn fullest(&self) -> RingStatus {
        let sizes = &self.memory.sizes;
        let of = |waited: HighWater, size: u32| waited.status("outbox", size.into());
        let (ipv4, ipv6) = (of(self.ipv4.waited, sizes.outbox4), of(self.ipv6.waited, sizes.outbox6));
        if ipv6.fill() > ipv4.fill() { ipv6 } else { ipv4 }
    }

    /// Another window begins: how full the fullest outbox is is told of this and the one before.
    pub fn end_window(&mut self) {
        self.ipv4.waited.end_window();
        self.ipv6.waited.end_window();
    }

    /// A whole pass: every flow's gain since the last one.
    pub fn scan(&mut self, clock: &dyn Clock, sink: Sink<'_>) -> ScanStats {
        let mut pass = Pass::default();
        while self.part(&mut pass, clock, sink) {}
        pass.stats
    }

    /// The next part of a pass, so that its caller may do something else in between, such as to wait for a slow disk while it takes
    /// what is in the outboxes. False when the pass is over.
    pub fn part(&mut self, pass: &mut Pass, clock: &dyn Clock, sink: Sink<'_>) -> bool {
        let memory = Arc::clone(&self.memory);
        pass.stats.add(self.outboxes(clock, sink));
        let slots4 = self.ipv4.slots.len();
        if pass.next < slots4 {
            let part = pass.part(slots4);
            pass.stats.add(self.ipv4.table(&memory.table4, part, clock, sink));
            return true;
        }
        let part = pass.part(slots4 + self.ipv6.slots.len());
        if !part.is_empty() {
            let part = part.start - slots4..part.end - slots4;
            pass.stats.add(self.ipv6.table(&memory.table6, part, clock, sink));
            return true;
        }
        let mut retold = std::mem::take(&mut self.retold);
        self.ipv4.settle_orphans(&mut retold);
        self.ipv6.settle_orphans(&mut retold);
        self.retold = retold;
        false
    }

    /// One interface's counts; `overflow` without what had been told before it overflowed.
    #[must_use]
    pub fn interface_counts(&self, iface: InterfaceId, direction: Direction) -> InterfaceCounts {
        let mut counts = counts::interface(&self.memory, iface, direction);
        if let Some(retold) = self.retold.get(&(iface, direction)) {
            counts.overflow = counts.overflow.since(*retold);
        }
        counts
    }

    /// Counters of the IPv4 table (which also holds what is not IP) and of the IPv6 table.
    #[must_use]
    pub fn table_counts(&self) -> [TableCounts; 2] {
        [counts::table(&self.memory, false), counts::table(&self.memory, true)]
    }
}

impl<const W: usize> Family<W> {
    fn new(slots: usize) -> Self {
        Self { slots: vec![Remembered::default(); slots], orphans: FxHashMap::default(), waited: HighWater::default() }
    }

    fn outbox(
        &mut self,
        memory: &FlowMemory,
        records: &SharedWords,
        (cpu, size, second): (usize, usize, bool),
        clock: &dyn Clock,
        sink: Sink<'_>,
    ) -> ScanStats {
        let (head_word, tail_word) = counts::outbox_words(cpu, second);
        let head = memory.ends.words()[head_word].load(Ordering::Acquire);
        let tail = memory.ends.load(tail_word);
        self.waited.see(head - tail);
        let word_of = |position: u64| (cpu * size + (position as usize & (size - 1))) * W;
        for position in tail..head {
            if (position - tail).is_multiple_of(READ_AHEAD) {
                let ahead = position..head.min(position + READ_AHEAD);
                self.touch(ahead.map(|p| Slot::<W>::place_of(records.load(word_of(p) + Slot::<W>::COLD + 1))));
            }
            let at = word_of(position);
            let record = Slot::<W> { words: std::array::from_fn(|word| records.load(at + word)) };
            self.finish(&record, clock, sink);
            // Room is given back in portions: each store costs the kernel's side a cache miss.
            if position & 63 == 63 {
                memory.ends.publish(tail_word, position + 1);
            }
        }
        if head != tail {
            memory.ends.publish(tail_word, head);
        }
        let taken = head - tail;
        ScanStats { deltas: taken, records: taken, postponed: 0 }
    }

    /// Brings what is remembered of these slots into the cache: they lie anywhere, and misses asked for side by side
    /// overlap.
    fn touch(&self, places: impl Iterator<Item = u32>) {
        let sum = places.filter_map(|place| self.slots.get(place as usize)).fold(0, |sum, s| sum ^ s.generation());
        std::hint::black_box(sum);
    }

    /// A flow's last word: what it has beyond what was told of it.
    fn finish(&mut self, record: &Slot<W>, clock: &dyn Clock, sink: Sink<'_>) {
        let (place, generation) = (record.place_in_table(), record.generation());
        let mut whole = Remembered::new(generation, record.place());
        let remembered = match self.slots.get_mut(place as usize) {
            Some(slot) if slot.generation() == generation => Some(slot),
            _ => None,
        };
        let orphan = if remembered.is_some() { None } else { self.orphans.remove(&(place, generation)) };
        let told = match (remembered, orphan) {
            (Some(slot), _) => {
                let gain = slot.advance(record.packets(), record.bytes());
                slot.finish();
                gain
            }
            (None, Some(mut orphan)) => orphan.advance(record.packets(), record.bytes()),
            (None, None) => whole.advance(record.packets(), record.bytes()),
        };
        tell(record, told, clock, sink);
    }

    fn table(&mut self, table: &SharedWords, part: Range<usize>, clock: &dyn Clock, sink: Sink<'_>) -> ScanStats {
        let mut stats = ScanStats::default();
        let words = table.words();
        for (index, remembered) in part.clone().zip(&mut self.slots[part]) {
            let slot = &words[index * W..(index + 1) * W];
            let packets = Slot::<W>::packets_of(slot[Slot::<W>::KEY].load(Ordering::Relaxed));
            let cold = slot[Slot::<W>::COLD].load(Ordering::Relaxed);
            let generation = Slot::<W>::generation_of(cold);
            if generation == remembered.generation() && (packets == remembered.packets() || generation == 0) {
                continue;
            }
            let Some(read) = read_steady::<W>(slot) else {
                stats.postponed += 1;
                continue;
            };
            if read.generation() != remembered.generation() {
                let fresh = Remembered::new(read.generation(), read.place());
                let former = std::mem::replace(remembered, fresh);
                if former.is_open() {
                    self.orphans.insert((index as u32, former.generation()), former);
                }
            } else if !remembered.is_open() {
                continue;
            }
            let gain = remembered.advance(read.packets(), read.bytes());
            if gain != (0, 0) {
                tell(&read, gain, clock, sink);
                stats.deltas += 1;
            }
        }
        stats
    }

    /// Their records were not in the outbox, so they went into the overflow, whole: with what had been told of them.
    fn settle_orphans(&mut self, retold: &mut FxHashMap<(InterfaceId, Direction), TrafficCounts>) {
        for (_, orphan) in self.orphans.drain() {
            let (place, packets, bytes) = orphan.told();
            if !place.inner {
                let direction = if place.egress { Direction::Egress } else { Direction::Ingress };
                retold.entry((InterfaceId(place.iface), direction)).or_default().add(TrafficCounts { packets, bytes });
            }
        }
    }
}

/// A slot's words while its generation stood still, or none when it would not.
pub(crate) fn read_steady<const W: usize>(slot: &[std::sync::atomic::AtomicU64]) -> Option<Slot<W>> {
    for _ in 0..RETRIES_MAX {
        let before = Slot::<W>::generation_of(slot[Slot::<W>::COLD].load(Ordering::Acquire));
        if before & 1 == 1 {
            std::hint::spin_loop();
            continue;
        }
        let read = Slot::<W> { words: std::array::from_fn(|word| slot[word].load(Ordering::Relaxed)) };
        fence(Ordering::Acquire);
        if Slot::<W>::generation_of(slot[Slot::<W>::COLD].load(Ordering::Relaxed)) == before {
            return Some(read);
        }
    }
    None
}

fn tell<const W: usize>(slot: &Slot<W>, (packets, bytes): (u64, u64), clock: &dyn Clock, sink: Sink<'_>) {
    sink(&FlowDelta {
        key: slot.key(),
        packets,
        bytes,
        first_seen: clock.timestamp(slot.first()),
        last_seen: clock.timestamp(slot.last()),
        tcp_flags: slot.tcp_flags(),
        first_flags: slot.first_flags(),
        dscp: slot.dscp(),
        pid: slot.pid(),
    });
}
