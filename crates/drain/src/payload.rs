//! The payload part's shared memory: every CPU's ring of copies becomes one row of segments, in the order of their times.
//!
//! A ring has one writer, the CPU's programs, and one reader, this. A record is looked at only when its writer's end has passed it, and
//! its room is given back only when it has been told.

use crate::decode::Slot;
use netrig_model::{FlowKey, KernelOwner, PayloadCounts, PayloadSegment, RingStatus, Timestamp};
use netrig_probes::HighWater;
use netrig_probes::payload::PayloadMemory;
use netrig_probes::wire::{flow_key, payload_ends, payload_record, payloads};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// After so many octets the writer is told that there is room again: not for each packet, for both sides would wait for the same cache
/// line all the time.
const TELL_OCTETS: u64 = 1 << 14;
const HEAD: u64 = size_of::<payload_record>() as u64;
const HEAD_WORDS: usize = size_of::<payload_record>() / 8;
const ENDS_WORDS: usize = size_of::<payload_ends>() / 8;

/// Where segments go.
pub type SegmentSink<'a> = &'a mut dyn FnMut(&PayloadSegment<'_>);

/// Reads the rings of all CPUs.
#[derive(Debug)]
pub struct PayloadDrain {
    memory: Arc<PayloadMemory>,
    rings: Vec<Ring>,
    /// The next record's time of each ring that has one, and the ring.
    next: BinaryHeap<Reverse<(u64, usize)>>,
    octets: Vec<u8>,
    /// Octets that waited in a ring.
    waited: HighWater,
}

/// How far one ring has been read.
#[derive(Clone, Copy, Debug, Default)]
struct Ring {
    /// Octets, in the ring's life.
    at: u64,
    /// How far the writer knows of that.
    told: u64,
    /// How far the writer was when it was last looked at.
    written: u64,
}

/// A record without its octets.
struct Record {
    monotonic_ns: u64,
    /// Octets that follow.
    captured: usize,
    length: u32,
    key: FlowKey,
    sequence: u32,
    tcp_flags: u8,
    owner: Option<KernelOwner>,
}

impl PayloadDrain {
    /// For a probe's memory, from where it was read last.
    #[must_use]
    pub fn new(memory: Arc<PayloadMemory>) -> Self {
        let ring = |cpu| {
            let at = end(&memory, cpu, offset_of!(payload_ends, tail));
            Ring { at, told: at, written: at }
        };
        let rings = (0..memory.cpus as usize).map(ring).collect();
        Self { memory, rings, next: BinaryHeap::new(), octets: Vec::new(), waited: HighWater::default() }
    }

    /// Hands on every segment up to this instant of the monotonic clock, the earliest first. Leave out the last 2 ms or so: an older one
    /// may come yet from another CPU. `offset_ns` is what real time has beyond the monotonic clock. Returns how many they were.
    pub fn take(&mut self, until_ns: u64, offset_ns: i64, each: SegmentSink<'_>) -> u64 {
        self.take_timed(until_ns, &|monotonic_ns| Timestamp(monotonic_ns.cast_signed().wrapping_add(offset_ns)), each)
    }

    /// Hands on all there is, as of this time: in a replay, what one packet has brought. Returns how many they were.
    pub fn take_all(&mut self, time: Timestamp, each: SegmentSink<'_>) -> u64 {
        self.take_timed(u64::MAX, &|_| time, each)
    }

    fn take_timed(&mut self, until_ns: u64, time: &dyn Fn(u64) -> Timestamp, each: SegmentSink<'_>) -> u64 {
        self.next.clear();
        for cpu in 0..self.rings.len() {
            let first = self.peek(cpu).map(|first| Reverse((first, cpu)));
            self.next.extend(first);
        }
        let mut taken = 0;
        while let Some(Reverse((first, cpu))) = self.next.pop() {
            if first > until_ns {
                break;
            }
            // They come in runs: as long as this ring has the earliest one, no other has to be looked at.
            let others = self.next.peek().map_or(until_ns, |Reverse((other, _))| until_ns.min(*other));
            while let Some(next) = self.peek(cpu) {
                if next > others {
                    self.next.push(Reverse((next, cpu)));
                    break;
                }
                self.tell(cpu, time, each);
                taken += 1;
            }
        }
        for cpu in 0..self.rings.len() {
            self.give_back(cpu);
        }
        taken
    }

    /// What became of packets whose payload was worth a copy, in the kernel; the parsers' part is not known here.
    #[must_use]
    pub fn counts(&self) -> PayloadCounts {
        let sum = |offset| (0..self.rings.len()).map(|cpu| end(&self.memory, cpu, offset)).sum();
        // In this order: what is copied meanwhile is wanted before.
        let (copied, lost) = (sum(offset_of!(payload_ends, copied)), sum(offset_of!(payload_ends, lost)));
        PayloadCounts { wanted: copied + lost, copied, lost, ..PayloadCounts::default() }
    }

    /// How full the fullest ring is, from 0 to 1.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let waiting = |(cpu, ring): (usize, &Ring)| {
            end(&self.memory, cpu, offset_of!(payload_ends, head)).saturating_sub(ring.told)
        };
        let most = self.rings.iter().enumerate().map(waiting).max().unwrap_or(0);
        most as f64 / self.memory.ring_octets as f64
    }

    /// How full the fullest ring was.
    #[must_use]
    pub fn fullest(&self) -> RingStatus {
        self.waited.status("payload", self.memory.ring_octets)
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub fn end_window(&mut self) {
        self.waited.end_window();
    }

    /// Time of the next record, if there is one.
    fn peek(&mut self, cpu: usize) -> Option<u64> {
        let size = self.memory.ring_octets;
        let ring = &mut self.rings[cpu];
        loop {
            if ring.at >= ring.written {
                ring.written = end(&self.memory, cpu, offset_of!(payload_ends, head));
                self.waited.see(ring.written.saturating_sub(ring.told));
            }
            if ring.at >= ring.written {
                return None;
            }
            match self.memory.rings.load(word_at(&self.memory, cpu, ring.at)) {
                // It goes on at the ring's start.
                0 => ring.at += size - (ring.at & (size - 1)),
                time => return Some(time),
            }
        }
    }

    fn tell(&mut self, cpu: usize, time: &dyn Fn(u64) -> Timestamp, each: SegmentSink<'_>) {
        let first = word_at(&self.memory, cpu, self.rings[cpu].at);
        let behind = first + HEAD_WORDS;
        let all = self.memory.rings.words();
        let record = Record::read(&all[first..behind]);
        let words = record.captured.div_ceil(8);
        if self.octets.len() < words * 8 {
            self.octets.resize(words * 8, 0);
        }
        for (to, word) in self.octets.chunks_exact_mut(8).zip(&all[behind..behind + words]) {
            to.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        each(&PayloadSegment {
            time: time(record.monotonic_ns),
            key: record.key,
            sequence: record.sequence,
            tcp_flags: record.tcp_flags,
            length: record.length,
            octets: &self.octets[..record.captured],
            owner: record.owner,
        });
        self.rings[cpu].at += HEAD + words as u64 * 8;
        if self.rings[cpu].at - self.rings[cpu].told >= TELL_OCTETS {
            self.give_back(cpu);
        }
    }

    /// Tells the writer how much room there is.
    fn give_back(&mut self, cpu: usize) {
        let ring = &mut self.rings[cpu];
        if ring.told != ring.at {
            ring.told = ring.at;
            self.memory.ends.publish(cpu * ENDS_WORDS + offset_of!(payload_ends, tail) / 8, ring.at);
        }
    }
}

impl Record {
    /// From a head's words.
    fn read(shared: &[AtomicU64]) -> Self {
        let mut words = [0; HEAD_WORDS];
        words.iter_mut().zip(shared).for_each(|(word, shared)| *word = shared.load(Ordering::Relaxed));
        let word = |offset: usize| words[offset / 8];
        let half = |offset: usize| {
            let both = word(offset).to_ne_bytes();
            let at = offset % 8;
            u32::from_ne_bytes([both[at], both[at + 1], both[at + 2], both[at + 3]])
        };
        let flags = word(offset_of!(payload_record, tcp_flags)).to_ne_bytes();
        let is_ipv6 = flags[offset_of!(payload_record, is_ipv6) - offset_of!(payload_record, tcp_flags)] != 0;
        let pid = half(offset_of!(payload_record, pid));
        let owner = || {
            let mut process = [0; 16];
            process[..8].copy_from_slice(&word(offset_of!(payload_record, process)).to_ne_bytes());
            process[8..].copy_from_slice(&word(offset_of!(payload_record, process) + 8).to_ne_bytes());
            KernelOwner { pid, process, cgroup: word(offset_of!(payload_record, cgroup)) }
        };
        Self {
            monotonic_ns: word(offset_of!(payload_record, monotonic_ns)),
            captured: (half(offset_of!(payload_record, captured)) as usize).min(payloads::OCTETS_MAX),
            length: half(offset_of!(payload_record, length)),
            key: key(&|at| word(offset_of!(payload_record, key) + at * 8), is_ipv6),
            sequence: half(offset_of!(payload_record, sequence)),
            tcp_flags: flags[0],
            owner: (pid != 0).then(owner),
        }
    }
}

/// A `flow_key`, word by word.
fn key(word: &dyn Fn(usize) -> u64, is_ipv6: bool) -> FlowKey {
    /// An IPv4 flow's begins with the fourth.
    const IPV4: usize = offset_of!(flow_key, addr) / 8 + 3;
    if is_ipv6 {
        let words = std::array::from_fn(|at| if at < Slot::<16>::KEY { word(at) } else { 0 });
        return Slot::<16> { words }.key();
    }
    let words = std::array::from_fn(|at| if at < Slot::<8>::KEY { word(IPV4 + at) } else { 0 });
    Slot::<8> { words }.key()
}

/// One of a CPU's counts, or of its ring's ends.
fn end(memory: &PayloadMemory, cpu: usize, offset: usize) -> u64 {
    memory.ends.words()[cpu * ENDS_WORDS + offset / 8].load(Ordering::Acquire)
}

/// Where in the memory of all rings a place of one ring is.
fn word_at(memory: &PayloadMemory, cpu: usize, at: u64) -> usize {
    (cpu as u64 * memory.ring_octets + (at & (memory.ring_octets - 1))) as usize / 8
}
