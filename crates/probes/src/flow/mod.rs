//! The flow probe: every packet of the watched interfaces, counted per flow and direction in kernel memory.
//!
//! Hooks: tcx ingress and egress (clsact on kernels before 6.6), or XDP for ingress. Metrics: `netrig_interface_*`,
//! `netrig_flow_*`, `netrig_ledger_*`, `netrig_table_*`. The kernel side is `flow.bpf.c`.

mod bell;
mod followers;
mod interfaces;
mod load;
mod memory;
mod replay;
mod sampling;

pub use crate::sizes::FlowSizes;
pub use bell::Bell;
pub use followers::Followers;
pub(crate) use interfaces::join;
pub use memory::FlowMemory;
pub use replay::{Frame, LinkKind};
pub use sampling::SAMPLING_MAX;

use crate::burst::{BurstMemory, BurstOptions};
use crate::clock::{self, TickClock};
use crate::link::{Attached, attach_tc, attach_xdp};
use crate::meter::Parts;
use crate::payload::{PayloadMemory, PayloadOptions};
use crate::{ProbeError, object};
use interfaces::Interfaces;
use libbpf_rs::{Link, Object};
use netrig_model::{Direction, InterfaceId};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where packets are counted on their way in; on their way out it is always tcx or clsact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowHook {
    /// tcx, or clsact where tcx is missing.
    #[default]
    Tc,
    /// XDP: before the stack, and before GRO merges packets.
    Xdp,
}

/// How the probe is to be loaded.
#[derive(Clone, Debug)]
pub struct FlowOptions {
    /// Where ingress is counted.
    pub hook: FlowHook,
    /// Tell the flows inside tunnels beside the outer ones.
    pub tunnels: bool,
    /// The sizes of the tables.
    pub sizes: FlowSizes,
    /// Every packet by the thorough parser; for tests that hold the two parsers against each other.
    pub no_fast_path: bool,
    /// Seed of the table's hash, and of which packets are taken where not all are: random in earnest, fixed where runs must repeat to the byte.
    pub seed: u64,
    /// Count in fine buckets too.
    pub burst: Option<BurstOptions>,
    /// Copy the first octets of what may be requests.
    pub payload: Option<PayloadOptions>,
    /// One packet in so many is added to its flow; 1: all of them. [`FlowProbe::set_sampling`] changes it.
    pub sampling: u32,
    /// How long the number of an interface that is gone stays unused, if it has rings of fine buckets: until what was counted under
    /// it is told.
    pub numbers_rest: Duration,
    /// Load only the programs that captures need.
    pub replay_only: bool,
}

impl FlowOptions {
    /// For a running host: `kernel_bytes` is the kernel's share of the budget.
    #[must_use]
    pub fn live(kernel_bytes: u64) -> Self {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1);
        Self {
            hook: FlowHook::Tc,
            tunnels: false,
            sizes: FlowSizes::within(kernel_bytes, cpus),
            no_fast_path: false,
            seed: random_seed(),
            burst: None,
            payload: None,
            sampling: 1,
            numbers_rest: Duration::from_secs(60),
            replay_only: false,
        }
    }

    /// For captures: a single partition, for packets come one by one whichever CPU each runs on, and a fixed seed, so
    /// that runs repeat.
    #[must_use]
    pub fn replay(tunnels: bool, memory_bytes: u64) -> Self {
        let sizes = FlowSizes::within(memory_bytes, 1);
        Self { tunnels, sizes, seed: 0x6e65_7472_6967, replay_only: true, ..Self::live(memory_bytes) }
    }
}

fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() | 1
}

/// What kind of link layer an interface has, as far as parsing cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTarget<'a> {
    /// Interface name, for messages.
    pub name: &'a str,
    /// The kernel's index.
    pub ifindex: u32,
    /// Whether frames begin with an IP header (tun, WireGuard) or with an Ethernet header.
    pub kind: LinkKind,
}

/// The hook that counts what TCP sends again, which only bursts are told with.
#[derive(Debug)]
enum Retransmits {
    Unwanted,
    Awaited,
    Attached { _link: Link },
    Refused(String),
}

/// The probe, loaded.
#[derive(Debug)]
pub struct FlowProbe {
    object: Object,
    memory: Arc<FlowMemory>,
    burst_memory: Option<Arc<BurstMemory>>,
    payload: Option<Arc<PayloadMemory>>,
    retransmits: Retransmits,
    hook: FlowHook,
    interfaces: Interfaces,
    attached: BTreeMap<InterfaceId, [Attached; 2]>,
}

impl FlowProbe {
    /// Loads the programs and makes their tables; attaches nothing.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(options: &FlowOptions) -> Result<Self, ProbeError> {
        Self::load_with(options, None)
    }

    /// The same, with the map by which the TCP probe tells whose a socket is.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load_with(options: &FlowOptions, senders: Option<BorrowedFd<'_>>) -> Result<Self, ProbeError> {
        let object = load::load(options, senders)?;
        let memory = Arc::new(FlowMemory::map(&object, options.sizes)?);
        sampling::seed(&memory, options.seed);
        sampling::set(&memory, options.sampling);
        let burst_memory = options.burst.map(|burst| BurstMemory::map(&object, &burst).map(Arc::new)).transpose()?;
        let cpus = options.sizes.cpus;
        let payload = options.payload.as_ref().map(|payload| PayloadMemory::map(&object, payload, cpus).map(Arc::new));
        let payload = payload.transpose()?;
        let retransmits = if burst_memory.is_some() { Retransmits::Awaited } else { Retransmits::Unwanted };
        let rings = options.burst.map_or(0, |burst| burst.sizes.ifaces);
        let interfaces = Interfaces::new(options.sizes, rings, options.numbers_rest);
        Ok(Self {
            object,
            memory,
            burst_memory,
            payload,
            retransmits,
            hook: options.hook,
            interfaces,
            attached: BTreeMap::new(),
        })
    }

    /// The shared memory, for whoever drains it.
    #[must_use]
    pub fn memory(&self) -> Arc<FlowMemory> {
        Arc::clone(&self.memory)
    }

    /// The shared memory of bursts; none where they are not counted.
    #[must_use]
    pub fn burst_memory(&self) -> Option<Arc<BurstMemory>> {
        self.burst_memory.clone()
    }

    /// The rings of payload that was copied; none where none is.
    #[must_use]
    pub fn payload(&self) -> Option<Arc<PayloadMemory>> {
        self.payload.clone()
    }

    /// Why bursts are told without retransmits; none while they are told with them, or are not wanted.
    #[must_use]
    pub fn retransmits_missing(&self) -> Option<&str> {
        match &self.retransmits {
            Retransmits::Refused(why) => Some(why),
            _ => None,
        }
    }

    fn attach_retransmits(&mut self) {
        if !matches!(self.retransmits, Retransmits::Awaited) {
            return;
        }
        let program = self.object.progs_mut().find(|p| p.name() == "burst_retransmit");
        self.retransmits = match program.map(|program| program.attach()) {
            Some(Ok(link)) => Retransmits::Attached { _link: link },
            Some(Err(error)) => Retransmits::Refused(format!("{error:#}")),
            None => Retransmits::Refused("it is not loaded".to_owned()),
        };
    }

    /// The table's clock beside the host's.
    ///
    /// # Errors
    /// When the kernel refuses a test run.
    pub fn clock(&self) -> Result<TickClock, ProbeError> {
        TickClock::calibrate(|| clock::read(self.program("clock_now")?, &self.memory.clock))
    }

    /// Re-reads the clock, keeping what was calibrated.
    ///
    /// # Errors
    /// When the kernel refuses a test run.
    pub fn sync_clock(&self, clock: &mut TickClock) -> Result<(), ProbeError> {
        clock.sync(clock::read(self.program("clock_now")?, &self.memory.clock)?);
        Ok(())
    }

    /// Begins to count an interface, both ways. Its number is this rig's until [`Self::unwatch`].
    ///
    /// # Errors
    /// What the hook says, or that there is no room. Nothing stays attached then.
    pub fn watch(&mut self, target: LinkTarget<'_>) -> Result<InterfaceId, ProbeError> {
        let id = self.interfaces.admit(&self.memory, target.ifindex, Instant::now()).ok_or_else(|| {
            ProbeError::InterfacesFull { iface: target.name.to_owned(), capacity: self.memory.sizes.interfaces - 1 }
        })?;
        match self.attach(target) {
            Ok(both) => {
                self.attach_retransmits();
                self.attached.insert(id, both);
                Ok(id)
            }
            Err(error) => {
                self.interfaces.dismiss(&self.memory, id, Instant::now());
                Err(error)
            }
        }
    }

    /// Gives an interface a number without attaching anything: for tools that run the programs themselves.
    #[must_use]
    pub fn admit(&mut self, ifindex: u32) -> Option<InterfaceId> {
        self.interfaces.admit(&self.memory, ifindex, Instant::now())
    }

    fn attach(&self, target: LinkTarget<'_>) -> Result<[Attached; 2], ProbeError> {
        let LinkTarget { name, ifindex, kind } = target;
        let (ingress, egress) = match kind {
            LinkKind::Ethernet => ("flow_ingress", "flow_egress"),
            LinkKind::RawIp => ("flow_ingress_raw", "flow_egress_raw"),
        };
        let egress = attach_tc(self.program(egress)?, name, ifindex, Direction::Egress)?;
        let ingress = match (self.hook, kind) {
            (FlowHook::Xdp, LinkKind::Ethernet) => attach_xdp(self.program("flow_xdp")?, name, ifindex)?,
            _ => attach_tc(self.program(ingress)?, name, ifindex, Direction::Ingress)?,
        };
        Ok([ingress, egress])
    }

    /// Stops counting an interface. What its flows have counted stays in the tables until it is drained.
    pub fn unwatch(&mut self, id: InterfaceId) {
        self.attached.remove(&id);
        self.interfaces.dismiss(&self.memory, id, Instant::now());
    }

    /// The hook that serves an interface in a direction, for people; empty where none does.
    #[must_use]
    pub fn hook_of(&self, id: InterfaceId, direction: Direction) -> &'static str {
        self.attached.get(&id).map_or("", |both| both[direction.index()].hook())
    }

    /// The door for a probe that has packets after their account, where this one is at tcx or clsact:
    /// [`crate::recorder::RecorderProbe::load_behind`].
    ///
    /// # Errors
    /// When there is no such map, or descriptors run out.
    pub fn followers(&self) -> Result<Followers, ProbeError> {
        Followers::of(&self.object, self.memory())
    }

    /// Its programs and maps, for whoever meters them.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn parts(&self) -> std::io::Result<Parts> {
        Parts::of(&self.object)
    }

    /// Instructions the verifier looked at, by program; what newer kernels' leniency costs older ones.
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        object::verified_instructions(&self.object)
    }

    fn program(&self, name: &'static str) -> Result<BorrowedFd<'_>, ProbeError> {
        object::program_fd(&self.object, name)
    }

    /// The file descriptor of a map, for tools that measure.
    ///
    /// # Errors
    /// When there is no map of that name.
    pub fn map_fd(&self, name: &str) -> Result<impl AsFd + '_, ProbeError> {
        object::map(&self.object, name)
    }
}
