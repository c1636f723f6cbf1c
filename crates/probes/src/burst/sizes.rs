//! Sizes from a budget, and the clock's rule.

use crate::wire::{burst_bucket, burst_cpu, burst_retransmit, burst_sample, burst_settings, bursts};

/// What a ring remembers at least, nanoseconds.
const SPAN_NS: u64 = 2_000_000_000;
/// The clock is read after this many packets at the latest, however fast they come.
const STEP_MAX: u32 = 32;
const BUCKET: u64 = size_of::<burst_bucket>() as u64;
const BESIDE: u64 = bursts::SAMPLES as u64 * size_of::<burst_sample>() as u64
    + bursts::RETRANSMITS as u64 * size_of::<burst_retransmit>() as u64
    + size_of::<burst_cpu>() as u64;
/// More interfaces than this have no rings: reading them would cost more than it tells.
const IFACES_MAX: u64 = 256;

/// How large each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstSizes {
    /// Partitions: CPUs, rounded up to a power of two.
    pub cpus: u32,
    /// The rig's interface numbers below this have rings; 0 is the unknown ones'. A power of two.
    pub ifaces: u32,
    /// Buckets of a ring; a power of two.
    pub buckets: u32,
}

/// How traffic is counted in fine buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstOptions {
    /// The sizes of its rings.
    pub sizes: BurstSizes,
    /// Length of a bucket, nanoseconds.
    pub bucket_ns: u64,
    /// Inode of the network namespace whose interfaces are watched.
    pub netns: u32,
}

impl BurstOptions {
    /// What `kernel_bytes` of memory have room for on this host; none where that is not even one interface.
    #[must_use]
    pub fn within(kernel_bytes: u64, bucket_ns: u64, netns: u32) -> Option<Self> {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1);
        let sizes = BurstSizes::within(kernel_bytes, cpus, bucket_ns)?;
        Some(Self { sizes, bucket_ns, netns })
    }

    pub(crate) fn settings(&self) -> burst_settings {
        let near_ns = u32::try_from(self.bucket_ns / 16).unwrap_or(u32::MAX);
        burst_settings {
            bucket_ns: self.bucket_ns,
            buckets: self.sizes.buckets,
            cpu_buckets: self.sizes.ifaces * 2 * self.sizes.buckets,
            ifaces: self.sizes.ifaces,
            step_max: STEP_MAX,
            near_ns,
            far_ns: near_ns.saturating_mul(2),
            netns: self.netns,
            on: 1,
        }
    }
}

impl BurstSizes {
    /// Divides `bytes` of kernel memory; none where not even one interface has room.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32, bucket_ns: u64) -> Option<Self> {
        let cpus = u64::from(cpus.max(1)).next_power_of_two();
        let buckets = SPAN_NS.div_ceil(bucket_ns.max(1)).next_power_of_two();
        let ring = cpus * 2 * buckets * BUCKET;
        let ifaces = bytes.saturating_sub(cpus * BESIDE) / ring;
        if ifaces < 2 {
            return None;
        }
        let ifaces = (1 << ifaces.ilog2()).min(IFACES_MAX);
        Some(Self { cpus: cpus as u32, ifaces: ifaces as u32, buckets: buckets as u32 })
    }

    /// Buckets of all rings.
    #[must_use]
    pub fn all_buckets(&self) -> u32 {
        self.cpus * self.ifaces * 2 * self.buckets
    }

    /// Kernel memory of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.all_buckets()) * BUCKET + u64::from(self.cpus) * BESIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_stay_within_the_budget(kib in 64_u64..1_000_000, cpus in 1_u32..64, bucket_us in 100_u64..10_000) {
            if let Some(sizes) = BurstSizes::within(kib << 10, cpus, bucket_us * 1_000) {
                prop_assert!(sizes.bytes() <= kib << 10, "{sizes:?} takes {} of {kib} KiB", sizes.bytes());
                prop_assert!(u64::from(sizes.buckets) * bucket_us * 1_000 >= SPAN_NS);
            }
        }
    }

    #[test]
    fn two_cpus_have_room_for_some_interfaces_in_four_mebibytes() {
        let sizes = BurstSizes::within(4 << 20, 2, 1_000_000).expect("room");
        assert_eq!((sizes.ifaces, sizes.buckets), (8, 2048));
        assert_eq!(BurstSizes::within(1 << 20, 64, 1_000_000), None);
    }
}
