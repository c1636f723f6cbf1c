//! Drops made on purpose, the way a rig tells of them, picked out of all that is dropped on the machine.

use super::{Rig, Stored, inode_of, this_process};
use netrig_model::{Direction, DropClass, DropRecord, DropSource, PacketFamily};
use netrig_testkit::NetNs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

impl<'a> Rig<'a> {
    /// A rig for drops: it watches one interface.
    pub(crate) fn of_drops(ns: &'a NetNs, iface: &str) -> Self {
        Self::start_with(
            ns,
            &format!(
                "[rig]\ninterfaces = [\"{iface}\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n\
                 [latency]\nenabled = false\n[burst]\nenabled = false\n[queue]\nenabled = false\n"
            ),
        )
    }
}

/// Sends so many datagrams of so many octets from the calling thread's namespace, all of one flow, and tells its source.
pub(crate) fn send_datagrams(from: Ipv4Addr, to: (Ipv4Addr, u16), count: u64, payload_bytes: usize) -> SocketAddrV4 {
    let socket = UdpSocket::bind((from, 0)).expect("bind");
    let payload = vec![0x5a; payload_bytes];
    for _ in 0..count {
        socket.send_to(&payload, to).expect("send");
    }
    SocketAddrV4::new(from, socket.local_addr().expect("it is bound").port())
}

impl Stored {
    /// What was dropped for a reason in a namespace, as the kernel's own end of packets tells it.
    #[track_caller]
    pub(crate) fn dropped(&self, ns: &NetNs, reason: &str) -> Dropped<'_> {
        let dropped = self.rows(DropSource::Skb, ns, reason);
        assert!(!dropped.0.is_empty(), "nothing was dropped for {reason}; but: {:#?}", self.in_namespace(ns));
        dropped
    }

    /// The same by another source, which may know of none.
    pub(crate) fn rows(&self, source: DropSource, ns: &NetNs, reason: &str) -> Dropped<'_> {
        let mut rows = self.in_namespace(ns);
        rows.retain(|row| row.source == source && row.reason == reason);
        Dropped(rows)
    }

    /// All that is known to have been dropped in a namespace, but for IPv6, which talks by itself.
    fn in_namespace(&self, ns: &NetNs) -> Vec<&DropRecord> {
        let of_interest = |row: &&DropRecord| row.family != Some(PacketFamily::Ipv6);
        self.drops.iter().filter(of_interest).filter(|row| row.netns == Some(inode_of(ns))).collect()
    }
}

/// Rows of one reason in one namespace.
#[derive(Debug)]
pub(crate) struct Dropped<'a>(pub(crate) Vec<&'a DropRecord>);

impl Dropped<'_> {
    /// All of them.
    pub(crate) fn packets(&self) -> u64 {
        self.0.iter().map(|row| row.packets).sum()
    }

    /// Those of one UDP flow, the packets' own direction.
    pub(crate) fn of_udp(&self, from: SocketAddrV4, to: (Ipv4Addr, u16)) -> u64 {
        let is_it = |row: &&&DropRecord| {
            (row.src_addr, row.src_port) == (Some((*from.ip()).into()), Some(from.port()))
                && (row.dst_addr, row.dst_port) == (Some(to.0.into()), Some(to.1))
                && row.transport.as_deref() == Some("udp")
        };
        self.0.iter().filter(is_it).map(|row| row.packets).sum()
    }

    /// Every row is of this class, went this way, and names a place and a known family.
    #[track_caller]
    pub(crate) fn assert_all(&self, class: DropClass, direction: Direction, iface: &str) {
        for row in &self.0 {
            assert_eq!(row.class, Some(class), "{row:#?}");
            assert_eq!(row.direction, Some(direction), "{row:#?}");
            assert_eq!(row.iface.as_deref(), Some(iface), "{row:#?}");
            assert!(row.bytes.is_some_and(|bytes| bytes >= row.packets), "{row:#?}");
        }
    }

    /// Every row was dropped in one of these functions; which one depends on what the compiler has put into which.
    #[track_caller]
    pub(crate) fn assert_place(&self, functions: &[&str]) {
        for row in &self.0 {
            let place = row.place.as_deref().unwrap_or_default();
            let function = place.split(['+', ' ']).next().unwrap_or_default();
            assert!(functions.contains(&function), "in {place:?}, not in {functions:?}: {row:#?}");
        }
    }

    /// Every row is this process's.
    #[track_caller]
    pub(crate) fn assert_own(&self) {
        for row in &self.0 {
            assert_eq!((row.process.clone(), row.pid), this_process(), "{row:#?}");
        }
    }

    /// One of its packets was looked at, and begins as one of IPv4 does.
    #[track_caller]
    pub(crate) fn assert_example(&self) {
        let examples: Vec<_> = self.0.iter().filter_map(|row| row.example.as_deref()).collect();
        assert!(examples.iter().any(|octets| octets.starts_with("45")), "{self:#?}");
    }
}
