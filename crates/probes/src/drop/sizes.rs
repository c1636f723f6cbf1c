//! Sizes from a budget.

use crate::wire::{drop_flow, drop_group, drop_settings, drops};

/// How large each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropSizes {
    /// Partitions: CPUs, rounded up to a power of two.
    pub cpus: u32,
    /// Flows of one CPU; a power of two.
    pub flows: u32,
}

const FLOW: u64 = size_of::<drop_flow>() as u64;
const GROUPS: u64 = drops::GROUPS as u64 * size_of::<drop_group>() as u64;
const RING: u64 = 256 << 10;
/// More help nobody: these are flows of which something was dropped in the last seconds.
const FLOWS_MAX: u64 = 1 << 16;
const FLOWS_MIN: u64 = 64;

impl DropSizes {
    /// Divides `bytes` of kernel memory. Groups have a fixed size; each CPU has them, and a floor of flows, in any case.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32) -> Self {
        let cpus = u64::from(cpus.max(1)).next_power_of_two();
        let each = (bytes.saturating_sub(RING) / cpus).saturating_sub(GROUPS) / FLOW;
        let flows = if each == 0 { FLOWS_MIN } else { (1 << each.ilog2()).clamp(FLOWS_MIN, FLOWS_MAX) };
        Self { cpus: cpus as u32, flows: flows as u32 }
    }

    /// Kernel memory of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        RING + u64::from(self.cpus) * (GROUPS + u64::from(self.flows) * FLOW)
    }

    pub(super) fn settings(&self, seed: u64) -> drop_settings {
        let sets = self.flows / drops::FLOW_WAYS as u32;
        drop_settings { seed, cpu_mask: self.cpus - 1, flow_shift: 64 - sets.ilog2(), ..drop_settings::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_stay_within_the_budget(kib in 1024_u64..1_000_000, cpus in 1_u32..8) {
            let sizes = DropSizes::within(kib << 10, cpus);
            let least = RING + u64::from(sizes.cpus) * (GROUPS + FLOWS_MIN * FLOW);
            prop_assert!(sizes.bytes() <= (kib << 10).max(least), "{sizes:?} takes {} of {kib} KiB", sizes.bytes());
            prop_assert!(sizes.flows.is_power_of_two());
        }
    }
}
