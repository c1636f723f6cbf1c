//! The policy probe: packets are dropped, passed, limited or sent elsewhere at XDP, before the stack pays for them.
//!
//! A door (`entry.bpf.c`) is attached to an interface once, and hands each packet to the generation in force: a program with
//! tables of its own (`rules.bpf.c`), put in force by one store. Metrics: `netrig_policy_*`.

mod bpffs;
mod generation;
mod guard;
mod memory;
mod pack;
mod persist;
mod pins;

pub use guard::{syn_guard_needs, tcp_syncookies};
pub use memory::PolicyMemory;
pub use persist::remove_pinned;

use crate::clock::{self, TickClock};
use crate::link::{Attached, attach_xdp};
use crate::meter::Parts;
use crate::ring::Ring;
use crate::wire::{
    policy, policy_bucket, policy_bucket_set, policy_count, policy_event, policy_gate, policy_removed,
    policy_source_set,
};
use crate::{ProbeError, object};
use generation::{Generation, Ground};
use libbpf_rs::{ErrorExt, MapCore, MapFlags, Object, OpenMapMut};
use netrig_policy::Tables;
use pack::Begin;
use persist::Found;
use pins::Pins;
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

static ENTRY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy_entry.bpf.o"));
const PROBE: &str = "policy";
const DOOR: &str = "policy_entry";
/// Places in the door's array of generations.
const IN_FORCE: u32 = 0;
const BEFORE: u32 = 1;

fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) | 1
}

/// Whether a policy waits to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Nothing waits.
    None,
    /// Until then what came before is kept.
    Awaited {
        /// How long yet.
        left: Duration,
    },
    /// The time has passed: what came before is in force again.
    Expired,
}

/// The probe, loaded. Dropping it takes the door off all interfaces, unless it is pinned.
#[derive(Debug)]
pub struct PolicyProbe {
    // Before the object, whose program they run.
    attached: BTreeMap<u32, Attached>,
    // Before the object, whose ring it reads.
    events: Ring<policy_event>,
    entry: Object,
    memory: Arc<PolicyMemory>,
    clock: TickClock,
    in_force: Option<Generation>,
    before: Option<Generation>,
    pins: Option<Pins>,
}

impl PolicyProbe {
    /// Loads the door; no policy is in force, and nothing is attached. `examples_per_second`: of each rule on each CPU.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(examples_per_second: u32) -> Result<Self, ProbeError> {
        let probe = Self::around(load_door(&Vec::new())?)?;
        probe.memory.set(offset_of!(policy_gate, layout), pins::LAYOUT);
        probe.memory.set(offset_of!(policy_gate, second_ticks), 1_000_000_000 / probe.clock.ns_per_tick());
        probe.memory.set(offset_of!(policy_gate, examples_per_second), examples_per_second.into());
        Ok(probe)
    }

    /// A door that is loaded, with nothing in force.
    fn around(entry: Object) -> Result<Self, ProbeError> {
        let memory = Arc::new(PolicyMemory::map(&entry, cpus() as usize)?);
        let clock = TickClock::calibrate(|| clock::read(object::program_fd(&entry, "clock_now")?, &memory.clock))?;
        let events = Ring::of(&entry, "events")?;
        let attached = BTreeMap::new();
        Ok(Self { attached, events, entry, memory, clock, in_force: None, before: None, pins: None })
    }

    /// The shared memory, for whoever drains it.
    #[must_use]
    pub fn memory(&self) -> Arc<PolicyMemory> {
        Arc::clone(&self.memory)
    }

    /// The clock that turns counters' and events' times into time of day.
    #[must_use]
    pub fn clock(&self) -> &TickClock {
        &self.clock
    }

    /// Hands over the examples that lie in the ring, without waiting; tells how many.
    ///
    /// # Errors
    /// What libbpf says of the ring.
    pub fn events(&mut self, take: &mut dyn FnMut(&policy_event)) -> Result<u64, ProbeError> {
        self.events.take(take)
    }

    /// Octets that lay in that ring when it was last emptied, and that it has room for.
    #[must_use]
    pub fn events_waited(&self) -> (u64, u64) {
        self.events.waited()
    }

    /// Re-reads the clock, keeping what was calibrated.
    ///
    /// # Errors
    /// When the kernel refuses a test run.
    pub fn sync_clock(&mut self) -> Result<(), ProbeError> {
        self.clock.sync(clock::read(object::program_fd(&self.entry, "clock_now")?, &self.memory.clock)?);
        Ok(())
    }

    fn jiffies(&self) -> Result<u64, ProbeError> {
        clock::read(object::program_fd(&self.entry, "clock_now")?, &self.memory.clock)?;
        Ok(self.memory.clock.load(0))
    }

    /// Puts a policy in force, by one store: each packet is decided by the one or the other. With `confirm` the one before
    /// comes back after that time unless [`Self::keep`] is called: the kernel compares, whatever has become of this process.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it; nothing has changed then.
    pub fn put(&mut self, tables: &Tables, confirm: Option<Duration>) -> Result<(), ProbeError> {
        self.settle()?;
        let begin = Begin { jiffies: self.jiffies()?, ns_per_tick: self.clock.ns_per_tick() };
        let buckets = self.in_force.as_ref().map(|generation| &generation.buckets);
        let ground = Ground { entry: &self.entry, cpus: self.memory.cpus as u32, begin, buckets };
        let generation = Generation::load(tables, &ground)?;
        // Before it is in force: what decides is never without a pin.
        self.pin_generation(&generation)?;
        // What waits already gives way to what was in force before it.
        let waits = self.deadline() != 0;
        if let (Some(_), false, Some(now)) = (confirm, waits, &self.in_force) {
            self.place(BEFORE, now.program.as_fd())?;
        }
        if let Some(confirm) = confirm {
            // From now on, not from before the generation was loaded; and before the next store, until which both decide the same.
            let ticks = u64::try_from(confirm.as_nanos()).unwrap_or(u64::MAX / 2) / self.clock.ns_per_tick();
            self.set_deadline((self.jiffies()? + ticks).max(1));
        }
        self.place(IN_FORCE, generation.program.as_fd())?;
        let last = self.in_force.replace(generation);
        if confirm.is_none() {
            self.keep()?;
        } else if !waits {
            self.before = last;
        }
        self.forget_generations()
    }

    /// Confirms what is in force: nothing waits any more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn keep(&mut self) -> Result<(), ProbeError> {
        self.set_deadline(0);
        self.clear(BEFORE)?;
        self.before = None;
        self.forget_generations()
    }

    /// Takes back what waits: what came before is in force again.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn take_back(&mut self) -> Result<(), ProbeError> {
        if self.deadline() == 0 {
            return Ok(());
        }
        let before = self.before.take();
        match &before {
            Some(before) => self.place(IN_FORCE, before.program.as_fd())?,
            None => self.clear(IN_FORCE)?,
        }
        self.in_force = before;
        self.set_deadline(0);
        self.clear(BEFORE)?;
        self.forget_generations()
    }

    /// Whether what is in force waits to be confirmed.
    ///
    /// # Errors
    /// When the kernel refuses a test run.
    pub fn confirmation(&self) -> Result<Confirmation, ProbeError> {
        let deadline = self.deadline();
        if deadline == 0 {
            return Ok(Confirmation::None);
        }
        Ok(match deadline.checked_sub(self.jiffies()?) {
            None | Some(0) => Confirmation::Expired,
            Some(ticks) => Confirmation::Awaited { left: Duration::from_nanos(ticks * self.clock.ns_per_tick()) },
        })
    }

    /// Makes of what the kernel has already decided by its deadline what stands here too. Tells whether it had.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn settle(&mut self) -> Result<bool, ProbeError> {
        let expired = self.confirmation()? == Confirmation::Expired;
        if expired {
            self.take_back()?;
        }
        Ok(expired)
    }

    fn deadline(&self) -> u64 {
        self.memory.get(offset_of!(policy_gate, deadline))
    }

    fn set_deadline(&self, jiffies: u64) {
        self.memory.set(offset_of!(policy_gate, deadline), jiffies);
    }

    fn place(&self, place: u32, program: BorrowedFd<'_>) -> Result<(), ProbeError> {
        let generations = object::map(&self.entry, "generations")?;
        let fd = program.as_raw_fd().to_ne_bytes();
        let put = generations.update(&place.to_ne_bytes(), &fd, MapFlags::ANY);
        put.context("cannot put the policy in force").map_err(|e| object::refused(PROBE, &e))
    }

    fn clear(&self, place: u32) -> Result<(), ProbeError> {
        let generations = object::map(&self.entry, "generations")?;
        match generations.delete(&place.to_ne_bytes()) {
            Err(error) if error.kind() != libbpf_rs::ErrorKind::NotFound => Err(object::refused(PROBE, &error)),
            _ => Ok(()),
        }
    }

    /// Attaches the door to an interface. Tells the hook's word.
    ///
    /// # Errors
    /// What the kernel says, or that there is no more room for interfaces.
    pub fn attach(&mut self, iface: &str, ifindex: u32) -> Result<&'static str, ProbeError> {
        if let Some(attached) = self.attached.get(&ifindex) {
            return Ok(attached.hook());
        }
        let place = self.free_place(ifindex).ok_or_else(|| ProbeError::InterfacesFull {
            iface: iface.to_owned(),
            capacity: policy::IFACES as u32 - 1,
        })?;
        let attached = attach_xdp(object::program_fd(&self.entry, DOOR)?, iface, ifindex)?;
        self.memory.set_iface(place, ifindex);
        self.pin_link(ifindex, &attached)?;
        let hook = attached.hook();
        self.attached.insert(ifindex, attached);
        Ok(hook)
    }

    /// Why an interface has the door in the generic form of XDP rather than in its driver: the kernel's words.
    #[must_use]
    pub fn why_not_native(&self, ifindex: u32) -> Option<String> {
        self.attached.get(&ifindex)?.why_not_native().map(str::to_owned)
    }

    /// Takes the door off an interface; what was counted there stays.
    pub fn detach(&mut self, ifindex: u32) {
        if self.attached.remove(&ifindex).is_some() {
            self.unpin_link(ifindex);
        }
    }

    /// Interfaces that have the door, by the kernel's index, with the hook's word.
    pub fn attached(&self) -> impl Iterator<Item = (u32, &'static str)> {
        self.attached.iter().map(|(ifindex, attached)| (*ifindex, attached.hook()))
    }

    /// An interface keeps its place: its counts go on where they were when it comes back.
    fn free_place(&self, ifindex: u32) -> Option<usize> {
        let places = (0..policy::IFACE_PROBES).map(|probe| (ifindex as usize + probe) % policy::IFACES);
        let places: Vec<_> = places.filter(|place| *place != 0).collect();
        let held_by = |holder: u32| places.iter().copied().find(|place| self.memory.iface(*place) == holder);
        held_by(ifindex).or_else(|| held_by(0))
    }

    /// Runs one frame through door and generation: what would be done with it, by its number of `enum xdp_action`. It counts.
    ///
    /// # Errors
    /// What the kernel says; frames of less than 14 octets it refuses.
    pub fn run(&self, frame: &[u8]) -> Result<u32, ProbeError> {
        Self::run_at(self.door()?, frame)
    }

    /// The same by the door's program: also from another thread, while policies take each other's place.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_at(door: BorrowedFd<'_>, frame: &[u8]) -> Result<u32, ProbeError> {
        object::test_run(door, frame).map_err(|source| ProbeError::TestRun { program: DOOR, source })
    }

    /// Its programs and maps, for whoever meters them.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn parts(&self) -> std::io::Result<Parts> {
        Parts::of(&self.entry)
    }

    /// The door's program, for tools that measure.
    ///
    /// # Errors
    /// When there is none: a bug.
    pub fn door(&self) -> Result<BorrowedFd<'_>, ProbeError> {
        object::program_fd(&self.entry, DOOR)
    }
}

/// Loads the door, around the maps that were found where there are any.
fn load_door(found: &Found) -> Result<Object, ProbeError> {
    let mut open = object::open(PROBE, ENTRY)?;
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        size_map(&mut map, &name, found).map_err(|e| object::refused(PROBE, &e))?;
    }
    open.load().map_err(|e| object::refused(PROBE, &e))
}

fn size_map(map: &mut OpenMapMut<'_>, name: &str, found: &Found) -> libbpf_rs::Result<()> {
    let area = name.split_once(".data.").map(|(_, area)| area);
    let short = area.unwrap_or(name);
    if let Some((value, entries)) = shared_sizes(short, cpus()) {
        if area.is_some() {
            map.set_value_size(value)?;
        } else {
            map.set_max_entries(entries)?;
        }
    }
    match found.iter().find(|(name, _)| *name == short) {
        Some((_, found)) => map.reuse_fd(found.as_fd()),
        None => Ok(()),
    }
}

/// Of what outlives generations and is not as long as the object says: octets of a value, and how many.
fn shared_sizes(name: &str, cpus: u32) -> Option<(u32, u32)> {
    let area = |entries: usize, bytes: usize| Some((cpus * (entries * bytes) as u32, 1));
    match name {
        "gates" => Some((size_of::<policy_gate>() as u32, 1)),
        "counts" => area(policy::RULES, size_of::<policy_count>()),
        "removed" => area(policy::IFACES, size_of::<policy_removed>()),
        "sources" => Some((size_of::<policy_source_set>() as u32, cpus * policy::SOURCE_SETS as u32)),
        "rule_buckets" => Some((size_of::<policy_bucket>() as u32, policy::RULES as u32)),
        _ => None,
    }
}

/// What a policy's generation takes of the kernel's memory: its tables as they are laid out, and the buckets of its limits. While one
/// replaces another there are two. What all policies share is beside it: some 90 kB for each CPU, and a ring of 256 KiB.
#[must_use]
pub fn kernel_bytes(tables: &Tables) -> u64 {
    let laid_out = pack::pack(tables, Begin { jiffies: 1, ns_per_tick: 1 }).area.len() as u64;
    let buckets = u64::from(generation::bucket_sets(tables)) * size_of::<policy_bucket_set>() as u64;
    laid_out + buckets
}

/// Partitions of what each CPU counts by itself.
fn cpus() -> u32 {
    let cpus = libbpf_rs::num_possible_cpus().unwrap_or(1);
    u32::try_from(cpus).unwrap_or(1).next_power_of_two()
}
