//! Whether every packet is accounted for: the tables read as plainly as can be, beside the drain that the rig uses.

use netrig_probes::flow::FlowMemory;
use netrig_probes::wire::{flow_slot4, flow_slot6, iface_counts, outbox_ends};
use serde::Serialize;
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const WORD: usize = 8;
const COUNTS_WORDS: usize = size_of::<iface_counts>() / WORD;
const ENDS_WORDS: usize = size_of::<outbox_ends>() / WORD;
/// Two families, in the order of their fields in `outbox_ends`.
const FAMILIES: usize = 2;

/// Packets since the tables were loaded, by where they are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    /// Counted by interface.
    pub(crate) seen: u64,
    /// In table entries.
    pub(crate) in_table: u64,
    /// In entries that were evicted to the outbox.
    pub(crate) by_outbox: u64,
    /// In evicted entries that found the outbox full.
    pub(crate) overflow: u64,
    /// Evicted entries.
    pub(crate) evictions: u64,
}

impl Account {
    /// seen − (told + overflow): 0, or packets were lost or invented.
    pub(crate) fn imbalance(&self) -> i64 {
        self.seen as i64 - (self.in_table + self.by_outbox + self.overflow) as i64
    }
}

/// The books of a probe's tables.
pub(crate) struct Books {
    memory: Arc<FlowMemory>,
    taken_packets: AtomicU64,
}

impl Books {
    pub(crate) fn of(memory: Arc<FlowMemory>) -> Self {
        Self { memory, taken_packets: AtomicU64::new(0) }
    }

    /// Takes what lies in the outboxes; how many records that was.
    fn take(&self) -> u64 {
        let memory = &self.memory;
        let mut records = 0;
        for family in 0..FAMILIES {
            let (outbox, slot_words, word_of_packets, len) = if family == 0 {
                (
                    &memory.outbox4,
                    size_of::<flow_slot4>() / WORD,
                    offset_of!(flow_slot4, hot) / WORD,
                    memory.sizes.outbox4,
                )
            } else {
                (
                    &memory.outbox6,
                    size_of::<flow_slot6>() / WORD,
                    offset_of!(flow_slot6, hot) / WORD,
                    memory.sizes.outbox6,
                )
            };
            let len = u64::from(len);
            for cpu in 0..memory.sizes.cpus as usize {
                let ends = &memory.ends.words()[cpu * ENDS_WORDS..];
                let head = ends[offset_of!(outbox_ends, head4) / WORD + family].load(Ordering::Acquire);
                let tail = &ends[offset_of!(outbox_ends, tail4) / WORD + family];
                let first = tail.load(Ordering::Relaxed);
                for at in first..head {
                    let place = cpu as u64 * len + at % len;
                    let packets = outbox.load(place as usize * slot_words + word_of_packets) >> 32;
                    self.taken_packets.fetch_add(packets, Ordering::Relaxed);
                }
                tail.store(head, Ordering::Release);
                records += head - first;
            }
        }
        records
    }

    /// Empties the outboxes until told to stop.
    pub(crate) fn keep_taking(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.take() == 0 {
                std::thread::sleep(Duration::from_micros(500));
            }
        }
    }

    /// The account, with nothing running.
    pub(crate) fn account(&self) -> Account {
        self.take();
        let memory = &self.memory;
        let mut account = Account { by_outbox: self.taken_packets.load(Ordering::Relaxed), ..Account::default() };
        let load = |words: &[AtomicU64], offset: usize| words[offset / WORD].load(Ordering::Relaxed);
        for counts in memory.counts.words().chunks_exact(COUNTS_WORDS) {
            account.seen += load(counts, offset_of!(iface_counts, frames));
            account.seen += load(counts, offset_of!(iface_counts, extra_packets));
            account.overflow += load(counts, offset_of!(iface_counts, overflow_packets));
        }
        for slot in memory.table4.words().chunks_exact(size_of::<flow_slot4>() / WORD) {
            account.in_table += load(slot, offset_of!(flow_slot4, hot)) >> 32;
        }
        for slot in memory.table6.words().chunks_exact(size_of::<flow_slot6>() / WORD) {
            account.in_table += load(slot, offset_of!(flow_slot6, hot)) >> 32;
        }
        for ends in memory.ends.words().chunks_exact(ENDS_WORDS) {
            account.evictions += load(ends, offset_of!(outbox_ends, evictions4));
            account.evictions += load(ends, offset_of!(outbox_ends, evictions6));
        }
        account
    }
}
