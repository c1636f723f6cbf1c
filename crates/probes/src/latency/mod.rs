//! The latency probe: where the time goes between the driver and the application, in both directions, and beyond.
//!
//! Of one message in so many, and of each of a connection that is slow. Hooks: tracepoints by BTF, some of them only for a
//! slice of every period, the others by spells where many messages come; socket operations at the root of the v2 control groups; an
//! iterator over sockets. Metrics: `netrig_latency_*`. The kernel side is `latency.bpf.c`.

mod load;
mod memory;
mod sizes;
mod spells;
mod system;

pub use memory::LatencyMemory;
pub use sizes::LatencySizes;

use crate::meter::Parts;
use crate::slices::{Slice, Slices};
use crate::wire::latency_gate;
use crate::{Missing, ProbeError, iterate, object};
use libbpf_rs::{Link, Object};
use netrig_model::Stage;
use spells::{Spell, Spells};
use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use system::ReceiveStamps;

/// A slice in which the network's softirq ran fewer times, on all CPUs, is a quiet one.
const SOFTIRQS_MIN: u64 = 10;
/// How often the clocks are compared.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

/// How the probe is to be loaded.
#[derive(Clone, Debug)]
pub struct LatencyOptions {
    /// The sizes of its tables.
    pub sizes: LatencySizes,
    /// Where the v2 control groups are mounted; without it nothing is known of the way out.
    pub cgroup_root: Option<PathBuf>,
    /// 1 message in this many is looked at.
    pub sampling: u32,
    /// A message that takes longer flags its connection, nanoseconds.
    pub slow_ns: u64,
    /// Whether the kernel is to stamp what it receives, for the stage `stack`.
    pub receive_stamps: bool,
}

impl LatencyOptions {
    /// For a running host: `kernel_bytes` is this probe's share of the budget.
    #[must_use]
    pub fn live(kernel_bytes: u64, cgroup_root: Option<PathBuf>) -> Self {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1);
        let sizes = LatencySizes::within(kernel_bytes, cpus);
        Self { sizes, cgroup_root, sampling: 64, slow_ns: 100_000_000, receive_stamps: true }
    }
}

/// The probe, loaded. Dropping it takes its programs off.
#[derive(Debug)]
pub struct LatencyProbe {
    object: Object,
    memory: Arc<LatencyMemory>,
    options: LatencyOptions,
    /// Of what every message passes; empty between spells.
    links: Vec<Link>,
    operations: Option<Link>,
    walk: Option<Link>,
    spells: Spells,
    is_attached: bool,
    slices: Slices,
    /// Softirqs when the slice began; none where nobody counts them.
    softirqs: Option<u64>,
    stamps: Option<ReceiveStamps>,
    clocks_compared: Option<Instant>,
    unseen: Vec<(Stage, String)>,
    missing: Vec<Missing>,
}

impl LatencyProbe {
    /// Loads the programs and makes their tables; attaches nothing.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(options: &LatencyOptions) -> Result<Self, ProbeError> {
        let kernel = load::Kernel::look();
        let object = load::load(options, &kernel)?;
        let memory = Arc::new(LatencyMemory::map(&object, options.sizes)?);
        let mut probe = Self {
            object,
            memory,
            options: options.clone(),
            links: Vec::new(),
            operations: None,
            walk: None,
            spells: Spells::new(options.sampling, Instant::now(), 0),
            is_attached: false,
            slices: Slices::new(options.sampling),
            softirqs: None,
            stamps: None,
            clocks_compared: None,
            unseen: kernel.unseen(options.cgroup_root.is_some()),
            missing: Vec::new(),
        };
        if !options.receive_stamps {
            probe.unseen.push((Stage::Stack, "switched off by [latency] receive_stamps = false".to_owned()));
        }
        probe.set_sampling(options.sampling);
        probe.set_slow(options.slow_ns);
        Ok(probe)
    }

    /// Attaches to all hooks.
    ///
    /// # Errors
    /// When not one of them can be had. What else cannot is told by [`Self::missing`].
    pub fn attach(&mut self) -> Result<(), ProbeError> {
        self.compare_clocks();
        if self.options.receive_stamps {
            match ReceiveStamps::new() {
                Ok(stamps) => self.stamps = Some(stamps),
                Err(error) => self.unseen.push((Stage::Stack, format!("no receive stamps: {error}"))),
            }
        }
        let mut refused = None;
        for (name, tracepoint) in load::OF_MESSAGES {
            match self.attach_tracepoint(name) {
                Some(Ok(link)) => self.links.push(link),
                Some(Err(source)) => {
                    self.missing.push(Missing { what: tracepoint, why: source.to_string() });
                    refused = Some(ProbeError::Tracepoint { tracepoint, source });
                }
                None => {}
            }
        }
        self.attach_operations();
        self.is_attached = !self.links.is_empty() || self.operations.is_some();
        self.spells = Spells::new(self.options.sampling, Instant::now(), self.memory.messages());
        self.choose();
        match (self.is_attached, refused) {
            (false, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn attach_operations(&mut self) {
        let Some(root) = &self.options.cgroup_root else { return };
        let attached = File::open(root).and_then(|root| {
            let Some(program) = self.object.progs_mut().find(|p| p.name() == load::OPERATIONS) else {
                return Err(io::Error::other("it is not loaded"));
            };
            program.attach_cgroup(root.as_raw_fd()).map_err(|e| io::Error::other(format!("{e:#}")))
        });
        match attached {
            Ok(link) => self.operations = Some(link),
            Err(error) => self.missing.push(Missing { what: "socket operations", why: error.to_string() }),
        }
        match self.attach_tracepoint(load::WALK) {
            Some(Ok(link)) => self.walk = Some(link),
            Some(Err(error)) => {
                self.missing.push(Missing { what: "connections older than the rig", why: error.to_string() });
            }
            None => {}
        }
    }

    /// None: not loaded, which has been told already.
    fn attach_tracepoint(&self, name: &str) -> Option<io::Result<Link>> {
        let program = self.object.progs_mut().find(|p| p.name() == name && p.autoload())?;
        Some(program.attach().map_err(|e| io::Error::other(format!("{e:#}"))))
    }

    /// How long [`Self::turn`] has nothing to do that is not to wait.
    #[must_use]
    pub fn until_due(&self, now: Instant) -> Duration {
        if !self.is_attached {
            return Duration::MAX;
        }
        let slice = if self.has_slice() { self.slices.until_due(now) } else { Duration::MAX };
        slice.min(self.spells.until_due(now))
    }

    /// To be called when [`Self::until_due`] has passed, and some times a second while it is attached: compares clocks, and has hooks
    /// that every packet of the host would pay for attached for a slice of every period only, and those that every message would pay for
    /// by spells where these are many.
    pub fn turn(&mut self) {
        if !self.is_attached {
            return;
        }
        if self.clocks_compared.is_none_or(|last| last.elapsed() >= CLOCK_PERIOD) {
            self.compare_clocks();
        }
        let now = Instant::now();
        match self.spells.turn(now, self.memory.messages(), self.memory.somebody_waits()) {
            Spell::Begins => self.begin_spell(),
            Spell::Closes | Spell::Stays => self.choose(),
            Spell::Ends => self.end_spell(),
            Spell::GoesOn => {}
        }
        if self.has_slice() {
            match self.slices.turn(now) {
                Slice::Begins => self.begin_slice(),
                Slice::Ends => self.end_slice(),
                Slice::GoesOn => {}
            }
        }
        let waits = self.memory.gate.load(offset_of!(latency_gate, await_datagram) / 8) != 0;
        if self.slices.rest(waits, now) {
            self.memory.set(offset_of!(latency_gate, await_datagram), 0);
        }
    }

    /// The host is not at rest any more, or never was: the next slice comes when it is due under load.
    pub fn stir(&mut self) {
        self.slices.was_quiet(false);
    }

    /// Slices begin in spells, for some of what they have to tell passes the messages' hooks.
    fn has_slice(&self) -> bool {
        self.spells.chooses() || self.slices.is_attached()
    }

    fn begin_spell(&mut self) {
        self.memory.next_spell();
        for hook in load::OF_MESSAGES {
            let link = self.attach_again(hook);
            self.links.extend(link);
        }
        self.choose();
    }

    fn end_spell(&mut self) {
        if self.slices.is_attached() {
            self.end_slice();
        }
        self.memory.next_spell();
        self.links.clear();
    }

    /// As many messages are chosen as the moment has it.
    fn choose(&self) {
        self.memory.set(offset_of!(latency_gate, sampling), self.spells.one_in().into());
    }

    fn begin_slice(&mut self) {
        let mut links = Vec::new();
        for hook in load::SLICED {
            links.extend(self.attach_again(hook));
        }
        self.softirqs = (links.len() == load::SLICED.len()).then(|| self.memory.softirqs());
        let lingering = if self.slices.lingers() { None } else { self.attach_again(&load::LINGERING) };
        self.slices.hold(links, lingering);
        self.stamp(true);
        self.memory.set(offset_of!(latency_gate, slice), 1);
    }

    /// What cannot be attached is missing from then on; told once, tried again.
    fn attach_again(&mut self, (name, tracepoint): &(&str, &'static str)) -> Option<Link> {
        match self.attach_tracepoint(name)? {
            Ok(link) => Some(link),
            Err(error) => {
                if !self.missing.iter().any(|missing| missing.what == *tracepoint) {
                    tracing::warn!(tracepoint, %error, "The latency probe does without a part.");
                    self.missing.push(Missing { what: tracepoint, why: error.to_string() });
                }
                None
            }
        }
    }

    fn end_slice(&mut self) {
        self.memory.set(offset_of!(latency_gate, slice), 0);
        self.stamp(false);
        self.slices.release();
        let ran = self.softirqs.map(|before| self.memory.softirqs().wrapping_sub(before));
        self.slices.was_quiet(ran.is_some_and(|ran| ran < SOFTIRQS_MIN));
    }

    fn stamp(&self, on: bool) {
        if let Some(Err(error)) = self.stamps.as_ref().map(|stamps| stamps.switch(on)) {
            tracing::debug!(%error, "Receive stamps could not be switched.");
        }
    }

    fn compare_clocks(&mut self) {
        self.memory.set(offset_of!(latency_gate, realtime_offset_ns), system::realtime_offset_ns());
        self.clocks_compared = Some(Instant::now());
    }

    /// 1 message in this many is looked at from now on.
    pub fn set_sampling(&mut self, sampling: u32) {
        self.options.sampling = sampling.max(1);
        self.spells.set_sampling(self.options.sampling);
        self.choose();
        self.memory.choose_anew();
        self.slices.set_sampling(sampling);
    }

    /// A message that takes longer than this flags its connection; 0: none does.
    pub fn set_slow(&self, slow_ns: u64) {
        self.memory.set(offset_of!(latency_gate, slow_ns), slow_ns);
    }

    /// Gives the connections of this network namespace that are older than the rig what the probe needs.
    ///
    /// # Errors
    /// What the kernel says of the iterator.
    pub fn walk_here(&self) -> Result<(), ProbeError> {
        let Some(link) = &self.walk else { return Ok(()) };
        iterate::run(link.as_fd(), false).map_err(|source| ProbeError::Walk { source })
    }

    /// The same in another network namespace, which can be entered by the file `namespace`. Needs the right to
    /// (CAP_SYS_ADMIN).
    ///
    /// # Errors
    /// When it cannot be entered, or as for [`Self::walk_here`].
    pub fn walk_namespace(&self, namespace: &Path) -> Result<(), ProbeError> {
        let Some(link) = &self.walk else { return Ok(()) };
        iterate::run_inside(namespace, link.as_fd(), false).map_err(|source| ProbeError::Walk { source })
    }

    /// Whether it is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.is_attached
    }

    /// Takes the programs off; what they have counted stays.
    pub fn detach(&mut self) {
        self.memory.set(offset_of!(latency_gate, slice), 0);
        self.slices.release_all();
        self.memory.next_spell();
        self.links.clear();
        self.operations = None;
        self.is_attached = false;
        self.walk = None;
        self.stamps = None;
    }

    /// So many messages a second reach their sockets, on interfaces that are not watched as well.
    #[must_use]
    pub fn messages_rate(&self) -> f64 {
        self.spells.rate()
    }

    /// Whether so many messages come that its hooks are attached by spells.
    #[must_use]
    pub fn has_spells(&self) -> bool {
        self.is_attached && !self.spells.is_attached_always()
    }

    /// The stages that this host cannot show, and why.
    #[must_use]
    pub fn unseen(&self) -> Vec<(Stage, String)> {
        self.unseen.clone()
    }

    /// What could not be attached.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The shared memory, for whoever drains it.
    #[must_use]
    pub fn memory(&self) -> Arc<LatencyMemory> {
        Arc::clone(&self.memory)
    }

    /// Its programs and maps, for whoever meters them.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn parts(&self) -> io::Result<Parts> {
        Parts::of(&self.object)
    }

    /// Instructions the verifier looked at, by program.
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        object::verified_instructions(&self.object)
    }
}
