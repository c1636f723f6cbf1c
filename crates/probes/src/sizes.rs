//! Sizes from a budget: how the kernel's share of memory is divided.

use crate::wire::{flow_settings, flow_slot4, flow_slot6, iface_counts};
use std::mem::size_of;

/// How large each part is. All counts are powers of two, per CPU where they say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSizes {
    /// Partitions: CPUs, rounded up.
    pub cpus: u32,
    /// IPv4 slots of one CPU.
    pub slots4: u32,
    /// IPv6 slots of one CPU.
    pub slots6: u32,
    /// IPv4 records of one CPU's outbox.
    pub outbox4: u32,
    /// IPv6 records of one CPU's outbox.
    pub outbox6: u32,
    /// Interfaces that can be counted, number 0 (unknown) included.
    pub interfaces: u32,
}

const SLOT4: u64 = size_of::<flow_slot4>() as u64;
const SLOT6: u64 = size_of::<flow_slot6>() as u64;
const COUNTS: u64 = 2 * size_of::<iface_counts>() as u64;
/// libbpf and the kernel take sizes up to 2^31; more slots than this help nobody.
const SLOTS_MAX: u64 = 1 << 24;

fn power_of_two_below(n: u64) -> u64 {
    if n == 0 { 1 } else { 1 << n.ilog2() }
}

impl FlowSizes {
    /// Divides `bytes` of kernel memory. Interfaces' counts have theirs first; of the rest each CPU gets an equal share, and
    /// of eighteen parts of that eight go to the IPv4 table, four to IPv6's, four and two to their outboxes: in churn an outbox is all
    /// that is left while user space waits for its CPU.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32) -> Self {
        let cpus = u64::from(cpus.max(1)).next_power_of_two();
        let interfaces = power_of_two_below(bytes / 32 / COUNTS / (cpus + 1)).clamp(16, 4096);
        let share = bytes.saturating_sub(interfaces * COUNTS * (cpus + 1)) / cpus;
        let part = power_of_two_below(share / 18);
        let entries = |parts: u64, each: u64| (parts * part / each).clamp(16, SLOTS_MAX) as u32;
        Self {
            cpus: cpus as u32,
            slots4: entries(8, SLOT4),
            slots6: entries(4, SLOT6),
            outbox4: entries(4, SLOT4),
            outbox6: entries(2, SLOT6),
            interfaces: interfaces as u32,
        }
    }

    /// Kernel memory of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let per_cpu = u64::from(self.slots4 + self.outbox4) * SLOT4 + u64::from(self.slots6 + self.outbox6) * SLOT6;
        per_cpu * u64::from(self.cpus) + u64::from(self.interfaces) * COUNTS * u64::from(self.cpus + 1)
    }

    /// Entries of the index → number table: four times the interfaces, so that probing stays short.
    #[must_use]
    pub(crate) fn iface_entries(&self) -> u32 {
        self.interfaces * 4
    }

    pub(crate) fn settings(&self, seed: u64) -> flow_settings {
        let shift = |slots: u32| 64 - (slots / crate::wire::bits::WAYS as u32).ilog2();
        flow_settings {
            seed,
            shift4: shift(self.slots4),
            shift6: shift(self.slots6),
            outbox_mask4: self.outbox4 - 1,
            outbox_mask6: self.outbox6 - 1,
            cpu_mask: self.cpus - 1,
            iface_mask: self.iface_entries() - 1,
            iface_count_mask: self.interfaces - 1,
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_stay_within_the_budget(mib in 2_u64..4096, cpus in 1_u32..16) {
            let bytes = mib << 20;
            let sizes = FlowSizes::within(bytes, cpus);
            prop_assert!(sizes.bytes() <= bytes, "{sizes:?} takes {} of {bytes}", sizes.bytes());
            prop_assert!(sizes.bytes() * 3 >= bytes.min(1 << 33), "{sizes:?} wastes too much of {bytes}");
        }
    }
}
