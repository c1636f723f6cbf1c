//! The drop probe: what the kernel throws away, by reason, place, interface, direction and flow.
//!
//! Counts are kept in the kernel, so that a flood of drops costs counts and not events; a few examples of each group come
//! through a ring. Hooks: tracepoints by BTF. Metrics: `netrig_drops_total`, `netrig_drop_*`. The kernel side is
//! `drop.bpf.c`.

mod load;
mod memory;
pub mod reasons;
mod sizes;

pub use memory::DropMemory;
pub use sizes::DropSizes;

use crate::clock::{self, TickClock};
use crate::meter::Parts;
use crate::ring::Ring;
use crate::wire::{drop_example, drop_gate};
use crate::{Missing, ProbeError, object};
use libbpf_rs::{Link, Object};
use std::mem::offset_of;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// A flow without a packet for so long makes room for another at once.
const STALE_NS: u64 = 2_000_000_000;
/// `LAST_SHIFT` of the C: flows' ages are told in so many ticks.
const LAST_TICKS: u64 = 64;

/// How the probe is to be loaded.
#[derive(Clone, Debug)]
pub struct DropOptions {
    /// The sizes of its tables.
    pub sizes: DropSizes,
    /// Examples of a group that are taken in a second, on each CPU.
    pub examples_per_second: u32,
}

impl DropOptions {
    /// For a running host: `kernel_bytes` is this probe's share of the budget.
    #[must_use]
    pub fn live(kernel_bytes: u64) -> Self {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1);
        Self { sizes: DropSizes::within(kernel_bytes, cpus), examples_per_second: 1 }
    }
}

/// The probe, loaded. Dropping it takes its programs off.
#[derive(Debug)]
pub struct DropProbe {
    // Before the object, whose ring it reads.
    examples: Ring<drop_example>,
    links: Vec<Link>,
    object: Object,
    memory: Arc<DropMemory>,
    clock: TickClock,
    missing: Vec<Missing>,
}

impl DropProbe {
    /// Loads the programs and makes their tables; attaches nothing. `senders` is the map by which the TCP probe tells whose a
    /// socket is.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(options: &DropOptions, senders: Option<BorrowedFd<'_>>) -> Result<Self, ProbeError> {
        let mut missing = Vec::new();
        let object = load::load(options, senders, &mut missing)?;
        let memory = Arc::new(DropMemory::map(&object, options.sizes)?);
        let clock = TickClock::calibrate(|| clock::read(object::program_fd(&object, "clock_now")?, &memory.clock))?;
        let ns_per_tick = clock.ns_per_tick();
        memory.set(offset_of!(drop_gate, second_ticks), 1_000_000_000 / ns_per_tick);
        memory.set(offset_of!(drop_gate, stale), (STALE_NS / ns_per_tick / LAST_TICKS).max(1));
        let examples = Ring::of(&object, "examples")?;
        let probe = Self { examples, links: Vec::new(), object, memory, clock, missing };
        probe.set_examples(options.examples_per_second);
        Ok(probe)
    }

    /// Attaches to all hooks.
    ///
    /// # Errors
    /// When packets' own end cannot be had (`kfree_skb`). What else cannot is told by [`Self::missing`].
    pub fn attach(&mut self) -> Result<(), ProbeError> {
        for (name, tracepoint, what) in load::TRACEPOINTS {
            let Some(program) = self.object.progs_mut().find(|p| p.name() == *name && p.autoload()) else { continue };
            match program.attach() {
                Ok(link) => self.links.push(link),
                Err(error) if *name == load::ESSENTIAL => {
                    self.links.clear();
                    let source = std::io::Error::other(format!("{error:#}"));
                    return Err(ProbeError::Tracepoint { tracepoint, source });
                }
                Err(error) => self.missing.push(Missing { what, why: format!("{error:#}") }),
            }
        }
        Ok(())
    }

    /// Whether it is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        !self.links.is_empty()
    }

    /// Takes the programs off; what they have counted stays.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// What could not be attached.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The shared memory, for whoever drains it.
    #[must_use]
    pub fn memory(&self) -> Arc<DropMemory> {
        Arc::clone(&self.memory)
    }

    /// The clock that turns examples' times into time of day.
    #[must_use]
    pub fn clock(&self) -> &TickClock {
        &self.clock
    }

    /// So many examples of a group in a second, on each CPU, from now on.
    pub fn set_examples(&self, per_second: u32) {
        self.memory.set(offset_of!(drop_gate, examples_per_second), per_second.into());
    }

    /// Hands over the examples that lie in the ring, without waiting; tells how many.
    ///
    /// # Errors
    /// What libbpf says of the ring.
    pub fn examples(&mut self, take: &mut dyn FnMut(&drop_example)) -> Result<u64, ProbeError> {
        self.examples.take(take)
    }

    /// Octets that lay in that ring when it was last emptied, and that it has room for.
    #[must_use]
    pub fn examples_waited(&self) -> (u64, u64) {
        self.examples.waited()
    }

    /// Drops that were not counted since one was being counted on the same CPU.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        object::recursion_misses(&self.object, load::ESSENTIAL)
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
