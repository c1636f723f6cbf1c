//! Sizes from a budget: how the kernel's memory for connections is divided.

use crate::wire::{tcp_owner, tcp_service, tcp_settings, tcp_slot, tcp_totals};

/// How large each part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSizes {
    /// Sockets that have a place: connections and listeners.
    pub slots: u32,
    /// Places of each ring: a power of two, no fewer than slots.
    pub ring: u32,
    /// Services with distributions of their own, and the one (number 0) for all others.
    pub services: u32,
    /// Processes whose names are remembered for flows: a power of two.
    pub processes: u32,
    /// Sockets other than TCP's whose owner is remembered.
    pub other_sockets: u32,
    /// CPUs, rounded up to a power of two.
    pub cpus: u32,
}

/// What a slot takes beside itself: the kernel's list of a socket's storages and the one that is ours, as its allocator rounds
/// them (read from slabinfo), and its share of two rings that may be twice as long as the table.
const BESIDE_SLOT: u64 = 192 + 128 + 2 * 2 * 8;
/// The same of a socket other than TCP's.
const OTHER_SOCKET: u64 = 192 + 96;
/// More services than this help nobody, and make metrics heavy.
const SERVICES_MAX: u64 = 257;
/// The map of all slots stays below what the kernel allocates in one piece.
const SLOTS_MAX: u64 = 1 << 21;

fn power_of_two_below(n: u64) -> u64 {
    if n == 0 { 1 } else { 1 << n.ilog2() }
}

impl TcpSizes {
    /// Divides `bytes` of kernel memory: an eighth for services' distributions, a sixty-fourth each for processes' names
    /// and for sockets other than TCP's, the totals of each CPU, and the rest for connections.
    #[must_use]
    pub fn within(bytes: u64, cpus: u32) -> Self {
        let cpus = u64::from(cpus.max(1)).next_power_of_two();
        let services = (bytes / 8 / size_of::<tcp_service>() as u64).clamp(4, SERVICES_MAX);
        let processes = power_of_two_below(bytes / 64 / size_of::<tcp_owner>() as u64).clamp(256, 32_768);
        let other_sockets = (bytes / 64 / OTHER_SOCKET).clamp(64, 1 << 20);
        let fixed = services * size_of::<tcp_service>() as u64
            + processes * size_of::<tcp_owner>() as u64
            + other_sockets * OTHER_SOCKET
            + cpus * size_of::<tcp_totals>() as u64;
        let each = size_of::<tcp_slot>() as u64 + BESIDE_SLOT;
        let slots = (bytes.saturating_sub(fixed) / each).clamp(64, SLOTS_MAX) as u32;
        Self {
            slots,
            ring: slots.next_power_of_two(),
            services: services as u32,
            processes: processes as u32,
            other_sockets: other_sockets as u32,
            cpus: cpus as u32,
        }
    }

    /// Kernel memory of all parts when the table is full.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let of = |count: u32, each: usize| u64::from(count) * each as u64;
        of(self.slots, size_of::<tcp_slot>())
            + u64::from(self.slots) * BESIDE_SLOT
            + of(self.services, size_of::<tcp_service>())
            + of(self.processes, size_of::<tcp_owner>())
            + u64::from(self.other_sockets) * OTHER_SOCKET
            + of(self.cpus, size_of::<tcp_totals>())
    }

    pub(super) fn settings(&self) -> tcp_settings {
        tcp_settings {
            slots: self.slots,
            ring_mask: self.ring - 1,
            services: self.services,
            other_sockets_max: self.other_sockets,
            cpu_mask: self.cpus - 1,
            process_mask: self.processes - 1,
            ..tcp_settings::default()
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
            let bytes = kib << 10;
            let sizes = TcpSizes::within(bytes, cpus);
            prop_assert!(sizes.bytes() <= bytes.max(512 << 10), "{sizes:?} takes {} of {bytes}", sizes.bytes());
            prop_assert!(sizes.ring >= sizes.slots && sizes.ring.is_power_of_two());
        }
    }

    #[test]
    fn a_million_sockets_fit_into_what_the_documentation_says() {
        assert!(TcpSizes::within(1000 << 20, 8).slots >= 1_000_000);
    }
}
