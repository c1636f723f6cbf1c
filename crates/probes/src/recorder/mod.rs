//! The flight recorder: the last packets of each watched interface, their first octets, in rings in kernel memory.
//!
//! Hooks: behind the flow probe's programs, or, where these are at XDP, tcx ingress and egress (clsact on kernels before 6.6). Metrics: `netrig_recorder_*`. The kernel side is
//! `recorder.bpf.c`; `netrig_drain::recorder` reads the rings.

mod load;
mod memory;
mod sizes;

pub use memory::RecorderMemory;
pub use sizes::{RecorderSizes, SNAPLENS};

use crate::flow::{Followers, join};
use crate::link::{Attached, attach_tc_recorder};
use crate::meter::Parts;
use crate::wire::pace;
use crate::{ProbeError, object};
use libbpf_rs::Object;
use netrig_model::Direction;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// As in `recorder.bpf.c`: how far a lookup goes.
const PROBES_MAX: usize = 8;
/// By direction.
const PROGRAMS: [&str; 2] = ["recorder_ingress", "recorder_egress"];
const BEHIND: [&str; 2] = ["recorder_behind_ingress", "recorder_behind_egress"];
/// A pace is kept over periods of about so long: a few jiffies where they are short, one where they are long.
const PERIOD_NS: u64 = 4_000_000;
/// The part of a ring that a burst after quiet may fill, packet by packet: what preceded it stays beside it.
const BURST_PART: u32 = 2;

/// The probe, loaded. Dropping it takes its programs off.
#[derive(Debug)]
pub struct RecorderProbe {
    object: Object,
    memory: Arc<RecorderMemory>,
    /// Rings that no interface has; the one that was given back last is used last, so that what it holds can be read for long.
    free: VecDeque<u32>,
    watched: BTreeMap<u32, Watched>,
    /// The flow probe's, where its programs lead on to these.
    followers: Option<Followers>,
    are_following: bool,
    pace: pace,
}

/// An interface that is recorded.
#[derive(Debug)]
struct Watched {
    ring: u32,
    /// By direction.
    hooks: [Hook; 2],
}

/// How packets of an interface come to the programs.
#[derive(Debug)]
enum Hook {
    /// A tool runs them itself.
    None,
    /// After the flow probe's, which is at the hook of this word.
    Behind(&'static str),
    Own(Attached),
}

impl Hook {
    fn word(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Behind(word) => word,
            Self::Own(attached) => attached.hook(),
        }
    }
}

impl RecorderProbe {
    /// Loads the programs and makes their rings; attaches nothing.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(sizes: RecorderSizes) -> Result<Self, ProbeError> {
        Self::load_behind(sizes, None)
    }

    /// The same, with [`crate::flow::FlowProbe::followers`]: interfaces that the flow probe serves need no program of their own.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_behind(sizes: RecorderSizes, followers: Option<Followers>) -> Result<Self, ProbeError> {
        let object = load::load(&sizes, followers.as_ref().map(|followers| &followers.passed))?;
        let memory = Arc::new(RecorderMemory::map(&object, sizes)?);
        let free = (0..sizes.ifaces).collect();
        // All, from the first packet on.
        let pace = pace { period_ticks: 1, ..pace::default() };
        let probe = Self { object, memory, free, watched: BTreeMap::new(), followers, are_following: false, pace };
        probe.tell_pace();
        Ok(probe)
    }

    /// The shared memory, for whoever reads it.
    #[must_use]
    pub fn memory(&self) -> Arc<RecorderMemory> {
        Arc::clone(&self.memory)
    }

    /// From now on so many packets a second are recorded on the average of each interface on each CPU, bursts apart; 0: every one. (Behind
    /// the flow probe: of each direction.) How long a jiffy is, the flow probe's clock tells.
    pub fn set_pace(&mut self, packets_per_second: u32, ns_per_tick: u64) {
        let period_ticks = (PERIOD_NS / ns_per_tick.max(1)).max(1);
        let share = u64::from(packets_per_second) * period_ticks * ns_per_tick / 1_000_000_000;
        let share = u32::try_from(share).unwrap_or(u32::MAX).max(u32::from(packets_per_second > 0));
        let epoch = self.pace.epoch.wrapping_add(1);
        self.pace =
            pace { period_ticks: period_ticks as u32, share, burst: self.memory.sizes.slots / BURST_PART, epoch };
        self.tell_pace();
    }

    fn tell_pace(&self) {
        let pace = &self.pace;
        self.memory.pace.publish(1, join(pace.burst, pace.epoch));
        self.memory.pace.publish(0, join(pace.period_ticks, pace.share));
        if let Some(followers) = self.followers.as_ref().filter(|_| self.are_following) {
            followers.set_pace(pace);
        }
    }

    /// Begins to record an interface, both ways. `flow_hooks` are the words of the hooks at which the flow probe has this interface, by
    /// direction; empty where it has not.
    ///
    /// # Errors
    /// What the hook says, or that there is no ring left. Nothing stays attached then.
    pub fn watch(&mut self, name: &str, ifindex: u32, flow_hooks: [&'static str; 2]) -> Result<(), ProbeError> {
        self.admit(ifindex)
            .ok_or_else(|| ProbeError::RingsFull { iface: name.to_owned(), capacity: self.memory.sizes.ifaces })?;
        let hooks = self.follow().and_then(|()| {
            let hook = |way: Direction| self.hook(name, ifindex, way, flow_hooks[way.index()]);
            let egress = hook(Direction::Egress)?;
            Ok([hook(Direction::Ingress)?, egress])
        });
        match (hooks, self.watched.get_mut(&ifindex)) {
            (Ok(hooks), Some(watched)) => watched.hooks = hooks,
            (Err(error), _) => {
                self.unwatch(ifindex);
                return Err(error);
            }
            (Ok(_), None) => {}
        }
        Ok(())
    }

    fn hook(&self, name: &str, ifindex: u32, way: Direction, flow: &'static str) -> Result<Hook, ProbeError> {
        if self.followers.is_some() && matches!(flow, "tcx" | "clsact") {
            return Ok(Hook::Behind(flow));
        }
        let program = object::program_fd(&self.object, PROGRAMS[way.index()])?;
        attach_tc_recorder(program, name, ifindex, way).map(Hook::Own)
    }

    /// Has the flow probe's programs lead on to these.
    fn follow(&mut self) -> Result<(), ProbeError> {
        let Some(followers) = self.followers.as_ref().filter(|_| !self.are_following) else { return Ok(()) };
        let [ingress, egress] = BEHIND.map(|name| object::program_fd(&self.object, name));
        self.pace.epoch = self.pace.epoch.wrapping_add(1);
        followers.follow([ingress?, egress?], &self.pace)?;
        self.are_following = true;
        Ok(())
    }

    fn stop_following(&mut self) {
        if let Some(followers) = self.followers.as_ref().filter(|_| self.are_following) {
            followers.leave();
        }
        self.are_following = false;
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
        self.watched.insert(ifindex, Watched { ring, hooks: [Hook::None, Hook::None] });
        Some(ring)
    }

    /// Stops recording an interface. What its ring holds can be read until another interface has it.
    pub fn unwatch(&mut self, ifindex: u32) {
        let Some(watched) = self.watched.remove(&ifindex) else { return };
        drop(watched.hooks);
        let words = &self.memory.ifaces;
        for at in (0..words.len()).filter(|at| words.load(*at) == join(ifindex, watched.ring + 1)) {
            words.publish(at, 0);
        }
        self.free.push_back(watched.ring);
        if self.watched.is_empty() {
            self.stop_following();
        }
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
        self.watched.get(&ifindex).map_or("", |watched| watched.hooks[direction.index()].word())
    }

    /// Runs a program on a frame of the loopback interface so many times; how long one run took, on the average.
    ///
    /// # Errors
    /// When the kernel refuses a test run.
    pub fn try_on(&self, direction: Direction, frame: &[u8], times: u32) -> Result<Duration, ProbeError> {
        let program = PROGRAMS[direction.index()];
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

impl Drop for RecorderProbe {
    fn drop(&mut self) {
        self.stop_following();
    }
}
