//! What generations share, part by part.

use crate::object::map;
use crate::wire::{clock_reading, policy, policy_count, policy_gate, policy_removed, policy_source_set};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// All arrays that outlive generations, mapped. Layouts are `policy/wire.h`'s.
#[derive(Debug)]
pub struct PolicyMemory {
    /// Partitions: CPUs, rounded up to a power of two.
    pub cpus: usize,
    /// `policy_count`, `[cpu][RULES]`.
    pub counts: SharedWords,
    /// `policy_removed`, `[cpu][IFACES]`.
    pub removed: SharedWords,
    /// `policy_source_set`, `[cpu][SOURCE_SETS]`.
    pub sources: SharedWords,
    /// `policy_gate`.
    pub gate: SharedWords,
    pub(super) clock: SharedWords,
}

impl PolicyMemory {
    pub(super) fn map(object: &Object, cpus: usize) -> Result<Self, ProbeError> {
        let words = |name: &str, entries: usize, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries * bytes)
        };
        Ok(Self {
            cpus,
            counts: words("counts", cpus * policy::RULES, size_of::<policy_count>())?,
            removed: words("removed", cpus * policy::IFACES, size_of::<policy_removed>())?,
            sources: words("sources", cpus * policy::SOURCE_SETS, size_of::<policy_source_set>())?,
            gate: words("gates", 1, size_of::<policy_gate>())?,
            clock: words("clock", 1, size_of::<clock_reading>())?,
        })
    }

    /// Writes a field of the gate, by its offset.
    pub(super) fn set(&self, offset: usize, value: u64) {
        self.gate.publish(offset / 8, value);
    }

    pub(super) fn get(&self, offset: usize) -> u64 {
        self.gate.load(offset / 8)
    }

    /// The interface at a place; 0: none.
    pub(super) fn iface(&self, place: usize) -> u32 {
        let word = self.gate.load(Self::iface_word(place)).to_ne_bytes();
        let at = place % 2 * 4;
        u32::from_ne_bytes([word[at], word[at + 1], word[at + 2], word[at + 3]])
    }

    pub(super) fn set_iface(&self, place: usize, ifindex: u32) {
        let mut word = self.gate.load(Self::iface_word(place)).to_ne_bytes();
        let at = place % 2 * 4;
        word[at..at + 4].copy_from_slice(&ifindex.to_ne_bytes());
        self.gate.publish(Self::iface_word(place), u64::from_ne_bytes(word));
    }

    fn iface_word(place: usize) -> usize {
        offset_of!(policy_gate, ifaces) / 8 + place / 2
    }
}
