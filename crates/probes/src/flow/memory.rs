//! The probe's shared memory, part by part.

use super::FlowSizes;
use crate::object::map;
use crate::wire::{
    clock_reading, flow_sampler, flow_sampling, flow_slot4, flow_slot6, iface_counts, iface_entry, outbox_ends,
    replay_frame,
};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::os::fd::AsFd;

/// All arrays of the flow probe, mapped. Layouts are `bpf/wire.h`'s.
#[derive(Debug)]
pub struct FlowMemory {
    /// How large everything is.
    pub sizes: FlowSizes,
    /// `flow_slot4`, [cpu][slot].
    pub table4: SharedWords,
    /// `flow_slot6`, [cpu][slot].
    pub table6: SharedWords,
    /// Evicted `flow_slot4`, [cpu][position].
    pub outbox4: SharedWords,
    /// Evicted `flow_slot6`, [cpu][position].
    pub outbox6: SharedWords,
    /// `outbox_ends`, [cpu].
    pub ends: SharedWords,
    /// `iface_counts`, [cpu + 1][interface][direction]; the last partition is for CPUs that came later.
    pub counts: SharedWords,
    pub(crate) ifaces: SharedWords,
    pub(super) sampling: SharedWords,
    pub(super) samplers: SharedWords,
    pub(crate) replay: SharedWords,
    pub(crate) clock: SharedWords,
}

impl FlowMemory {
    pub(super) fn map(object: &Object, sizes: FlowSizes) -> Result<Self, ProbeError> {
        let cpus = sizes.cpus as usize;
        let words = |name: &str, entries: usize, bytes: usize| {
            SharedWords::map(map(object, name)?.as_fd(), name, entries * bytes)
        };
        Ok(Self {
            sizes,
            table4: words("table4", cpus * sizes.slots4 as usize, size_of::<flow_slot4>())?,
            table6: words("table6", cpus * sizes.slots6 as usize, size_of::<flow_slot6>())?,
            outbox4: words("outbox4", cpus * sizes.outbox4 as usize, size_of::<flow_slot4>())?,
            outbox6: words("outbox6", cpus * sizes.outbox6 as usize, size_of::<flow_slot6>())?,
            ends: words("ends", cpus, size_of::<outbox_ends>())?,
            counts: words("counts", (cpus + 1) * sizes.interfaces as usize * 2, size_of::<iface_counts>())?,
            ifaces: words("ifaces", sizes.iface_entries() as usize, size_of::<iface_entry>())?,
            sampling: words("sampling", 1, size_of::<flow_sampling>())?,
            samplers: words("samplers", cpus, size_of::<flow_sampler>())?,
            replay: words("replay", 1, size_of::<replay_frame>())?,
            clock: words("clock", 1, size_of::<clock_reading>())?,
        })
    }
}
