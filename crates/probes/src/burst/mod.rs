//! The burst probe: traffic in fine buckets, a ring of them for each CPU, interface and direction.
//!
//! It is part of the flow probe's programs, which have parsed the packet and found its flow by then; its own hook is TCP's
//! retransmits (`tp_btf/tcp_retransmit_skb`). Metrics: `netrig_burst_*`. The kernel side is `buckets.h` and
//! `retransmits.h`.

#[cfg(test)]
mod clock_tests;
mod sizes;

pub use sizes::{BurstOptions, BurstSizes};

use crate::object::map;
use crate::wire::{burst_bucket, burst_cpu, burst_retransmit, burst_sample, bursts};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// All arrays of the burst probe, mapped. Layouts are `burst/wire.h`'s.
#[derive(Debug)]
pub struct BurstMemory {
    /// How large everything is.
    pub sizes: BurstSizes,
    /// Length of a bucket, nanoseconds.
    pub bucket_ns: u64,
    /// `burst_bucket`, [cpu][interface][direction][bucket].
    pub buckets: SharedWords,
    /// `burst_sample`, [cpu][sample].
    pub samples: SharedWords,
    /// `burst_retransmit`, [cpu][RETRANSMITS].
    pub retransmits: SharedWords,
    /// `burst_cpu`, [cpu].
    pub cpus: SharedWords,
}

impl BurstMemory {
    /// Whether packets are counted in buckets from now on.
    pub fn switch(&self, on: bool) {
        let words = size_of::<burst_cpu>() / 8;
        for cpu in 0..self.sizes.cpus as usize {
            self.cpus.publish(cpu * words + offset_of!(burst_cpu, off) / 8, u64::from(!on));
        }
    }

    pub(crate) fn map(object: &Object, options: &BurstOptions) -> Result<Self, ProbeError> {
        let sizes = options.sizes;
        let cpus = sizes.cpus as usize;
        let words = |name: &str, entries: usize, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries * bytes)
        };
        Ok(Self {
            sizes,
            bucket_ns: options.bucket_ns,
            buckets: words("bursts", sizes.all_buckets() as usize, size_of::<burst_bucket>())?,
            samples: words("burst_samples", cpus * sizes.samples as usize, size_of::<burst_sample>())?,
            retransmits: words("burst_retransmits", cpus * bursts::RETRANSMITS, size_of::<burst_retransmit>())?,
            cpus: words("burst_cpus", cpus, size_of::<burst_cpu>())?,
        })
    }
}
