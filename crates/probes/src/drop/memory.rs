//! The probe's shared memory, part by part.

use super::DropSizes;
use crate::object::map;
use crate::wire::{clock_reading, drop_flow, drop_gate, drop_group, drops};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::os::fd::AsFd;

/// All arrays of the drop probe, mapped. Layouts are `drop/wire.h`'s.
#[derive(Debug)]
pub struct DropMemory {
    /// How large everything is.
    pub sizes: DropSizes,
    /// `drop_group`, [cpu][GROUPS].
    pub groups: SharedWords,
    /// `drop_flow`, [cpu][flow].
    pub flows: SharedWords,
    /// `drop_gate`.
    pub gate: SharedWords,
    pub(super) clock: SharedWords,
}

impl DropMemory {
    pub(super) fn map(object: &Object, sizes: DropSizes) -> Result<Self, ProbeError> {
        let cpus = sizes.cpus as usize;
        let words = |name: &str, entries: usize, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries * bytes)
        };
        Ok(Self {
            sizes,
            groups: words("groups", cpus * drops::GROUPS, size_of::<drop_group>())?,
            flows: words("flows", cpus * sizes.flows as usize, size_of::<drop_flow>())?,
            gate: words("gates", 1, size_of::<drop_gate>())?,
            clock: words("clock", 1, size_of::<clock_reading>())?,
        })
    }

    /// Writes a field of the gate, by its offset.
    pub(super) fn set(&self, offset: usize, value: u64) {
        self.gate.publish(offset / 8, value);
    }
}
