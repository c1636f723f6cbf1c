//! The interfaces' counts and the tables' state, summed over CPUs.

use netrig_model::{Direction, InterfaceCounts, InterfaceId, ParseFault, TrafficCounts};
use netrig_probes::flow::FlowMemory;
use netrig_probes::wire::{iface_counts, outbox_ends, pace_state};
use std::mem::offset_of;
use std::ops::Range;

/// A table's counters, all CPUs, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Flows that were given a slot.
    pub inserts: u64,
    /// Flows whose slot was given to another.
    pub evictions: u64,
    /// Evictions that found the outbox full.
    pub overflows: u64,
}

macro_rules! word {
    ($struct:ty, $field:ident) => {
        offset_of!($struct, $field) / 8
    };
}

const COUNTS_WORDS: usize = size_of::<iface_counts>() / 8;
/// How a packet's followers are chosen: no counts.
const FOLLOW: Range<usize> =
    word!(iface_counts, follow)..(offset_of!(iface_counts, follow) + size_of::<pace_state>()) / 8;
/// The last two that count.
const EXTRAPOLATED: usize = word!(iface_counts, extrapolated_packets);
const ENDS_WORDS: usize = size_of::<outbox_ends>() / 8;

/// One interface, one direction, as the kernel counted it: overflow gross, inner flows' overflow apart.
pub(crate) fn interface(memory: &FlowMemory, iface: InterfaceId, direction: Direction) -> InterfaceCounts {
    let sizes = &memory.sizes;
    let mut sum = [0_u64; COUNTS_WORDS];
    for cpu in 0..=sizes.cpus as usize {
        let row = (cpu * sizes.interfaces as usize + usize::from(iface.0)) * 2 + direction.index();
        // What is seen is never read before what stands for more than itself, nor after what was left out: a packet between the
        // readings must not look as if a flow had it.
        for word in (EXTRAPOLATED..COUNTS_WORDS).chain(0..EXTRAPOLATED).filter(|word| !FOLLOW.contains(word)) {
            sum[word] += memory.counts.load(row * COUNTS_WORDS + word);
        }
    }
    let pair = |at: usize| TrafficCounts { packets: sum[at], bytes: sum[at + 1] };
    let frames = pair(word!(iface_counts, frames));
    let mut seen = frames;
    seen.add(pair(word!(iface_counts, extra_packets)));
    let mut faults = [0; ParseFault::ALL.len()];
    for (fault, count) in faults.iter_mut().enumerate() {
        *count = sum[word!(iface_counts, faults) + fault];
    }
    InterfaceCounts {
        seen,
        frames,
        overflow: pair(word!(iface_counts, overflow_packets)),
        sampled_out: pair(word!(iface_counts, sampled_out_packets)),
        extrapolated: pair(EXTRAPOLATED),
        faults,
    }
}

/// The IPv4 table's counters (IPv6: `second`), which lie next to each other.
pub(crate) fn table(memory: &FlowMemory, second: bool) -> TableCounts {
    let mut counts = TableCounts::default();
    for cpu in 0..memory.sizes.cpus as usize {
        let at = |word: usize| memory.ends.load(cpu * ENDS_WORDS + word + usize::from(second));
        counts.inserts += at(word!(outbox_ends, inserts4));
        counts.evictions += at(word!(outbox_ends, evictions4));
        counts.overflows += at(word!(outbox_ends, overflows4));
    }
    counts
}

/// Where one CPU's outbox ends lie: (head, tail) words.
pub(crate) fn outbox_words(cpu: usize, second: bool) -> (usize, usize) {
    let base = cpu * ENDS_WORDS + usize::from(second);
    (base + word!(outbox_ends, head4), base + word!(outbox_ends, tail4))
}
