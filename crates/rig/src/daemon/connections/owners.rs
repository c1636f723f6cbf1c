//! From what the kernel writes of an owner to what people know it by; each looked up once.

use netrig_host::{Cgroups, container_of, owner_of_process};
use netrig_model::{KernelOwner, Owner, SocketReading};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

/// Owners remembered; beyond it all are looked up anew, which costs but loses nothing that still runs.
const KNOWN_MAX: usize = 16_384;

/// Owners, by what the kernel says.
pub(super) struct Owners {
    cgroups: RefCell<Cgroups>,
    known: RefCell<FxHashMap<KernelOwner, Rc<Owner>>>,
    begun: Instant,
    netns: Option<u64>,
    /// Whether there are v1 hierarchies, which may know a container that v2 does not.
    has_v1: bool,
}

impl Owners {
    pub(super) fn find() -> anyhow::Result<Self> {
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Ok(Self {
            has_v1: own.lines().any(|line| !line.starts_with("0::")),
            cgroups: RefCell::new(Cgroups::find()?),
            known: RefCell::default(),
            begun: Instant::now(),
            netns: netrig_host::netns_inode().ok(),
        })
    }

    /// Where the v2 control groups are mounted.
    pub(super) fn cgroup_root(&self) -> Option<PathBuf> {
        self.cgroups.borrow().mount().map(PathBuf::from)
    }

    pub(super) fn of(&self, owner: &KernelOwner) -> Rc<Owner> {
        let mut known = self.known.borrow_mut();
        if let Some(found) = known.get(owner) {
            return Rc::clone(found);
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let found = Rc::new(self.look_up(owner));
        // A new control group may have to wait a second for its name.
        if found.cgroup.is_some() || owner.cgroup == 0 {
            known.insert(*owner, Rc::clone(&found));
        }
        found
    }

    /// A connect() that failed before a SYN has told its error to its caller only. In this network namespace the routes
    /// say what it was, or would be now: connecting a UDP socket asks them and sends nothing.
    pub(super) fn learn_error(&self, reading: &mut SocketReading) {
        if !reading.never_left || reading.errno != 0 || self.netns != Some(reading.netns.into()) {
            return;
        }
        let (addr, port) = reading.peer;
        let any: IpAddr = if addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let asked = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((addr, port)));
        if let Err(Some(errno)) = asked.map_err(|error| error.raw_os_error()) {
            reading.errno = u16::try_from(errno).unwrap_or(0);
        }
    }

    fn look_up(&self, owner: &KernelOwner) -> Owner {
        let now_ns = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let path = self.cgroups.borrow_mut().path(owner.cgroup, now_ns).map(str::to_owned);
        let container = path.as_deref().and_then(container_of);
        let told = Owner { container, cgroup: path, ..owner.bare() };
        if owner.pid == 0 || told.container.is_some() || (told.cgroup.is_some() && !self.has_v1) {
            return told;
        }
        // Where the v2 path says nothing, /proc may know a v1 hierarchy that names a container; of a process that is gone
        // it knows nothing, and what the kernel wrote stands.
        let living = owner_of_process(owner.pid, told.cgroup.as_deref());
        Owner { cgroup: living.cgroup.or(told.cgroup), container: living.container, ..told }
    }
}
