//! The queue probe's shared memory: what each device's polls took in, slice after slice.
//!
//! A slice's counts begin at 0 and are cleared before the next, so they are added up here. Each CPU is the only writer of its
//! places, and when they are read no program is attached.

use crate::shared::text;
use netrig_model::PollStatus;
use netrig_probes::queue::QueueMemory;
use netrig_probes::wire::{queue_polls, queues};
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::sync::Arc;

const WORDS: usize = size_of::<queue_polls>() / 8;
/// Devices that get a name of their own; more are one.
const DEVICES_MAX: usize = 512;
/// What has no device of its own.
const BACKLOG: &str = "backlog";
/// Devices beyond the bounds.
const OTHER: &str = "other";

/// Polls of this network namespace's devices, and of what has none.
#[derive(Debug)]
pub struct Polls {
    memory: Arc<QueueMemory>,
    /// Inode number of the namespace whose devices are told; none: of all.
    netns: Option<u32>,
    sums: BTreeMap<String, [u64; 3]>,
}

impl Polls {
    /// Begins with nothing counted. Devices of other namespaces than `netns` have names that are not unique.
    #[must_use]
    pub fn new(memory: Arc<QueueMemory>, netns: Option<u32>) -> Self {
        Self { memory, netns, sums: BTreeMap::new() }
    }

    /// Takes in a slice that has ended, and says how many polls it had, of all namespaces. To be called once for each.
    pub fn take(&mut self) -> u64 {
        (0..self.memory.polls.len() / WORDS).map(|place| self.take_place(place)).sum()
    }

    fn take_place(&mut self, place: usize) -> u64 {
        let word = |offset: usize| self.memory.polls.load(place * WORDS + offset / 8);
        let counts = [
            word(offset_of!(queue_polls, polls)),
            word(offset_of!(queue_polls, packets)),
            word(offset_of!(queue_polls, exhausted)),
        ];
        if counts[0] == 0 {
            return 0;
        }
        let netns = word(offset_of!(queue_polls, netns)).to_ne_bytes();
        let netns = u32::from_ne_bytes([netns[0], netns[1], netns[2], netns[3]]);
        let name = match place % queues::PLACES {
            queues::PLACE_BACKLOG => BACKLOG.to_owned(),
            queues::PLACE_REST => OTHER.to_owned(),
            _ if self.netns.is_some_and(|own| own != netns) => return counts[0],
            _ => self.name(place),
        };
        let sum = self.sums.entry(name).or_default();
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum = sum.saturating_add(count);
        }
        counts[0]
    }

    fn name(&self, place: usize) -> String {
        let name = text(&self.memory.polls, place * WORDS + offset_of!(queue_polls, name) / 8);
        match name {
            Some(name) if self.sums.len() < DEVICES_MAX || self.sums.contains_key(&name) => name,
            _ => OTHER.to_owned(),
        }
    }

    /// All that has been counted, by device.
    #[must_use]
    pub fn all(&self) -> Vec<PollStatus> {
        let each = self.sums.iter();
        each.map(|(iface, [polls, packets, exhausted])| PollStatus {
            iface: iface.clone(),
            polls: *polls,
            packets: *packets,
            exhausted: *exhausted,
        })
        .collect()
    }
}
