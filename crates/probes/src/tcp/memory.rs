//! The probe's shared memory, part by part.

use super::TcpSizes;
use crate::object::map;
use crate::wire::{clock_reading, tcp_ends, tcp_owner, tcp_service, tcp_slot, tcp_totals};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::mem::offset_of;
use std::os::fd::AsFd;

/// All arrays of the TCP probe, mapped. Layouts are `tcp/wire.h`'s.
#[derive(Debug)]
pub struct TcpMemory {
    /// How large everything is.
    pub sizes: TcpSizes,
    /// `tcp_slot`, one for each socket with a place.
    pub slots: SharedWords,
    /// Numbers of free places: user space gives, programs take.
    pub free_ring: SharedWords,
    /// Numbers of ended connections' places, plus 1: programs put, user space takes and leaves 0.
    pub done_ring: SharedWords,
    /// `tcp_ends`.
    pub ends: SharedWords,
    /// `tcp_totals`, for each CPU.
    pub totals: SharedWords,
    /// `tcp_service`; number 0 is all services beyond the cap.
    pub services: SharedWords,
    /// `tcp_owner` by the low bits of the process id.
    pub processes: SharedWords,
    pub(super) clock: SharedWords,
}

impl TcpMemory {
    /// Has the bell ring, once, as so many have been put into the ring of ended ones since the start: whoever sleeps is woken before
    /// places run out. 0: it does not ring.
    pub fn wake_at(&self, end: u64) {
        self.ends.publish(offset_of!(tcp_ends, wake_at) / 8, end);
    }

    pub(super) fn map(object: &Object, sizes: TcpSizes) -> Result<Self, ProbeError> {
        let words = |name: &str, entries: u32, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries as usize * bytes)
        };
        Ok(Self {
            sizes,
            slots: words("slots", sizes.slots, size_of::<tcp_slot>())?,
            free_ring: words("free_ring", sizes.ring, 8)?,
            done_ring: words("done_ring", sizes.ring, 8)?,
            ends: words("ends", 1, size_of::<tcp_ends>())?,
            totals: words("totals", sizes.cpus, size_of::<tcp_totals>())?,
            services: words("services", sizes.services, size_of::<tcp_service>())?,
            processes: words("processes", sizes.processes, size_of::<tcp_owner>())?,
            clock: words("clock", 1, size_of::<clock_reading>())?,
        })
    }
}
