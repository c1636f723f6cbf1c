//! Sizes from a budget.

use crate::wire::{iface_entry, recorder_ring, recorder_settings, recorder_slot};

/// Octets of a packet that a slot may have room for; with what precedes them a power of two.
pub const SNAPLENS: [u32; 3] = [96, 224, 480];
/// More interfaces than this have no rings.
const IFACES_MAX: u32 = 256;
/// A ring of fewer slots is no recording.
const SLOTS_MIN: u32 = 64;
/// More memory than this is of no use: the kernel counts an array's slots with 32 bits, and its octets nearly so.
const BYTES_MAX: u64 = 2 << 30;

/// How large each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderSizes {
    /// CPUs.
    pub cpus: u32,
    /// Interfaces that have rings.
    pub ifaces: u32,
    /// Slots of a ring.
    pub slots: u32,
    /// Octets of a packet; one of [`SNAPLENS`].
    pub snaplen: u32,
}

impl RecorderSizes {
    /// What `bytes` of kernel memory have room for, with rings for so many interfaces; for fewer where rings would be shorter than 64
    /// packets. None where not even one interface can have rings.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32, ifaces: u32, snaplen: u32) -> Option<Self> {
        let snaplen = SNAPLENS.into_iter().find(|known| *known >= snaplen).unwrap_or(SNAPLENS[SNAPLENS.len() - 1]);
        let cpus = cpus.max(1);
        let least = |ifaces: u32| Self { cpus, ifaces, slots: SLOTS_MIN, snaplen };
        let bytes = bytes.min(BYTES_MAX);
        let wanted = ifaces.clamp(1, IFACES_MAX);
        let ifaces = (1..=wanted).rev().find(|ifaces| least(*ifaces).bytes() <= bytes)?;
        let sizes = least(ifaces);
        let of_one_slot = u64::from(sizes.all_rings()) * sizes.slot_bytes() as u64;
        let more = (bytes - sizes.bytes()) / of_one_slot;
        Some(Self { slots: SLOTS_MIN + u32::try_from(more).ok()?, ..sizes })
    }

    /// The least memory in which so many interfaces have rings.
    #[must_use]
    pub fn least_bytes(cpus: u32, ifaces: u32, snaplen: u32) -> u64 {
        Self { cpus: cpus.max(1), ifaces: ifaces.clamp(1, IFACES_MAX), slots: SLOTS_MIN, snaplen }.bytes()
    }

    /// Rings of all CPUs.
    #[must_use]
    pub fn all_rings(&self) -> u32 {
        self.cpus * self.ifaces
    }

    /// Slots of all rings.
    #[must_use]
    pub fn all_slots(&self) -> u32 {
        self.all_rings() * self.slots
    }

    /// Octets of a slot.
    #[must_use]
    pub fn slot_bytes(&self) -> usize {
        size_of::<recorder_slot>() + self.snaplen as usize
    }

    /// Entries of the table of interfaces: so many that one is seldom far from its place.
    pub(super) fn iface_entries(&self) -> u32 {
        (self.ifaces * 4).next_power_of_two().max(64)
    }

    /// Kernel memory of all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let slots = u64::from(self.cpus) * u64::from(self.ifaces) * u64::from(self.slots) * self.slot_bytes() as u64;
        let rings = u64::from(self.cpus) * u64::from(self.ifaces) * size_of::<recorder_ring>() as u64;
        slots + rings + u64::from(self.iface_entries()) * size_of::<iface_entry>() as u64
    }

    pub(super) fn settings(&self) -> recorder_settings {
        recorder_settings {
            ifaces: self.ifaces,
            slots: self.slots,
            iface_mask: self.iface_entries() - 1,
            words: self.snaplen / 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_stay_within_the_budget(
            kib in 1_u64..8_000_000, cpus in 1_u32..300, wanted in 0_u32..400, snaplen in 1_u32..600,
        ) {
            let sizes = RecorderSizes::within(kib << 10, cpus, wanted, snaplen);
            let snaplen = sizes.map_or(SNAPLENS[0], |sizes| sizes.snaplen);
            prop_assert!(sizes.is_some() || RecorderSizes::least_bytes(cpus, 1, snaplen) > kib << 10 || snaplen == SNAPLENS[0]);
            if let Some(sizes) = sizes {
                prop_assert!(sizes.bytes() <= kib << 10, "{sizes:?} takes {} of {kib} KiB", sizes.bytes());
                prop_assert!(sizes.slots >= SLOTS_MIN && sizes.ifaces >= 1);
                let more = RecorderSizes { slots: sizes.slots + 1, ..sizes };
                prop_assert!(more.bytes() > (kib << 10).min(BYTES_MAX), "room for more is left");
            }
        }
    }

    #[test]
    fn what_a_budget_has_room_for() {
        let of = |mib: u64, cpus, ifaces, snaplen| {
            RecorderSizes::within(mib << 20, cpus, ifaces, snaplen).map(|sizes| (sizes.ifaces, sizes.slots))
        };
        assert_eq!(of(4, 2, 2, 96), Some((2, 8190)));
        assert_eq!(of(4, 2, 4, 96), Some((4, 4095)));
        assert_eq!(of(4, 2, 2, 480), Some((2, 2047)));
        assert_eq!(of(4, 64, 2, 96), Some((2, 255)));
        assert_eq!(of(4, 64, 16, 96), Some((7, 72)), "where memory is short some go without");
        assert_eq!(of(1, 256, 1, 96), None);
    }

    #[test]
    fn every_slot_is_a_power_of_two_of_octets() {
        for snaplen in SNAPLENS {
            let sizes = RecorderSizes { cpus: 1, ifaces: 1, slots: 64, snaplen };
            assert!(sizes.slot_bytes().is_power_of_two());
        }
    }
}
