//! The payload part of the flow programs: the first octets of what may be a request or its answer, copied into a ring for each CPU.
//!
//! It is part of the flow probe's programs, which have parsed the packet and found its flow by then; it has no hook of its own. Metrics:
//! `netrig_payload_*`. The kernel side is `look.h` (what a packet may be), `state.h` (what is remembered of a flow's direction) and
//! `copy.h` (from a packet to its record).

use crate::object::map;
use crate::wire::{payload_ends, payload_settings, payloads};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// A ring holds some packets at least.
const RING_OCTETS_MIN: u64 = 1 << 16;
/// All rings are one area, of which the kernel takes no more than a gibibyte.
const OCTETS_MAX: u64 = 1 << 29;
/// The longest packet of a QUIC handshake: it is copied whole, whatever else is.
const QUIC_OCTETS: u32 = 1_536;

/// What of payload is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadOptions {
    /// Ports of DNS, eight at most: the first ones count.
    pub dns_ports: Vec<u16>,
    /// Of one direction of a flow, until it is known what it is; of a DNS packet; of an HTTP head. At most 16 KiB.
    pub copy_octets: u32,
    /// Memory of each CPU's ring; the power of two within it.
    pub ring_octets: u64,
}

impl Default for PayloadOptions {
    fn default() -> Self {
        Self { dns_ports: vec![53, 5353], copy_octets: 2_048, ring_octets: 1 << 20 }
    }
}

impl PayloadOptions {
    /// Kernel memory of the smallest rings.
    #[must_use]
    pub fn least_bytes(cpus: u32) -> u64 {
        u64::from(cpus) * RING_OCTETS_MIN
    }

    /// log2 of one ring's octets, where `cpus` have one.
    fn ring_shift(&self, cpus: u32) -> u32 {
        let most = (OCTETS_MAX / u64::from(cpus.max(1))).max(RING_OCTETS_MIN);
        self.ring_octets.clamp(RING_OCTETS_MIN, most).ilog2()
    }

    /// Kernel memory of all rings.
    #[must_use]
    pub fn bytes(&self, cpus: u32) -> u64 {
        u64::from(cpus) << self.ring_shift(cpus)
    }

    /// Of the area of rings: with room for a record behind the last, for the verifier does not know that none begins so late.
    pub(crate) fn area_octets(&self, cpus: u32) -> usize {
        self.bytes(cpus) as usize + payloads::RECORD_OCTETS_MAX
    }

    pub(crate) fn settings(&self, cpus: u32) -> payload_settings {
        let copy_octets = self.copy_octets.clamp(1, payloads::OCTETS_MAX as u32);
        let mut dns_ports = [0; payloads::PORTS];
        for (place, port) in dns_ports.iter_mut().zip(&self.dns_ports) {
            *place = port.to_be();
        }
        payload_settings {
            on: 1,
            copy_octets,
            quic_octets: copy_octets.max(QUIC_OCTETS),
            ring_shift: self.ring_shift(cpus),
            dns_ports,
        }
    }
}

/// The rings of all CPUs, mapped. Layouts are `payload/wire.h`'s.
#[derive(Debug)]
pub struct PayloadMemory {
    /// How many rings.
    pub cpus: u32,
    /// Octets of one ring, a power of two.
    pub ring_octets: u64,
    /// `payload_record`s and their octets, [cpu][octet].
    pub rings: SharedWords,
    /// `payload_ends`, [cpu].
    pub ends: SharedWords,
}

impl PayloadMemory {
    /// Whether packets are looked at, and copied, from now on.
    pub fn switch(&self, on: bool) {
        let words = size_of::<payload_ends>() / 8;
        for cpu in 0..self.cpus as usize {
            self.ends.publish(cpu * words + offset_of!(payload_ends, off) / 8, u64::from(!on));
        }
    }

    pub(crate) fn map(object: &Object, options: &PayloadOptions, cpus: u32) -> Result<Self, ProbeError> {
        let words = |name: &str, bytes: usize| SharedWords::map(map(object, name)?.as_fd(), name, bytes);
        Ok(Self {
            cpus,
            ring_octets: 1 << options.ring_shift(cpus),
            rings: words("payload_rings", options.bytes(cpus) as usize)?,
            ends: words("payload_ends", cpus as usize * size_of::<payload_ends>())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_a_power_of_two_within_its_share() {
        let of = |octets, cpus| {
            1_u64 << PayloadOptions { ring_octets: octets, ..PayloadOptions::default() }.ring_shift(cpus)
        };
        assert_eq!(of(1 << 20, 2), 1 << 20);
        assert_eq!(of(3 << 20, 2), 2 << 20);
        assert_eq!(of(1, 2), RING_OCTETS_MIN);
        assert_eq!(of(1 << 30, 1024), 1 << 19, "all of them within what the kernel takes");
        assert_eq!(PayloadOptions::default().bytes(4), 4 << 20);
    }

    #[test]
    fn settings_are_within_what_the_programs_allow() {
        let many = PayloadOptions { dns_ports: (1..20).collect(), copy_octets: 1 << 20, ..PayloadOptions::default() };
        let settings = many.settings(1);
        assert_eq!((settings.copy_octets, settings.quic_octets), (16_384, 16_384));
        assert_eq!(settings.dns_ports.map(u16::from_be), [1, 2, 3, 4, 5, 6, 7, 8]);
        let few = PayloadOptions { dns_ports: vec![53], copy_octets: 512, ..many }.settings(1);
        assert_eq!((few.copy_octets, few.quic_octets, few.dns_ports[1]), (512, 1_536, 0));
    }
}
