//! Sizes from a budget.

use crate::wire::{latency_cpu, latency_key, latency_service, latency_settings};

/// How large each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencySizes {
    /// Services with distributions of their own, slow connections, and the two fixed places.
    pub places: u32,
    /// Of these, for connections flagged slow.
    pub slow_places: u32,
    /// CPUs, rounded up to a power of two.
    pub cpus: u32,
}

/// `enum latency_place`: the rest of all, and the host.
const PLACES_FIXED: u32 = 2;
const SLOW_PLACES_MAX: u32 = 32;
/// More help nobody.
const PLACES_MAX: u64 = 1024;
/// Who was woken, datagrams and packets on their way: arrays of fixed length in the C.
const FIXED_BYTES: u64 = 1024 * (32 + 112 + 40);
/// What a place takes beside its distributions: its key, as the kernel's hash keeps it.
const BESIDE_PLACE: u64 = size_of::<latency_key>() as u64 + 64;

impl LatencySizes {
    /// Divides `bytes` of kernel memory.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32) -> Self {
        let cpus = cpus.max(1).next_power_of_two();
        let fixed = FIXED_BYTES + u64::from(cpus) * size_of::<latency_cpu>() as u64;
        let each = size_of::<latency_service>() as u64 + BESIDE_PLACE;
        let places = (bytes.saturating_sub(fixed) / each).clamp(8, PLACES_MAX) as u32;
        Self { places, slow_places: ((places - PLACES_FIXED) / 8).min(SLOW_PLACES_MAX), cpus }
    }

    /// Kernel memory of all parts. Beside it, every connection that was looked at keeps some 200 bytes until it ends.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        FIXED_BYTES
            + u64::from(self.cpus) * size_of::<latency_cpu>() as u64
            + u64::from(self.places) * (size_of::<latency_service>() as u64 + BESIDE_PLACE)
    }

    pub(super) fn settings(&self) -> latency_settings {
        latency_settings {
            places: self.places,
            slow_places_max: self.slow_places,
            cpu_mask: self.cpus - 1,
            ..latency_settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_stay_within_the_budget(kib in 512_u64..4_000_000, cpus in 1_u32..64) {
            let sizes = LatencySizes::within(kib << 10, cpus);
            prop_assert!(sizes.bytes() <= kib << 10, "{sizes:?} takes {} of {kib} KiB", sizes.bytes());
            prop_assert!(sizes.slow_places + PLACES_FIXED < sizes.places);
        }
    }
}
