//! Which flows are whose: TCP's by their connections' addresses, others' by the process that sent their first packet, or
//! that is bound to the port.

use super::owners::Owners;
use netrig_aggregate::FlowEnds;
use netrig_model::{KernelOwner, Owner, SocketReading, SocketRole, Timestamp};
use netrig_probes::tcp::{TcpMemory, TcpProbe};
use netrig_probes::wire::tcp_owner;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::mem::offset_of;
use std::net::{IpAddr, UdpSocket};
use std::rc::Rc;

/// Connections remembered for a window's flows: so many times what may be open at once. Beyond it flows of brief
/// connections have no owner; their connections' records do.
const WINDOW_SHARE: usize = 2;
/// So long after a connection's end its last packets may pass.
const LAST_PACKETS_NS: i64 = 1_000_000_000;
const TCP: u8 = 6;

/// Client's end and server's.
type Ends = ((IpAddr, u16), (IpAddr, u16));

/// Protocol and number.
type Port = (u8, u16);

struct Known {
    role: SocketRole,
    owner: Rc<Owner>,
    /// None while it is open: then it is added in each window.
    ended: Option<Timestamp>,
}

/// Owners of this window's flows.
#[derive(Default)]
pub(super) struct KnownFlows {
    /// The client's owner, else the server's: with both on this host it is the one who asked.
    connections: RefCell<FxHashMap<Ends, Known>>,
    /// By protocol and bound port, of this host's own network namespace.
    ports: RefCell<FxHashMap<Port, Option<Rc<Owner>>>>,
    /// Whether an address is this host's.
    local: RefCell<FxHashMap<IpAddr, bool>>,
    netns: Option<u32>,
    connections_max: usize,
}

impl KnownFlows {
    /// `slots`: connections that may be open at once.
    pub(super) fn new(slots: u32) -> Self {
        let netns = netrig_host::netns_inode().ok().and_then(|inode| u32::try_from(inode).ok());
        Self { netns, connections_max: slots as usize * WINDOW_SHARE, ..Self::default() }
    }

    /// A connection whose flow may be told in this window.
    pub(super) fn add(&self, reading: &SocketReading, owner: &Rc<Owner>) {
        if owner.pid.is_none() && owner.cgroup.is_none() {
            return;
        }
        let ends = match reading.role {
            SocketRole::Client => (reading.local, reading.peer),
            SocketRole::Server => (reading.peer, reading.local),
            SocketRole::Listener => return,
        };
        let mut connections = self.connections.borrow_mut();
        let room = connections.len() < self.connections_max;
        match connections.get_mut(&ends) {
            Some(Known { role: SocketRole::Client, .. }) if reading.role == SocketRole::Server => {}
            Some(known) => *known = known_of(reading, owner),
            None if room => {
                connections.insert(ends, known_of(reading, owner));
            }
            None => {}
        }
    }

    /// The next window begins, at `start`. It may tell the last packets of what ended shortly before.
    pub(super) fn next_window(&mut self, start: Timestamp) {
        let since = start.plus_ns(-LAST_PACKETS_NS);
        self.connections.borrow_mut().retain(|_, known| known.ended.is_some_and(|ended| ended >= since));
        self.ports.borrow_mut().clear();
        self.local.borrow_mut().clear();
    }

    pub(super) fn owner(&self, flow: &FlowEnds, probe: &TcpProbe, owners: &Owners) -> Option<Rc<Owner>> {
        let (src, dst) = ((flow.src.0, flow.src.1), (flow.dst.0, flow.dst.1));
        if flow.protocol == TCP {
            let ends = ((src.0, src.1?), (dst.0, dst.1?));
            // Whose SYN was not seen may stand the wrong way round.
            let connections = self.connections.borrow();
            let found = connections.get(&ends).or_else(|| connections.get(&(ends.1, ends.0)));
            return found.map(|known| Rc::clone(&known.owner));
        }
        match flow.pid {
            Some(pid) => Some(process(pid, &probe.memory(), owners)),
            None => self.bound(flow.protocol, dst.0, dst.1?, probe, owners),
        }
    }

    /// Who is bound to a port of this host, for flows that only ever come in.
    fn bound(&self, protocol: u8, addr: IpAddr, port: u16, probe: &TcpProbe, owners: &Owners) -> Option<Rc<Owner>> {
        if !self.is_local(addr) {
            return None;
        }
        let netns = self.netns?;
        let mut ports = self.ports.borrow_mut();
        let known = ports.entry((protocol, port)).or_insert_with(|| {
            let pid = probe.bound_by(netns, port, protocol)?;
            Some(process(pid, &probe.memory(), owners))
        });
        known.clone()
    }

    /// The kernel knows its addresses best: a socket can only be bound to one of them.
    fn is_local(&self, addr: IpAddr) -> bool {
        *self.local.borrow_mut().entry(addr).or_insert_with(|| UdpSocket::bind((addr, 0)).is_ok())
    }
}

fn known_of(reading: &SocketReading, owner: &Rc<Owner>) -> Known {
    Known { role: reading.role, owner: Rc::clone(owner), ended: reading.ended }
}

/// A process by its id, with the name that the kernel wrote when it made its socket; a later process with the same low
/// bits may have taken its place there.
fn process(pid: u32, memory: &TcpMemory, owners: &Owners) -> Rc<Owner> {
    let first = (pid & (memory.sizes.processes - 1)) as usize * size_of::<tcp_owner>() / 8;
    let word = |offset: usize| memory.processes.load(first + offset / 8).to_ne_bytes();
    let head = word(offset_of!(tcp_owner, pid));
    let name_at = offset_of!(tcp_owner, process);
    let mut known = KernelOwner { pid, ..KernelOwner::default() };
    if u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) == pid {
        known.cgroup = u64::from_ne_bytes(word(offset_of!(tcp_owner, cgroup)));
        known.process[..8].copy_from_slice(&word(name_at));
        known.process[8..].copy_from_slice(&word(name_at + 8));
    }
    owners.of(&known)
}
