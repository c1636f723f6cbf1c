//! Packets of any shape, as if they had come by wire.

use crate::NetNs;
use crate::syscalls::open_tun;
use std::os::fd::OwnedFd;

/// An interface without Ethernet at whose other end the test sits. It goes when dropped.
#[derive(Debug)]
pub struct Injector {
    device: OwnedFd,
}

impl Injector {
    /// Makes it, and sets it up.
    ///
    /// # Panics
    /// When it cannot be made: ask [`crate::require_root!`] first.
    #[must_use]
    pub fn new(ns: &NetNs, iface: &str) -> Self {
        let device = ns.inside(|| open_tun(iface));
        ns.run(&format!("ip link set dev {iface} up"));
        Self { device }
    }

    /// Lets a packet arrive, from its network header on. How long it is, and whether it makes sense, nobody asks.
    ///
    /// # Panics
    /// When the kernel does not take it.
    pub fn arrive(&self, packet: &[u8]) {
        let taken = rustix::io::write(&self.device, packet).expect("the device takes a packet");
        assert_eq!(taken, packet.len(), "all of it");
    }
}

/// Sends a frame as it is, whatever is in it, by an interface.
///
/// # Panics
/// When it cannot be sent.
pub fn send_frame(ns: &NetNs, iface: &str, frame: &[u8]) {
    ns.inside(|| crate::syscalls::send_frame(iface, frame));
}
