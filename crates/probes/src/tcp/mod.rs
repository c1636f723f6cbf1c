//! The TCP probe: every connection's life, how it fares, and whose it is, from what the kernel keeps for itself.
//!
//! Hooks: tracepoints by BTF, socket operations and socket hooks at the root of the v2 control groups, iterators over
//! sockets and files. Metrics: `netrig_tcp_*`. The kernel side is `tcp.bpf.c`.

mod load;
mod memory;
mod sizes;
mod walk;

pub use memory::TcpMemory;
pub use sizes::TcpSizes;
pub use walk::Scope;

use crate::clock::{self, TickClock};
use crate::meter::Parts;
use crate::{Missing, ProbeError, object};
use libbpf_rs::{Link, MapCore, MapFlags, Object};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// How the probe is to be loaded.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// The sizes of its tables.
    pub sizes: TcpSizes,
    /// Where the v2 control groups are mounted; without it there are no round trips, nor owners of UDP sockets.
    pub cgroup_root: Option<PathBuf>,
    /// Whether every read by an application is looked at: what has been received and which windows were shut is then known at
    /// every moment, for as much again a request as round trips cost.
    pub reads: bool,
    /// The first connection's id; the next ones count on from it.
    pub first_id: u64,
}

impl TcpOptions {
    /// For a running host: `kernel_bytes` is this probe's share of the budget.
    #[must_use]
    pub fn live(kernel_bytes: u64, cgroup_root: Option<PathBuf>, first_id: u64) -> Self {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1);
        Self { sizes: TcpSizes::within(kernel_bytes, cpus), cgroup_root, reads: false, first_id }
    }
}

/// The probe, loaded.
#[derive(Debug)]
pub struct TcpProbe {
    pub(crate) object: Object,
    memory: Arc<TcpMemory>,
    cgroup_root: Option<PathBuf>,
    links: Vec<Link>,
    walks: Vec<(Scope, Link)>,
    missing: Vec<Missing>,
}

impl TcpProbe {
    /// Loads the programs and makes their tables; attaches nothing.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(options: &TcpOptions) -> Result<Self, ProbeError> {
        let mut missing = Vec::new();
        let object = load::load(options, &mut missing)?;
        let memory = Arc::new(TcpMemory::map(&object, options.sizes)?);
        memory.ends.publish(word_of_next_id(), options.first_id);
        if options.cgroup_root.is_none() {
            let why =
                "no v2 control groups are mounted (`mount -t cgroup2 none /sys/fs/cgroup` mounts them)".to_owned();
            missing.push(Missing { what: "round trips and owners of UDP sockets", why });
        }
        let cgroup_root = options.cgroup_root.clone();
        Ok(Self { object, memory, cgroup_root, links: Vec::new(), walks: Vec::new(), missing })
    }

    /// Attaches to all hooks. Give the memory its free places first: what begins before is not tracked.
    ///
    /// # Errors
    /// When the tracepoint without which nothing is known cannot be had. What else cannot is told by [`Self::missing`].
    pub fn attach(&mut self) -> Result<(), ProbeError> {
        self.attach_cgroup();
        for (name, tracepoint, what) in load::TRACEPOINTS {
            let Some(attached) = self.attach_one(name, None) else { continue };
            match attached {
                Ok(link) => self.links.push(link),
                Err(source) if *what == "connections" => {
                    return Err(ProbeError::Tracepoint { tracepoint, source });
                }
                Err(source) => self.missing.push(Missing { what, why: format!("{tracepoint}: {source}") }),
            }
        }
        for (name, scope) in [("tcp_walk", Scope::Namespace), ("tcp_walk_files", Scope::Files)] {
            match self.attach_one(name, None) {
                Some(Ok(link)) => self.walks.push((scope, link)),
                Some(Err(source)) => {
                    self.missing.push(Missing { what: "connections older than the rig", why: source.to_string() });
                }
                None => {}
            }
        }
        Ok(())
    }

    fn attach_cgroup(&mut self) {
        let Some(root) = &self.cgroup_root else { return };
        let root_fd = match File::open(root) {
            Ok(root_fd) => root_fd,
            Err(error) => {
                let why = format!("cannot open {}: {error}", root.display());
                self.missing.push(Missing { what: "round trips and owners of UDP sockets", why });
                return;
            }
        };
        for (name, what) in load::CGROUP {
            match self.attach_one(name, Some(root_fd.as_fd())) {
                Some(Ok(link)) => self.links.push(link),
                Some(Err(source)) => self.missing.push(Missing { what, why: source.to_string() }),
                None => {}
            }
        }
    }

    /// None: not loaded, which has been told already.
    fn attach_one(&self, name: &str, cgroup: Option<BorrowedFd<'_>>) -> Option<Result<Link, std::io::Error>> {
        let program = self.object.progs_mut().find(|p| p.name() == name && p.autoload())?;
        let link = match cgroup {
            Some(root) => program.attach_cgroup(root.as_raw_fd()),
            None => program.attach(),
        };
        Some(link.map_err(|e| std::io::Error::other(format!("{e:#}"))))
    }

    /// Whether it is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        !self.links.is_empty()
    }

    /// Takes the programs off; what they have counted stays.
    pub fn detach(&mut self) {
        self.links.clear();
        self.walks.clear();
    }

    /// What this host does not have.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The shared memory, for whoever drains it.
    #[must_use]
    pub fn memory(&self) -> Arc<TcpMemory> {
        Arc::clone(&self.memory)
    }

    /// The kernel side's clock beside the host's.
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

    /// The running kernel's names for why it sends resets, by number; empty where it has none.
    #[must_use]
    pub fn reset_reasons() -> Vec<String> {
        load::reset_reasons()
    }

    /// The map by which the flow probe knows whose a socket other than TCP's is.
    ///
    /// # Errors
    /// When there is none: a bug.
    pub fn other_sockets(&self) -> Result<impl AsFd + '_, ProbeError> {
        object::map(&self.object, "other_sockets")
    }

    /// The process that a port other than TCP's is bound by, in a network namespace.
    #[must_use]
    pub fn bound_by(&self, netns: u32, port: u16, protocol: u8) -> Option<u32> {
        let key = crate::wire::bound_key { netns, port, protocol, reserved: 0 };
        let ports = object::map(&self.object, "bound_ports").ok()?;
        let pid = ports.lookup(object::bytes_of(&key), MapFlags::ANY).ok()??;
        Some(u32::from_ne_bytes(pid.try_into().ok()?))
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

    fn program(&self, name: &'static str) -> Result<BorrowedFd<'_>, ProbeError> {
        object::program_fd(&self.object, name)
    }
}

fn word_of_next_id() -> usize {
    std::mem::offset_of!(crate::wire::tcp_ends, next_id) / 8
}
