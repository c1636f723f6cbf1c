//! The recorder's shared memory, part by part.

use super::RecorderSizes;
use crate::object::map;
use crate::wire::{iface_entry, pace, recorder_ring};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::os::fd::AsFd;

/// All arrays of the recorder, mapped. Layouts are `recorder/wire.h`'s.
#[derive(Debug)]
pub struct RecorderMemory {
    /// How large everything is.
    pub sizes: RecorderSizes,
    /// `recorder_slot` and its octets, [cpu][ring][slot].
    pub slots: SharedWords,
    /// `recorder_ring`, [cpu][ring].
    pub rings: SharedWords,
    /// `pace`, of rings whose programs are at hooks of their own.
    pub(super) pace: SharedWords,
    /// `iface_entry`, open-addressed.
    pub(super) ifaces: SharedWords,
}

impl RecorderMemory {
    pub(super) fn map(object: &Object, sizes: RecorderSizes) -> Result<Self, ProbeError> {
        let words = |name: &str, entries: usize, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries * bytes)
        };
        Ok(Self {
            sizes,
            slots: words("slots", sizes.all_slots() as usize, sizes.slot_bytes())?,
            rings: words("rings", sizes.all_rings() as usize, size_of::<recorder_ring>())?,
            pace: words("paces", 1, size_of::<pace>())?,
            ifaces: words("ifaces", sizes.iface_entries() as usize, size_of::<iface_entry>())?,
        })
    }
}
