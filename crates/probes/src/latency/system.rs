//! What the probe asks of the system beside its programs.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

const SOF_TIMESTAMPING_RX_SOFTWARE: libc::c_int = 1 << 3;

/// While one socket on the host wants to know when its packets came, the kernel stamps every packet that comes. This is that
/// socket; it receives nothing.
#[derive(Debug)]
pub(super) struct ReceiveStamps(UdpSocket);

impl ReceiveStamps {
    /// Stamps are off at first, and from when this is dropped.
    pub(super) fn new() -> io::Result<Self> {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(Self)
    }

    /// Switches them on or off.
    #[expect(unsafe_code, reason = "the standard library cannot set this option")]
    pub(super) fn switch(&self, on: bool) -> io::Result<()> {
        let flags = if on { SOF_TIMESTAMPING_RX_SOFTWARE } else { 0 };
        // SAFETY: the option's value is an int, alive during the call.
        let done = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                (&raw const flags).cast(),
                size_of_val(&flags) as libc::socklen_t,
            )
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The realtime clock beyond the monotonic one, nanoseconds: it jumps when the clock is set, and only then.
pub(super) fn realtime_offset_ns() -> u64 {
    // Of a few the tightest: being interrupted in between would shift it.
    let reading = || {
        let (before, at, after) =
            (now_ns(libc::CLOCK_MONOTONIC), now_ns(libc::CLOCK_REALTIME), now_ns(libc::CLOCK_MONOTONIC));
        (after - before, at.wrapping_sub(before + (after - before) / 2))
    };
    (0..3).map(|_| reading()).min_by_key(|(spread, _)| *spread).map_or(0, |(_, offset)| offset)
}

#[expect(unsafe_code, reason = "the standard library hides the clocks' values")]
fn now_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is whole and alive during the call, which cannot fail for these clocks.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
