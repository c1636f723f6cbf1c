//! The probe's shared memory, part by part.

use super::LatencySizes;
use crate::object::map;
use crate::wire::{latency_cpu, latency_gate, latency_service};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::hash::{BuildHasher, RandomState};
use std::mem::offset_of;
use std::os::fd::AsFd;

/// `enum latency_place`: what is the whole host's.
const PLACE_HOST: usize = 1;
/// `enum latency_stage`.
const STAGE_SOFTIRQ: usize = 0;

/// All arrays of the latency probe, mapped. Layouts are `latency/wire.h`'s.
#[derive(Debug)]
pub struct LatencyMemory {
    /// How large everything is.
    pub sizes: LatencySizes,
    /// `latency_service`, one for each place.
    pub latencies: SharedWords,
    /// `latency_gate`.
    pub gate: SharedWords,
    cpus: SharedWords,
}

impl LatencyMemory {
    pub(super) fn map(object: &Object, sizes: LatencySizes) -> Result<Self, ProbeError> {
        let words = |name: &str, entries: u32, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries as usize * bytes)
        };
        let memory = Self {
            sizes,
            latencies: words("latencies", sizes.places, size_of::<latency_service>())?,
            gate: words("gates", 1, size_of::<latency_gate>())?,
            cpus: words("cpus", sizes.cpus, size_of::<latency_cpu>())?,
        };
        // Those of slow connections come first, and are given apart.
        memory.set(offset_of!(latency_gate, places), sizes.slow_places.into());
        memory.set(offset_of!(latency_gate, slow_places), sizes.slow_places.into());
        let random = RandomState::new();
        for cpu in 0..sizes.cpus as usize {
            let word = (cpu * size_of::<latency_cpu>() + offset_of!(latency_cpu, random)) / 8;
            memory.cpus.publish(word, random.hash_one(cpu) | 1);
        }
        Ok(memory)
    }

    /// Lets every CPU choose at once and then count anew: from a high rate to a low one it would else count on for long.
    pub(super) fn choose_anew(&self) {
        for cpu in 0..self.sizes.cpus as usize {
            let word = (cpu * size_of::<latency_cpu>() + offset_of!(latency_cpu, receive_countdown)) / 8;
            self.cpus.publish(word, 0);
        }
    }

    /// How many messages have passed the hooks while they were attached.
    pub(super) fn messages(&self) -> u64 {
        let word = |cpu: usize| (cpu * size_of::<latency_cpu>() + offset_of!(latency_cpu, messages)) / 8;
        (0..self.sizes.cpus as usize).fold(0, |sum, cpu| sum.wrapping_add(self.cpus.load(word(cpu))))
    }

    /// Whether somebody waits to see a message arrive or be read.
    pub(super) fn somebody_waits(&self) -> bool {
        [offset_of!(latency_gate, await_arrival), offset_of!(latency_gate, await_read)]
            .iter()
            .any(|field| self.gate.load(field / 8) != 0)
    }

    /// What has begun and not ended until now did so unseen, or will.
    pub(super) fn next_spell(&self) {
        let word = offset_of!(latency_gate, spell) / 8;
        self.gate.publish(word, self.gate.load(word).wrapping_add(1));
    }

    /// How often the network's softirq has run, as far as slices saw it.
    pub(super) fn softirqs(&self) -> u64 {
        let host = PLACE_HOST * size_of::<latency_service>();
        self.latencies.load((host + offset_of!(latency_service, eligible)) / 8 + STAGE_SOFTIRQ)
    }

    /// Writes a field of the gate, by its offset.
    pub(super) fn set(&self, offset: usize, value: u64) {
        self.gate.publish(offset / 8, value);
    }
}
