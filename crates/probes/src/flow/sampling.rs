//! Which packets are added to their flows where not all are. The programs choose (`sampling.h`); here they are told how many.

use super::interfaces::{join, split};
use super::{FlowMemory, FlowProbe};
use crate::wire::flow_sampler;
use std::mem::offset_of;

/// One packet in so many at the least: counts of a flow wrap at 2^32, and must not between two readings.
pub const SAMPLING_MAX: u32 = 65_536;

const SAMPLER_WORDS: usize = size_of::<flow_sampler>() / 8;

/// The word of `one_in` and what follows it.
pub(super) fn set(memory: &FlowMemory, one_in: u32) {
    memory.sampling.publish(0, join(one_in.clamp(1, SAMPLING_MAX), 0));
}

/// Random numbers of every CPU begin anew, each CPU's with its own.
pub(super) fn seed(memory: &FlowMemory, seed: u64) {
    for cpu in 0..memory.sizes.cpus as usize {
        let at = cpu * SAMPLER_WORDS;
        let state = mixed(seed.wrapping_add((cpu as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        memory.samplers.publish(at + offset_of!(flow_sampler, state) / 8, state.max(1));
        // Of no rate: the gap is drawn anew.
        memory.samplers.publish(at, 0);
    }
}

/// The last step of splitmix64: seeds that differ little become numbers that have nothing to do with each other.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl FlowProbe {
    /// From the next packet on, one in so many (1 to [`SAMPLING_MAX`]) is added to its flow, for as many as it stands for; 1: every
    /// one. Sums stay unbiased whenever it changes, and what interfaces count stays exact. While it is above 1, no payload is
    /// copied.
    pub fn set_sampling(&self, one_in: u32) {
        set(&self.memory, one_in);
    }

    /// As it was set.
    #[must_use]
    pub fn sampling(&self) -> u32 {
        split(self.memory.sampling.load(0)).0
    }

    /// Begins the random numbers anew by which packets are chosen: for tests that must repeat.
    pub fn seed_sampling(&self, seed: u64) {
        self::seed(&self.memory, seed);
    }
}
