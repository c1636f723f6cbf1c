//! Packets that are dropped on purpose, and all drops of the host counted by other means.

use crate::NetNs;
use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::{Link, MapCore, MapFlags, Object, ObjectBuilder, ProgramMut, Xdp, XdpFlags};
use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};
use std::fs;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

static DROP_ALL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/drop_all.bpf.o"));
static COUNT_DROPS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/count_drops.bpf.o"));

/// Where an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the stack, in the driver's stead.
    Generic,
}

/// An XDP program that drops all UDP of IPv4 that arrives on an interface.
#[derive(Debug)]
pub struct XdpDrop<'a> {
    ns: &'a NetNs,
    ifindex: i32,
    mode: XdpMode,
    program: OwnedFd,
}

impl<'a> XdpDrop<'a> {
    /// Attaches it until it is dropped.
    ///
    /// # Panics
    /// When the kernel refuses it.
    #[must_use]
    pub fn attach(ns: &'a NetNs, iface: &str, mode: XdpMode) -> Self {
        let this = Self { ns, ifindex: ifindex_of(ns, iface), mode, program: Self::program() };
        let attached = ns.inside(|| Xdp::new(this.program.as_fd()).attach(this.ifindex, mode.flags()));
        attached.unwrap_or_else(|e| panic!("cannot attach an XDP program to {iface}: {e}"));
        this
    }

    /// Its program, attached nowhere. It takes no packets in several parts, so drivers refuse it where packets may be long.
    ///
    /// # Panics
    /// When the kernel does not load it.
    #[must_use]
    pub fn program() -> OwnedFd {
        let object = load(DROP_ALL);
        let program = object.progs().next().expect("the object has one program").as_fd().try_clone_to_owned();
        program.expect("one more descriptor")
    }
}

impl XdpMode {
    fn flags(self) -> XdpFlags {
        match self {
            Self::Native => XdpFlags::DRV_MODE,
            Self::Generic => XdpFlags::SKB_MODE,
        }
    }
}

impl Drop for XdpDrop<'_> {
    fn drop(&mut self) {
        let detach = || Xdp::new(self.program.as_fd()).detach(self.ifindex, self.mode.flags());
        // Its interface may be gone already.
        let _ = self.ns.inside(detach);
    }
}

fn ifindex_of(ns: &NetNs, iface: &str) -> i32 {
    let text = ns.run(&format!("ip -o link show dev {iface}"));
    let number = text.split(':').next().and_then(|n| n.trim().parse().ok());
    number.unwrap_or_else(|| panic!("`ip` shows the index of {iface} first: {text}"))
}

fn load(object: &[u8]) -> Object {
    let open = ObjectBuilder::default().open_memory(object).expect("a compiled object");
    open.load().expect("the kernel takes the program")
}

/// Counts every packet that the host drops (`kfree_skb`), in all namespaces.
#[derive(Debug)]
pub struct DropCounter {
    object: Object,
    _link: Link,
    id: u32,
}

impl DropCounter {
    /// From now on.
    ///
    /// # Panics
    /// When the kernel has no such tracepoint.
    #[must_use]
    pub fn start() -> Self {
        let object = load(COUNT_DROPS);
        let program: ProgramMut<'_> = object.progs_mut().next().expect("the object has one program");
        let link = program.attach().expect("attach to kfree_skb");
        let id = Self::id_of(&program);
        Self { object, _link: link, id }
    }

    fn id_of(program: &ProgramMut<'_>) -> u32 {
        let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {path}: {e}"));
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok());
        id.expect("the kernel tells a program's number")
    }

    /// How many so far, those included that came while another was being counted on the same CPU.
    ///
    /// # Panics
    /// When the map cannot be read.
    #[must_use]
    pub fn read(&self) -> u64 {
        let map = self.object.maps().find(|map| map.name() == "drops").expect("the object has the map");
        let values = map.lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY).expect("read the map").expect("its entry");
        let of_cpu = |bytes: &Vec<u8>| u64::from_ne_bytes(bytes[..8].try_into().expect("eight bytes"));
        let missed = ProgInfoIter::default().find(|program| program.id == self.id).map_or(0, |p| p.recursion_misses);
        values.iter().map(of_cpu).sum::<u64>() + missed
    }
}

/// Sends UDP packets whose checksum is wrong, `count` of them, from the calling thread's namespace.
///
/// # Panics
/// When they cannot be sent.
pub fn send_with_bad_checksum(from_port: u16, to: SocketAddrV4, count: usize) {
    const PAYLOAD: &[u8] = b"not what was meant";
    let length = u16::try_from(8 + PAYLOAD.len()).expect("a short packet");
    // The kernel adds the IP header to what a raw socket sends, and leaves the rest as it is.
    let mut packet = Vec::new();
    for word in [from_port, to.port(), length, 1] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend(PAYLOAD);
    let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::UDP)).expect("a raw socket");
    for _ in 0..count {
        sendto(&raw, &packet, SendFlags::empty(), &to).expect("send");
    }
}
