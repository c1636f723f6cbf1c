//! Sizes from a budget, and the clock's rule.

use crate::wire::{burst_bucket, burst_cpu, burst_retransmit, burst_sample, burst_settings, bursts};

/// What a ring remembers at least, nanoseconds, and samples of each CPU, the best first. The rig reads ten times a second, and at rest,
/// where rings are the longest, five times: half a second is some readings more than it may miss. Samples are taken every 20 ms; fewer of them
/// cost, on a CPU that does a whole link's work for longer than a burst, some of what is known of its flows.
const SHAPES: [(u64, u64); 4] =
    [(2_000_000_000, 4096), (1_000_000_000, 4096), (SPAN_MIN_NS, 4096), (SPAN_MIN_NS, SAMPLES_MIN)];
const SPAN_MIN_NS: u64 = 512_000_000;
const SAMPLES_MIN: u64 = 1024;
/// The clock is read after this many packets at the latest, however fast they come.
const STEP_MAX: u32 = 32;
const BUCKET: u64 = size_of::<burst_bucket>() as u64;
/// More interfaces than this have no rings: reading them would cost more than it tells.
const IFACES_MAX: u64 = 256;
/// More memory than this is of no use: the kernel counts an area's octets with 31 bits.
const BYTES_MAX: u64 = 1 << 30;

/// How large each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstSizes {
    /// Partitions: CPUs, rounded up to a power of two.
    pub cpus: u32,
    /// The rig's interface numbers from 1 up to this one have rings. A power of two.
    pub ifaces: u32,
    /// Buckets of a ring; a power of two.
    pub buckets: u32,
    /// Samples of each CPU; a power of two.
    pub samples: u32,
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
    /// What `kernel_bytes` of memory have room for on this host, at best for so many interfaces; none where that is not even one.
    #[must_use]
    pub fn within(kernel_bytes: u64, bucket_ns: u64, netns: u32, ifaces: u32) -> Option<Self> {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1);
        let sizes = BurstSizes::within(kernel_bytes, cpus, bucket_ns, ifaces)?;
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
            samples: self.sizes.samples,
            reserved: 0,
        }
    }
}

impl BurstSizes {
    /// Divides `bytes` of kernel memory. Where it is short rings become shorter before one of `ifaces` interfaces goes without; where
    /// it is not, more interfaces have them. None where not even one has room.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32, bucket_ns: u64, ifaces: u32) -> Option<Self> {
        let shapes = SHAPES.map(|shape| Self::of_shape(shape, bytes, cpus, bucket_ns));
        let enough = shapes.iter().flatten().find(|sizes| sizes.ifaces >= ifaces.min(IFACES_MAX as u32));
        enough.copied().or(shapes.into_iter().rev().flatten().max_by_key(|sizes| sizes.ifaces))
    }

    /// The least memory in which so many interfaces have rings.
    #[must_use]
    pub fn least_bytes(cpus: u32, bucket_ns: u64, ifaces: u32) -> u64 {
        let cpus = u64::from(cpus.max(1)).next_power_of_two();
        let ifaces = u64::from(ifaces.max(1)).next_power_of_two().min(IFACES_MAX);
        cpus * (beside(SAMPLES_MIN) + ifaces * 2 * buckets(SPAN_MIN_NS, bucket_ns) * BUCKET)
    }

    fn of_shape((span_ns, samples): (u64, u64), bytes: u64, cpus: u32, bucket_ns: u64) -> Option<Self> {
        let cpus = u64::from(cpus.max(1)).next_power_of_two();
        let buckets = buckets(span_ns, bucket_ns);
        let ifaces = bytes.min(BYTES_MAX).saturating_sub(cpus * beside(samples)) / (cpus * 2 * buckets * BUCKET);
        let ifaces = 1_u64 << ifaces.min(IFACES_MAX).checked_ilog2()?;
        Some(Self { cpus: cpus as u32, ifaces: ifaces as u32, buckets: buckets as u32, samples: samples as u32 })
    }

    /// Buckets of all rings.
    #[must_use]
    pub fn all_buckets(&self) -> u32 {
        self.cpus * self.ifaces * 2 * self.buckets
    }

    /// Kernel memory of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.all_buckets()) * BUCKET + u64::from(self.cpus) * beside(self.samples.into())
    }
}

fn buckets(span_ns: u64, bucket_ns: u64) -> u64 {
    span_ns.div_ceil(bucket_ns.max(1)).next_power_of_two()
}

/// What each CPU has beside its rings.
fn beside(samples: u64) -> u64 {
    samples * size_of::<burst_sample>() as u64
        + bursts::RETRANSMITS as u64 * size_of::<burst_retransmit>() as u64
        + size_of::<burst_cpu>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    proptest! {
        #[test]
        fn the_parts_stay_within_the_budget(
            kib in 64_u64..1_000_000, cpus in 1_u32..200, bucket_us in 100_u64..10_000, wanted in 1_u32..300,
        ) {
            let bytes = kib << 10;
            let sizes = BurstSizes::within(bytes, cpus, bucket_us * 1_000, wanted);
            let least = |ifaces| BurstSizes::least_bytes(cpus, bucket_us * 1_000, ifaces);
            prop_assert_eq!(sizes.is_some(), least(1) <= bytes);
            if let Some(sizes) = sizes {
                prop_assert!(sizes.bytes() <= bytes, "{sizes:?} takes {} of {kib} KiB", sizes.bytes());
                prop_assert!(u64::from(sizes.buckets) * bucket_us * 1_000 >= SPAN_MIN_NS);
                prop_assert!(least(sizes.ifaces) <= bytes);
                prop_assert_eq!(sizes.ifaces >= wanted.min(IFACES_MAX as u32), least(wanted) <= bytes);
            }
        }
    }

    #[test]
    fn where_memory_is_short_rings_become_shorter_before_an_interface_goes_without() {
        let of = |mib: u64, cpus, wanted| {
            let sizes = BurstSizes::within(mib << 20, cpus, MS, wanted).expect("room");
            (sizes.buckets, sizes.ifaces, sizes.samples)
        };
        assert_eq!(of(4, 2, 4), (2048, 8, 4096), "more than were asked for, where there is room");
        assert_eq!(of(4, 2, 16), (1024, 16, 4096));
        assert_eq!(of(4, 8, 2), (2048, 2, 4096));
        assert_eq!(of(4, 8, 4), (1024, 4, 4096));
        assert_eq!(of(4, 8, 100), (512, 8, 4096), "as many as can be");
        assert_eq!(BurstSizes::within(3 << 20, 64, MS, 1), None);
    }
}
