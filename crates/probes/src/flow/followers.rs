//! Who has packets after their account (`flow/followers.h`): two programs of another probe, and a pace for them.

use super::FlowMemory;
use super::interfaces::join;
use crate::wire::{flow_sampling, pace};
use crate::{ProbeError, object};
use libbpf_rs::{MapCore, MapFlags, MapHandle, Object};
use netrig_model::Direction;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

/// The door to that. At most one probe is behind it.
#[derive(Debug)]
pub struct Followers {
    programs: MapHandle,
    /// How many packets have passed since the latest that went on, [cpu].
    pub(crate) passed: MapHandle,
    memory: Arc<FlowMemory>,
}

impl Followers {
    pub(super) fn of(object: &Object, memory: Arc<FlowMemory>) -> Result<Self, ProbeError> {
        let handle = |name: &str| {
            MapHandle::try_from(&object::map(object, name)?).map_err(|error| object::refused("flow", &error))
        };
        Ok(Self { programs: handle("followers")?, passed: handle("passed")?, memory })
    }

    /// From the next packet on these have what goes on, by direction.
    pub(crate) fn follow(&self, programs: [BorrowedFd<'_>; 2], pace: &pace) -> Result<(), ProbeError> {
        for way in Direction::BOTH {
            let program = programs[way.index()].as_raw_fd().to_ne_bytes();
            let put = self.programs.update(&place_of(way), &program, MapFlags::ANY);
            put.map_err(|error| object::refused("flow", &error))?;
        }
        self.set_pace(pace);
        Ok(())
    }

    /// Another pace for who is there.
    pub(crate) fn set_pace(&self, pace: &pace) {
        let first = offset_of!(flow_sampling, follow) / 8;
        self.memory.sampling.publish(first + 1, join(pace.burst, pace.epoch));
        self.memory.sampling.publish(first, join(pace.period_ticks, pace.share));
    }

    /// Nobody is there any more, and no packet pays for it.
    pub(crate) fn leave(&self) {
        self.set_pace(&pace::default());
        for way in Direction::BOTH {
            // One that is not there is what is wanted.
            let _ = self.programs.delete(&place_of(way));
        }
    }
}

fn place_of(way: Direction) -> [u8; 4] {
    (way.index() as u32).to_ne_bytes()
}
