//! The flight recorder: the last packets of each watched interface, their first octets, in rings in kernel memory.
//!
//! Hooks: tcx ingress and egress (clsact on kernels before 6.6). Metrics: `netrig_recorder_*`. The kernel side is
//! `recorder.bpf.c`; `netrig_drain::recorder` reads the rings.

mod load;
mod memory;
mod sizes;

pub use memory::RecorderMemory;
pub use sizes::{RecorderSizes, SNAPLENS};

use crate::link::{Attached, attach_tc_recorder};
use crate::meter::Parts;
use crate::{ProbeError, object};
use libbpf_rs::Object;
use netrig_model::Direction;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// As in `recorder.bpf.c`: how far a lookup goes.
const PROBES_MAX: usize = 8;

/// The probe, loaded. Dropping it takes its programs off.
#[derive(Debug)]
pub struct RecorderProbe {
    object: Object,
    memory: Arc<RecorderMemory>,
    /// Rings that no interface has; the one that was given back last is used last, so that what it holds can be read for long.
    free: VecDeque<u32>,
    watched: BTreeMap<u32, Watched>,
}

/// An interface that is recorded.
#[derive(Debug)]
struct Watched {
    ring: u32,
    /// By direction; none where a tool runs the programs itself.
    attached: Option<[Attached; 2]>,
}

impl RecorderProbe {
    /// Loads the programs and makes their rings; attaches nothing.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(sizes: RecorderSizes) -> Result<Self, ProbeError> {
        let object = load::load(&sizes)?;
        let memory = Arc::new(RecorderMemory::map(&object, sizes)?);
        Ok(Self { object, memory, free: (0..sizes.ifaces).collect(), watched: BTreeMap::new() })
    }

    /// The shared memory, for whoever reads it.
    #[must_use]
    pub fn memory(&self) -> Arc<RecorderMemory> {
        Arc::clone(&self.memory)
    }

    /// Begins to record an interface, both ways.
    ///
    /// # Errors
    /// What the hook says, or that there is no ring left. Nothing stays attached then.
    pub fn watch(&mut self, name: &str, ifindex: u32) -> Result<(), ProbeError> {
        self.admit(ifindex)
            .ok_or_else(|| ProbeError::RingsFull { iface: name.to_owned(), capacity: self.memory.sizes.ifaces })?;
        let both = self.attach(name, ifindex);
        match both {
            Ok(both) => {
                if let Some(watched) = self.watched.get_mut(&ifindex) {
                    watched.attached = Some(both);
                }
                Ok(())
            }
            Err(error) => {
                self.unwatch(ifindex);
                Err(error)
            }
        }
    }

    fn attach(&self, name: &str, ifindex: u32) -> Result<[Attached; 2], ProbeError> {
        let attach = |program, way| attach_tc_recorder(object::program_fd(&self.object, program)?, name, ifindex, way);
        let egress = attach("recorder_egress", Direction::Egress)?;
        Ok([attach("recorder_ingress", Direction::Ingress)?, egress])
    }

    /// Gives an interface a ring without attaching anything: for tools that run the programs themselves. None when there is no room.
    pub fn admit(&mut self, ifindex: u32) -> Option<u32> {
        if let Some(known) = self.watched.get(&ifindex) {
            return Some(known.ring);
        }
        let words = &self.memory.ifaces;
        let places = (0..PROBES_MAX).map(|probe| (ifindex as usize + probe) & (words.len() - 1));
        let place = places.into_iter().find(|at| words.load(*at) == 0)?;
        let ring = self.free.pop_front()?;
        words.publish(place, join(ifindex, ring + 1));
        self.watched.insert(ifindex, Watched { ring, attached: None });
        Some(ring)
    }

    /// Stops recording an interface. What its ring holds can be read until another interface has it.
    pub fn unwatch(&mut self, ifindex: u32) {
        let Some(watched) = self.watched.remove(&ifindex) else { return };
        drop(watched.attached);
        let words = &self.memory.ifaces;
        for at in (0..words.len()).filter(|at| words.load(*at) == join(ifindex, watched.ring + 1)) {
            words.publish(at, 0);
        }
        self.free.push_back(watched.ring);
    }

    /// The interfaces that are recorded, by the kernel's index.
    pub fn watched(&self) -> impl Iterator<Item = u32> {
        self.watched.keys().copied()
    }

    /// The ring of an interface that is recorded.
    #[must_use]
    pub fn ring_of(&self, ifindex: u32) -> Option<u32> {
        self.watched.get(&ifindex).map(|watched| watched.ring)
    }

    /// The hook that serves an interface in a direction, for people; empty where none does.
    #[must_use]
    pub fn hook_of(&self, ifindex: u32, direction: Direction) -> &'static str {
        let both = self.watched.get(&ifindex).and_then(|watched| watched.attached.as_ref());
        both.map_or("", |both| both[direction.index()].hook())
    }

    /// Runs a program on a frame of the loopback interface so many times; how long one run took, on the average.
    ///
    /// # Errors
    /// When the kernel refuses a test run.
    pub fn try_on(&self, direction: Direction, frame: &[u8], times: u32) -> Result<Duration, ProbeError> {
        let program = match direction {
            Direction::Ingress => "recorder_ingress",
            Direction::Egress => "recorder_egress",
        };
        object::test_run_times(self.program(program)?, frame, times)
            .map_err(|source| ProbeError::TestRun { program, source })
    }

    fn program(&self, name: &'static str) -> Result<BorrowedFd<'_>, ProbeError> {
        object::program_fd(&self.object, name)
    }

    /// Its programs and maps, for whoever meters them.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn parts(&self) -> std::io::Result<Parts> {
        Parts::of(&self.object)
    }

    /// Instructions the verifier looked at, by program.
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        object::verified_instructions(&self.object)
    }
}

/// Two 32-bit fields that lie one after the other in memory, as the word that holds both.
fn join(first: u32, second: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}
