//! Captures: packets that a filter takes, in the order of their times.
//!
//! Hooks: XDP, tcx or clsact, the tracepoint `kfree_skb` by BTF; for owners of sockets `cgroup/sock_create` and an iterator. The kernel
//! side is `capture.bpf.c`, and in front of it at each interface a program made of the filter (`program.rs`), so that what does not
//! match costs little.

mod count;
mod load;
mod program;
mod reader;
mod record;
mod rings;

pub use count::Counts;
pub use record::{Captured, Dropped, Hook, Way};

use crate::link::{Attached, attach_tc_beside, attach_xdp};
use crate::object::{self, program_fd};
use crate::program::RawProgram;
use crate::{Missing, ProbeError, SharedWords, iterate};
use count::Partitions;
use libbpf_rs::{Link, Object};
use netrig_filter::Classic;
use netrig_model::Direction;
use rings::Rings;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// What is wanted of packets.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Where packets are looked at: what is not named is not loaded.
    pub hooks: Vec<Hook>,
    /// So many octets of each, at most; `SNAPLEN_MAX` for all.
    pub snaplen: u32,
    /// One packet in so many of those that match, on each CPU.
    pub sampling: u32,
    /// Packets a second, all in all.
    pub rate: Option<u64>,
    /// Whether whose packets are is asked.
    pub owners: bool,
    /// Only those of this process.
    pub process: Option<Process>,
    /// Only those of processes in these control groups, by their numbers (see [`CaptureProbe::set_cgroups`]).
    pub cgroups: Option<Vec<u64>>,
    /// Dropped packets of these interfaces only, by the kernel's numbers (see [`CaptureProbe::set_ifaces`]).
    pub ifaces: Option<Vec<u32>>,
    /// The network namespace's inode.
    pub netns: u32,
    /// Memory of all rings together, octets.
    pub ring_octets: u64,
    /// Where the v2 control groups are mounted.
    pub cgroup_root: Option<PathBuf>,
}

/// The longest packet: what is longer is cut there.
pub const SNAPLEN_MAX: u32 = 66_048;

/// Whose packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// By its number.
    Pid(u32),
    /// By its name, of which the kernel keeps fifteen octets.
    Name(String),
}

/// One hook of one interface, in the order in which they were attached; all drops together are one.
pub type Source = u16;

/// Programs that capture, loaded. Dropping it takes them off.
#[derive(Debug)]
pub struct CaptureProbe {
    // First of all: what is attached comes off before its memory goes.
    attached: Vec<Option<AtHook>>,
    _links: Vec<Link>,
    object: Object,
    counts: SharedWords,
    partitions: Partitions,
    rings: Rings,
    missing: Vec<Missing>,
}

#[derive(Debug)]
enum AtHook {
    Interface { _program: RawProgram, attached: Attached },
    Drops { _program: RawProgram, _link: Link },
}

impl CaptureProbe {
    /// Loads the programs that the hooks need and finds the owners of sockets that are there; attaches to no interface.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load(options: &CaptureOptions) -> Result<Self, ProbeError> {
        let loaded = load::load(options)?;
        let counts = loaded.counts()?;
        let mut probe = Self {
            attached: Vec::new(),
            _links: Vec::new(),
            object: loaded.object,
            counts,
            partitions: loaded.partitions,
            rings: loaded.rings,
            missing: Vec::new(),
        };
        if options.owners {
            probe.find_owners(options);
        }
        Ok(probe)
    }

    /// From now on the owner of each new socket is known, and that of each older one.
    fn find_owners(&mut self, options: &CaptureOptions) {
        let made = match &options.cgroup_root {
            Some(root) => {
                File::open(root).map(Into::into).map_err(|error| format!("cannot open {}: {error}", root.display()))
            }
            None => control_groups().map_err(|error| format!("no v2 control groups are mounted, nor can be: {error}")),
        };
        let made = made.and_then(|root| self.link("owner_made", Some(root.as_raw_fd())));
        let found = self
            .link("owner_found", None)
            .and_then(|link| iterate::run(link.as_fd(), false).map_err(|error| error.to_string()));
        match made {
            Ok(link) => self._links.push(link),
            Err(why) => self.missing.push(Missing { what: "owners of sockets that are made from now on", why }),
        }
        if let Err(why) = found {
            self.missing.push(Missing { what: "owners of sockets that are there already", why });
        }
    }

    fn link(&mut self, name: &str, cgroup: Option<i32>) -> Result<Link, String> {
        let program = self.object.progs_mut().find(|program| program.name() == name);
        let program = program.ok_or_else(|| "it is not loaded".to_owned())?;
        let link = match cgroup {
            Some(root) => program.attach_cgroup(root),
            None => program.attach(),
        };
        link.map_err(|error| format!("{error:#}"))
    }

    /// What this host does not have.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Begins at a hook of an interface.
    ///
    /// # Errors
    /// What the kernel says of the program or of the hook; who holds it, if another does.
    pub fn attach(&mut self, filter: &Classic, hook: Hook, iface: &str, ifindex: u32) -> Result<Source, ProbeError> {
        let source = self.next_source(iface)?;
        let program = program::at_interface(&self.object, self.partitions, filter, hook, source)?;
        let attached = match hook {
            Hook::Xdp => attach_xdp(program.as_fd(), iface, ifindex)?,
            Hook::Ingress => attach_tc_beside(program.as_fd(), iface, ifindex, Direction::Ingress)?,
            Hook::Egress => attach_tc_beside(program.as_fd(), iface, ifindex, Direction::Egress)?,
            Hook::Drop => return Err(ProbeError::Missing { what: "hook", name: "drop at an interface".to_owned() }),
        };
        self.attached.push(Some(AtHook::Interface { _program: program, attached }));
        Ok(source)
    }

    /// Begins with what is dropped. To be called first of all: drops are the source 0.
    ///
    /// # Errors
    /// What the kernel says of the program, or of the tracepoint.
    pub fn attach_drops(&mut self, filter: &Classic) -> Result<Source, ProbeError> {
        let program = program::of_drops(&self.object, self.partitions, filter)?;
        let tracepoint = |source: io::Error| ProbeError::Tracepoint { tracepoint: load::TRACEPOINT, source };
        load::set_program(&self.object, load::PROGRAMS_DROP, load::SLOT_FILTER, program.as_fd())?;
        let link = self.link("capture_dropped", None).map_err(|why| tracepoint(io::Error::other(why)))?;
        self.attached.push(Some(AtHook::Drops { _program: program, _link: link }));
        Ok(0)
    }

    fn next_source(&self, iface: &str) -> Result<Source, ProbeError> {
        let (next, capacity) = (self.attached.len(), self.partitions.sources);
        match Source::try_from(next) {
            Ok(source) if u32::from(source) < capacity => Ok(source),
            _ => Err(ProbeError::CaptureFull { iface: iface.to_owned(), capacity }),
        }
    }

    /// How a source is attached: the hook's word, and where that is not what was asked for, why.
    #[must_use]
    pub fn got(&self, source: Source) -> Option<(&'static str, Option<&str>)> {
        match self.attached.get(usize::from(source))?.as_ref()? {
            AtHook::Interface { attached, .. } => Some((attached.hook(), attached.why_not_native())),
            AtHook::Drops { .. } => Some(("tp_btf", None)),
        }
    }

    /// Ends at one hook; what it has put into the rings stays there.
    pub fn detach(&mut self, source: Source) {
        if let Some(attached) = self.attached.get_mut(usize::from(source)) {
            *attached = None;
        }
    }

    /// Ends at all hooks; what lies in the rings can still be taken.
    pub fn detach_all(&mut self) {
        self.attached.iter_mut().for_each(|attached| *attached = None);
    }

    /// Control groups whose processes' packets are wanted from now on: those that are new are added.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_cgroups(&self, cgroups: &[u64]) -> Result<(), ProbeError> {
        cgroups.iter().try_for_each(|id| load::add_key(&self.object, "cgroups", &id.to_ne_bytes()))
    }

    /// Interfaces whose drops are wanted from now on: those that are new are added.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_ifaces(&self, ifaces: &[u32]) -> Result<(), ProbeError> {
        ifaces.iter().try_for_each(|index| load::add_key(&self.object, "ifaces", &index.to_ne_bytes()))
    }

    /// Waits until much lies in the rings, or `limit` has passed.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wait(&mut self, limit: Duration) -> Result<(), ProbeError> {
        self.rings.wait(limit)
    }

    /// Hands over packets in the order of their times until `until_ns` of the monotonic clock, as long as `each` says so; later
    /// ones are left, for an earlier one may come yet from another CPU. Tells how many.
    pub fn take(&mut self, until_ns: u64, each: &mut dyn FnMut(&Captured<'_>) -> bool) -> u64 {
        self.rings.take(until_ns, each)
    }

    /// What has been counted at a source so far, by all CPUs.
    #[must_use]
    pub fn counts(&self, source: Source) -> Counts {
        self.partitions.counts(&self.counts, source)
    }

    /// Instructions the verifier looked at, by program.
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        object::verified_instructions(&self.object)
    }

    /// One run of the program in front of a source on `frame`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn test_run(&self, filter: &Classic, hook: Hook, frame: &[u8]) -> io::Result<u32> {
        let program =
            program::at_interface(&self.object, self.partitions, filter, hook, 0).map_err(io::Error::other)?;
        program.test_run(frame)
    }

    /// What one packet costs in front of a source, nanoseconds, by so many runs.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn measure(&self, filter: &Classic, hook: Hook, frame: &[u8], repeat: u32) -> io::Result<Duration> {
        let program =
            program::at_interface(&self.object, self.partitions, filter, hook, 0).map_err(io::Error::other)?;
        program.measure(frame, repeat).map(|(_, took)| took)
    }
}

/// The root of all v2 control groups where they are mounted nowhere that this process can see, as after `ip netns exec`: by a mount
/// of its own, which is in no place and goes with its descriptor.
fn control_groups() -> rustix::io::Result<OwnedFd> {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
    let kind = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(kind.as_fd())?;
    fsmount(kind.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// A program of the object, where the filter hands on what it takes.
fn recorder(object: &Object, hook: Hook) -> Result<BorrowedFd<'_>, ProbeError> {
    program_fd(
        object,
        match hook {
            Hook::Xdp => "capture_xdp",
            Hook::Ingress => "capture_ingress",
            Hook::Egress => "capture_egress",
            Hook::Drop => "capture_taken",
        },
    )
}
