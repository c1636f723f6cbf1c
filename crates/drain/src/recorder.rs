//! The flight recorder's rings: what lies in them, copied out while the kernel goes on writing.
//!
//! A slot's sequence is read before and after its octets (`recorder/wire.h`): one that was overwritten meanwhile is counted as such
//! and not told. Whoever comes again with the same [`Cursors`] gets what was recorded since, and the number that was overwritten
//! before it could be read.

use netrig_probes::SharedWords;
use netrig_probes::recorder::RecorderMemory;
use netrig_probes::wire::{recorder, recorder_ring, recorder_slot};
use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

const RING_WORDS: usize = size_of::<recorder_ring>() / 8;
const HEAD_WORDS: usize = size_of::<recorder_slot>() / 8;

/// A packet of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When it passed, monotonic nanoseconds.
    pub time_ns: u64,
    /// Octets of the whole packet as the stack had it, without a tag that was lifted.
    pub len: u32,
    /// The kernel's index of the interface.
    pub ifindex: u32,
    /// On which CPU.
    pub cpu: u32,
    /// Control information of a VLAN tag that the driver had taken out of the data.
    pub tag: Option<u16>,
    /// Whether that tag is one of 802.1ad.
    pub is_service_tag: bool,
    /// Whether it was on its way out.
    pub is_egress: bool,
    /// Whether it is several segments in one.
    pub is_gso: bool,
    /// The receive queue, where the driver told.
    pub queue: Option<u16>,
    /// Packets of its CPU and interface that were left out for the pace since the one before it; 4095: so many, or more.
    pub left_out: u16,
    captured: u16,
    at: usize,
}

/// Packets that were copied out of the rings, those of one ring in their order.
#[derive(Debug, Default)]
pub struct Recording {
    /// What is known of each.
    pub packets: Vec<Recorded>,
    octets: Vec<u8>,
}

impl Recording {
    /// The first octets of a packet of this recording.
    #[must_use]
    pub fn octets(&self, packet: &Recorded) -> &[u8] {
        &self.octets[packet.at..packet.at + usize::from(packet.captured)]
    }

    /// Memory in use, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.octets.len() + self.packets.len() * size_of::<Recorded>()
    }
}

/// How far each ring has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursors(Vec<u64>);

/// What there was of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Packets copied.
    pub packets: u64,
    /// Packets that were left out for the pace between those.
    pub left_out: u64,
    /// Packets that were overwritten before they could be.
    pub overwritten: u64,
    /// The time from which on every packet is still there; none where nothing has been overwritten yet.
    pub whole_since_ns: Option<u64>,
}

/// The rings' reader.
#[derive(Clone, Debug)]
pub struct Recorder {
    memory: Arc<RecorderMemory>,
}

impl Recorder {
    /// For the probe's memory.
    #[must_use]
    pub fn new(memory: Arc<RecorderMemory>) -> Self {
        Self { memory }
    }

    /// How much there is room for.
    #[must_use]
    pub fn sizes(&self) -> netrig_probes::recorder::RecorderSizes {
        self.memory.sizes
    }

    /// Packets ever recorded, and of them those that are still in the rings.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let slots = u64::from(self.memory.sizes.slots);
        let rings = 0..self.memory.sizes.all_rings() as usize;
        rings.map(|ring| self.next(ring)).fold((0, 0), |(all, held), next| (all + next, held + next.min(slots)))
    }

    /// Packets ever left out for the pace.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        (0..self.memory.sizes.all_rings() as usize)
            .map(|ring| self.ring(ring, offset_of!(recorder_ring, left_out)))
            .sum()
    }

    /// The time since which every packet of an interface's rings is still there; none where nothing has been overwritten.
    #[must_use]
    pub fn whole_since_ns(&self, ring: u32) -> Option<u64> {
        let sizes = self.memory.sizes;
        let mut buffer = vec![0; sizes.slot_bytes() / 8];
        let of_each_cpu = (0..sizes.cpus).filter_map(|cpu| {
            let ring = (cpu * sizes.ifaces + ring) as usize;
            let next = self.next(ring);
            // The oldest may be on its way out.
            let oldest = next.checked_sub(sizes.slots.into())? + 1;
            self.copy(ring, oldest, &mut buffer).then(|| self.head(ring, &buffer).time_ns)
        });
        of_each_cpu.max()
    }

    /// Where the rings are now: read on from here, nothing of the past is told.
    #[must_use]
    pub fn now(&self) -> Cursors {
        Cursors((0..self.memory.sizes.all_rings() as usize).map(|ring| self.next(ring)).collect())
    }

    /// Copies what was recorded after `cursors` and passed in `span` (monotonic nanoseconds), and moves them on. By interface is told
    /// what there was.
    pub fn read(
        &self,
        cursors: &mut Cursors,
        span: (u64, u64),
        into: &mut Recording,
        reaches: &mut BTreeMap<u32, Reach>,
    ) {
        cursors.0.resize(self.memory.sizes.all_rings() as usize, 0);
        let mut buffer = vec![0; self.memory.sizes.slot_bytes() / 8];
        for (ring, cursor) in cursors.0.iter_mut().enumerate() {
            let next = self.next(ring);
            let first = next.saturating_sub(self.memory.sizes.slots.into()).max(*cursor);
            let mut missed = first - *cursor;
            let (mut ifindex, mut oldest_ns) = (None, None);
            for place in first..next {
                if !self.copy(ring, place, &mut buffer) {
                    missed += 1;
                    continue;
                }
                let head = self.head(ring, &buffer);
                ifindex = ifindex.or(Some(head.ifindex));
                oldest_ns = oldest_ns.or(Some(head.time_ns));
                if (span.0..=span.1).contains(&head.time_ns) {
                    let reach = reaches.entry(head.ifindex).or_default();
                    reach.packets += 1;
                    reach.left_out += u64::from(head.left_out);
                    push(into, head, &buffer);
                }
            }
            *cursor = next;
            if let (Some(ifindex), true) = (ifindex, missed > 0) {
                let reach = reaches.entry(ifindex).or_default();
                reach.overwritten += missed;
                reach.whole_since_ns = reach.whole_since_ns.max(oldest_ns);
            }
        }
    }

    fn next(&self, ring: usize) -> u64 {
        self.ring(ring, offset_of!(recorder_ring, next))
    }

    fn ring(&self, ring: usize, offset: usize) -> u64 {
        self.memory.rings.words()[ring * RING_WORDS + offset / 8].load(Ordering::Acquire)
    }

    /// A slot, where it is still that of `place`, and whole.
    fn copy(&self, ring: usize, place: u64, buffer: &mut [u64]) -> bool {
        let sizes = self.memory.sizes;
        let in_ring = (place % u64::from(sizes.slots)) as usize;
        let first = (ring * sizes.slots as usize + in_ring) * buffer.len();
        copy_whole(&self.memory.slots, first, 2 * place + 2, buffer)
    }

    fn head(&self, ring: usize, words: &[u64]) -> Recorded {
        let half =
            |offset: usize| words[offset / 8].to_ne_bytes()[offset % 8..][..4].try_into().map_or(0, u32::from_ne_bytes);
        let quarter =
            |offset: usize| words[offset / 8].to_ne_bytes()[offset % 8..][..2].try_into().map_or(0, u16::from_ne_bytes);
        let facts = quarter(offset_of!(recorder_slot, facts));
        let queue = quarter(offset_of!(recorder_slot, queue));
        let captured = usize::from(quarter(offset_of!(recorder_slot, captured)));
        Recorded {
            time_ns: words[offset_of!(recorder_slot, time_ns) / 8],
            len: half(offset_of!(recorder_slot, len)),
            ifindex: half(offset_of!(recorder_slot, ifindex)),
            cpu: ring as u32 / self.memory.sizes.ifaces,
            tag: (facts & recorder::TAG != 0).then(|| quarter(offset_of!(recorder_slot, tag))),
            is_service_tag: facts & recorder::SERVICE_TAG != 0,
            is_egress: facts & recorder::EGRESS != 0,
            is_gso: facts & recorder::GSO != 0,
            queue: queue.checked_sub(1),
            left_out: facts >> recorder::FACTS,
            captured: captured.min((words.len() - HEAD_WORDS) * 8) as u16,
            at: 0,
        }
    }
}

fn push(into: &mut Recording, mut head: Recorded, words: &[u64]) {
    head.at = into.octets.len();
    let captured = usize::from(head.captured);
    into.octets.extend(words[HEAD_WORDS..].iter().flat_map(|word| word.to_ne_bytes()).take(captured));
    into.packets.push(head);
}

/// Copies a slot, where its sequence is the one that is looked for, before and after.
fn copy_whole(slots: &SharedWords, first: usize, sequence: u64, buffer: &mut [u64]) -> bool {
    let words = &slots.words()[first..first + buffer.len()];
    if words[0].load(Ordering::Acquire) != sequence {
        return false;
    }
    for (to, from) in buffer.iter_mut().zip(words) {
        *to = from.load(Ordering::Relaxed);
    }
    // What was copied was read before the sequence is looked at again.
    fence(Ordering::Acquire);
    words[0].load(Ordering::Relaxed) == sequence
}
