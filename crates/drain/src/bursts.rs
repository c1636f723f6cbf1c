//! The burst probe's shared memory: every CPU's fine buckets become one row of them for each interface and direction.
//!
//! The kernel's clock may be late by two jiffies, so a bucket is read once it is older than that, and long before its ring has
//! gone round; what was overwritten all the same is counted as lost. Samples are taken out of their rings more often, for
//! these are short.

use crate::scan::read_steady;
use crate::shared::halves;
use netrig_model::{BurstBucket, BurstRing, BurstSample, Direction, FlowKey, InterfaceId, RingStatus};
use netrig_probes::burst::{BurstMemory, BurstSizes};
use netrig_probes::flow::FlowMemory;
use netrig_probes::wire::{burst_bucket, burst_cpu, burst_retransmit, burst_sample, bursts};
use netrig_probes::{HighWater, SharedWords};
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// Two jiffies of the slowest clock, and some.
const SETTLED_NS: u64 = 25_000_000;
const BUCKET_WORDS: usize = size_of::<burst_bucket>() / 8;
const SAMPLE_WORDS: usize = size_of::<burst_sample>() / 8;
const CPU_WORDS: usize = size_of::<burst_cpu>() / 8;
/// Samples that wait for their bucket, for each of a CPU's ring: more than come before the next reading.
const WAITING_RINGS: usize = 4;

/// Where buckets, and their samples, go.
pub type BurstSink<'a> = &'a mut dyn FnMut(BurstRing, BurstsRead<'_>);

/// Of one interface and direction: what has been read.
#[derive(Clone, Copy, Debug)]
pub struct BurstsRead<'a> {
    /// In a row, empty ones too.
    pub buckets: &'a [BurstBucket],
    /// Before and among them: those that could not be read, or not whole.
    pub lost: u64,
    /// Of any of them, in the order of their buckets.
    pub samples: &'a [BurstSample],
}

/// Reads the burst probe's memory.
#[derive(Debug)]
pub struct Bursts {
    memory: Arc<BurstMemory>,
    /// Number of the first bucket that has not been read; none before the first reading.
    next: Option<u64>,
    ends: Vec<Ends>,
    /// Samples whose bucket has not been read.
    waiting: Vec<(Place, BurstSample)>,
    retransmits: Vec<(Place, u64)>,
    row: Vec<BurstBucket>,
    row_samples: Vec<BurstSample>,
    /// Samples that waited in a CPU's ring, and buckets in an interface's.
    waited: [HighWater; 2],
}

/// What samples' numbers stand for.
#[derive(Clone, Debug)]
pub struct SampledFlows(Arc<FlowMemory>);

impl SampledFlows {
    /// In this flow table.
    #[must_use]
    pub fn new(memory: Arc<FlowMemory>) -> Self {
        Self(memory)
    }

    /// The flow, and the process that sent it, where the kernel knew; none of a flow whose place is another's by now.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<(FlowKey, Option<u32>)> {
        let (place, generation) = (number as u32, (number >> 32) as u16);
        let at = (place & !bursts::SLOT_IPV6) as usize;
        if place & bursts::SLOT_IPV6 == 0 {
            flow_at::<8>(&self.0.table4, at, generation)
        } else {
            flow_at::<16>(&self.0.table6, at, generation)
        }
    }
}

/// How far one CPU's rings have been read.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    samples: u64,
    retransmits: u64,
}

/// Which bucket: interface and direction as the kernel writes them, then the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    iface: u16,
    number: u64,
}

impl Place {
    fn of_ring((iface, direction): BurstRing, number: u64) -> Self {
        let egress = if direction == Direction::Egress { bursts::IFACE_EGRESS } else { 0 };
        Self { iface: iface.0 | egress, number }
    }
}

impl Bursts {
    /// For a probe's memory. What lies in it already is passed over.
    #[must_use]
    pub fn new(memory: Arc<BurstMemory>) -> Self {
        let cpus = memory.sizes.cpus as usize;
        let end = |cpu: usize, offset: usize| memory.cpus.load(cpu * CPU_WORDS + offset / 8);
        let ends = |cpu| Ends {
            samples: end(cpu, offset_of!(burst_cpu, samples)),
            retransmits: end(cpu, offset_of!(burst_cpu, retransmits)),
        };
        Self {
            ends: (0..cpus).map(ends).collect(),
            memory,
            next: None,
            waiting: Vec::new(),
            retransmits: Vec::new(),
            row: Vec::new(),
            row_samples: Vec::new(),
            waited: [HighWater::default(); 2],
        }
    }

    /// Length of a bucket, nanoseconds.
    #[must_use]
    pub fn bucket_ns(&self) -> u64 {
        self.memory.bucket_ns
    }

    /// Whether there are rings for this interface.
    #[must_use]
    pub fn has(&self, iface: InterfaceId) -> bool {
        iface.0 != 0 && u32::from(iface.0) <= self.memory.sizes.ifaces
    }

    /// How large the rings are.
    #[must_use]
    pub fn sizes(&self) -> BurstSizes {
        self.memory.sizes
    }

    /// Samples that wait in the fullest ring, as a part of its room. It costs a few loads.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let waiting = |(cpu, ends): (usize, &Ends)| {
            end_of(&self.memory, cpu, offset_of!(burst_cpu, samples)).saturating_sub(ends.samples)
        };
        let most = self.ends.iter().enumerate().map(waiting).max().unwrap_or(0);
        most as f64 / f64::from(self.memory.sizes.samples)
    }

    /// How full the fullest ring of samples was; and how much of the rings of buckets, which go round with time, had not been read.
    #[must_use]
    pub fn fullest(&self) -> [RingStatus; 2] {
        let (sizes, [samples, buckets]) = (self.memory.sizes, self.waited);
        [samples.status("burst_samples", sizes.samples.into()), buckets.status("burst_buckets", sizes.buckets.into())]
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub fn end_window(&mut self) {
        self.waited.iter_mut().for_each(HighWater::end_window);
    }

    /// Takes samples out of their rings, at this instant of the monotonic clock. Call it every 20 ms or so: a full link fills a
    /// ring in a tenth of a second.
    pub fn collect(&mut self, now_ns: u64) {
        let now = now_ns / self.memory.bucket_ns;
        let samples = self.memory.sizes.samples as usize;
        let room = samples * WAITING_RINGS * self.ends.len();
        let memory = Arc::clone(&self.memory);
        for (cpu, ends) in self.ends.iter_mut().enumerate() {
            let put = end_of(&memory, cpu, offset_of!(burst_cpu, samples));
            self.waited[0].see(put.saturating_sub(ends.samples));
            let first = ends.samples.max(put.saturating_sub(samples as u64));
            for at in first..put {
                if self.waiting.len() == room {
                    break;
                }
                let word = (cpu * samples + at as usize % samples) * SAMPLE_WORDS;
                self.waiting.extend(sample(&memory.samples, word, now));
            }
            ends.samples = put;
        }
    }

    /// Hands on every bucket that has been settled since the last reading, of these interfaces, both ways. Call it more often
    /// than rings go round, which takes half a second where they are shortest.
    pub fn read(&mut self, now_ns: u64, ifaces: &[InterfaceId], sink: BurstSink<'_>) {
        self.collect(now_ns);
        let now = now_ns / self.memory.bucket_ns;
        let end = now_ns.saturating_sub(SETTLED_NS) / self.memory.bucket_ns;
        let from = self.next.replace(end).unwrap_or(end);
        if end <= from {
            self.next = Some(from);
            return;
        }
        // The ring holds this bucket and as many before it as it is long; one is left to what is being written.
        let whole_from = (now + 2).saturating_sub(u64::from(self.memory.sizes.buckets)).max(from).min(end);
        if !ifaces.is_empty() {
            self.waited[1].see(now + 1 - from);
        }
        self.take_retransmits(now, end);
        self.waiting.sort_unstable_by_key(|(place, _)| *place);
        let memory = Arc::clone(&self.memory);
        let busy: Vec<_> = (0..self.ends.len()).filter(|cpu| is_busy(&memory, *cpu, whole_from)).collect();
        let with_rings: Vec<_> = ifaces.iter().copied().filter(|iface| self.has(*iface)).collect();
        for ring in with_rings.into_iter().flat_map(|iface| Direction::BOTH.map(|way| (iface, way))) {
            let lost = whole_from - from + self.read_row(ring, whole_from, end, &busy);
            let samples = within(&self.waiting, Place::of_ring(ring, whole_from), Place::of_ring(ring, end));
            self.row_samples.clear();
            self.row_samples.extend(samples.iter().map(|(_, sample)| *sample));
            sink(ring, BurstsRead { buckets: &self.row, lost, samples: &self.row_samples });
        }
        self.waiting.retain(|(place, _)| place.number >= end);
        self.retransmits.clear();
    }

    /// Fills `row`, all CPUs together. Returns how many buckets are not whole.
    fn read_row(&mut self, ring: BurstRing, from: u64, end: u64, busy: &[usize]) -> u64 {
        self.row.clear();
        self.row.extend((from..end).map(|number| BurstBucket { number, ..BurstBucket::default() }));
        let sizes = self.memory.sizes;
        let way = usize::from(ring.1 == Direction::Egress);
        let mut lost = 0;
        for bucket in &mut self.row {
            let mut whole = true;
            for cpu in busy {
                let row = (cpu * sizes.ifaces as usize + usize::from(ring.0.0) - 1) * 2 + way;
                let place = bucket.number as usize & (sizes.buckets as usize - 1);
                whole &= add_bucket(
                    &self.memory.buckets,
                    (row * sizes.buckets as usize + place) * BUCKET_WORDS,
                    sizes.buckets,
                    bucket,
                );
            }
            lost += u64::from(!whole);
        }
        for (place, segments) in within(&self.retransmits, Place::of_ring(ring, from), Place::of_ring(ring, end)) {
            self.row[(place.number - from) as usize].retransmits += segments;
        }
        lost
    }

    /// Those of buckets up to `end`; of the last entry of a ring more may come.
    fn take_retransmits(&mut self, now: u64, end: u64) {
        for (cpu, ends) in self.ends.iter_mut().enumerate() {
            let put = end_of(&self.memory, cpu, offset_of!(burst_cpu, retransmits));
            ends.retransmits = ends.retransmits.max(put.saturating_sub(bursts::RETRANSMITS as u64));
            while ends.retransmits < put {
                let at = cpu * bursts::RETRANSMITS + ends.retransmits as usize % bursts::RETRANSMITS;
                let entry = self.memory.retransmits.load(at * size_of::<burst_retransmit>() / 8).to_ne_bytes();
                let half = |at: usize| u16::from_ne_bytes([entry[at], entry[at + 1]]);
                let number = whole_number(u32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]), now);
                if number >= end {
                    break;
                }
                let iface = half(offset_of!(burst_retransmit, iface)) | bursts::IFACE_EGRESS;
                let segments = half(offset_of!(burst_retransmit, segments));
                self.retransmits.push((Place { iface, number }, segments.into()));
                ends.retransmits += 1;
            }
        }
        self.retransmits.sort_unstable();
    }
}

/// How much was ever put into one of a CPU's rings.
fn end_of(memory: &BurstMemory, cpu: usize, offset: usize) -> u64 {
    memory.cpus.words()[cpu * CPU_WORDS + offset / 8].load(Ordering::Acquire)
}

/// Whether a CPU has counted anything from this bucket on.
fn is_busy(memory: &BurstMemory, cpu: usize, from: u64) -> bool {
    let [latest, _] = halves(memory.cpus.load(cpu * CPU_WORDS + offset_of!(burst_cpu, number) / 8));
    latest.wrapping_sub(from as u32).cast_signed() >= 0
}

/// Adds one CPU's bucket where its number is the one. False if it has been overwritten, which one of the next few rounds of the
/// ring did: what is older, or of an empty ring, is only not there.
fn add_bucket(words: &SharedWords, at: usize, ring: u32, into: &mut BurstBucket) -> bool {
    let [number, bytes] = halves(words.load(at));
    if number != into.number as u32 {
        return bytes == 0 || number.wrapping_sub(into.number as u32) > ring * 4;
    }
    let counts = words.load(at + offset_of!(burst_bucket, packets) / 8).to_ne_bytes();
    let flows = at + offset_of!(burst_bucket, flows) / 8;
    let flows = u128::from(words.load(flows)) | u128::from(words.load(flows + 1)) << 64;
    fence(Ordering::Acquire);
    if halves(words.load(at))[0] != number {
        return false;
    }
    into.bytes += u64::from(bytes);
    into.packets += u64::from(u32::from_ne_bytes([counts[0], counts[1], counts[2], counts[3]]));
    into.ce_packets += u64::from(u16::from_ne_bytes([counts[4], counts[5]]));
    into.flows |= flows;
    true
}

fn sample(words: &SharedWords, at: usize, now: u64) -> Option<(Place, BurstSample)> {
    let [number, slot] = halves(words.load(at));
    let tail = words.load(at + 1).to_ne_bytes();
    let bytes = u32::from_ne_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let (iface, generation) = (u16::from_ne_bytes([tail[4], tail[5]]), u16::from_ne_bytes([tail[6], tail[7]]));
    let number = whole_number(number, now);
    let flow = u64::from(slot) | u64::from(generation) << 32;
    (bytes > 0).then_some((Place { iface, number }, BurstSample { number, flow, bytes: bytes.into() }))
}

/// The number nearest to this one that ends in these 32 bits.
fn whole_number(low: u32, now: u64) -> u64 {
    now.wrapping_add_signed(i64::from(low.wrapping_sub(now as u32).cast_signed()))
}

/// Those from one place up to another, of a list in order.
fn within<T>(all: &[(Place, T)], from: Place, end: Place) -> &[(Place, T)] {
    let first = all.partition_point(|(place, _)| *place < from);
    let last = all.partition_point(|(place, _)| *place < end);
    &all[first..last.max(first)]
}

fn flow_at<const W: usize>(table: &SharedWords, slot: usize, generation: u16) -> Option<(FlowKey, Option<u32>)> {
    let slot = read_steady::<W>(table.words().get(slot * W..(slot + 1) * W)?)?;
    (slot.generation() as u16 == generation).then(|| (slot.key(), slot.pid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_found_by_its_lower_half(number: u64, ahead in -1_000_000_i64..1_000_000) {
            let now = number.wrapping_add_signed(ahead);
            prop_assert_eq!(whole_number(number as u32, now), number);
        }
    }

    #[test]
    fn the_kernels_layouts_are_what_is_read_here() {
        assert_eq!(offset_of!(burst_bucket, bytes), 4, "number and octets are one word");
        assert_eq!(offset_of!(burst_bucket, ce_packets) - offset_of!(burst_bucket, packets), 4);
        assert_eq!(offset_of!(burst_bucket, packets) % 8, 0);
        assert_eq!((offset_of!(burst_sample, slot), offset_of!(burst_sample, bytes)), (4, 8));
        assert_eq!((offset_of!(burst_sample, iface), offset_of!(burst_sample, generation)), (12, 14));
        assert_eq!(size_of::<burst_retransmit>(), 8);
        assert_eq!(offset_of!(burst_cpu, number) % 8, 0);
    }
}
