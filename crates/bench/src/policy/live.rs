//! Live frames: by one end of a veth pair to the other, where the contender is attached to the driver's XDP hook.

use super::contenders::Place;
use crate::sys;
use anyhow::{Context, Result};
use netrig_testkit::NetNs;

/// `BPF_F_TEST_XDP_LIVE_FRAMES` of the kernel's UAPI.
pub(crate) const LIVE_FRAMES: u32 = 1 << 1;
/// Where frames are sent and received.
pub(crate) const CPU: usize = 0;
pub(crate) const SENDER: &str = "bench-tx";
pub(crate) const RECEIVER: &str = "bench-rx";

/// A pair of devices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) sender: u32,
    pub(crate) receiver: Place,
}

/// Runs `work` where there is a pair of devices, and nobody else.
pub(crate) fn inside<T: Send>(work: impl FnOnce(Pair) -> Result<T> + Send) -> Result<T> {
    let ns = NetNs::new("bench-policy");
    // Only what is sent shall be seen: no router solicitations.
    ns.run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
    ns.veth(SENDER, RECEIVER);
    // GRO gives the receiving end a NAPI of its own also while nothing is attached.
    ns.run(&format!("ethtool -K {RECEIVER} gro on"));
    ns.inside(|| {
        let receiver = Place::Device { name: RECEIVER, ifindex: ifindex(RECEIVER)? };
        work(Pair { sender: ifindex(SENDER)?, receiver })
    })
}

fn ifindex(name: &str) -> Result<u32> {
    let c_name = std::ffi::CString::new(name)?;
    sys::ifindex(&c_name).with_context(|| format!("there is no device {name}"))
}
