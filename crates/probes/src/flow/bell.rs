//! The bell by which the programs wake who sleeps for long (`bpf/bell.h`).

use super::FlowProbe;
use crate::ProbeError;
use crate::ring::Ring;
use crate::tcp::TcpProbe;
use crate::wire::flow_sampling;
use std::mem::offset_of;
use std::time::Duration;

/// Who is woken. For a thread of its own.
#[derive(Debug)]
pub struct Bell(Ring<u64>);

impl Bell {
    /// Waits for so long at most; whether it has rung.
    ///
    /// # Errors
    /// The system's reason why nobody can wait for it.
    pub fn wait(&mut self, limit: Duration) -> Result<bool, ProbeError> {
        self.0.wait(limit)
    }
}

impl FlowProbe {
    /// The bell: it rings once a ring in shared memory, or an outbox, is full in part while somebody is [asleep](Self::sleep). Where there
    /// are `connections` that of their probe is heard, too ([`TcpMemory::wake_at`](crate::tcp::TcpMemory::wake_at)).
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn bell(&self, connections: Option<&TcpProbe>) -> Result<Bell, ProbeError> {
        let beside = connections.map(|probe| &probe.object);
        let objects: Vec<_> = std::iter::once(&self.object).chain(beside).collect();
        Ring::of_all(&objects, "bell").map(Bell)
    }

    /// From now on who reads these rings is asleep, or awake.
    pub fn sleep(&self, asleep: bool) {
        self.memory.sampling.publish(offset_of!(flow_sampling, asleep) / 8, asleep.into());
    }
}
