//! The probe's shared memory, part by part.

use crate::object::map;
use crate::wire::{clock_reading, queue_polls, queues};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::os::fd::AsFd;

/// All arrays of the queue probe, mapped. Layouts are `queue/wire.h`'s.
#[derive(Debug)]
pub struct QueueMemory {
    /// Partitions: CPUs, rounded up to a power of two.
    pub cpus: u32,
    /// `queue_polls`, [cpu][PLACES].
    pub polls: SharedWords,
    pub(super) clock: SharedWords,
}

impl QueueMemory {
    pub(super) fn map(object: &Object, cpus: u32) -> Result<Self, ProbeError> {
        let words = |name: &str, entries: usize, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries * bytes)
        };
        Ok(Self {
            cpus,
            polls: words("polls", cpus as usize * queues::PLACES, size_of::<queue_polls>())?,
            clock: words("clock", 1, size_of::<clock_reading>())?,
        })
    }

    /// Makes every place free, while no program is attached.
    pub(super) fn clear(&self) {
        for word in 0..self.polls.len() {
            if self.polls.load(word) != 0 {
                self.polls.publish(word, 0);
            }
        }
    }
}
