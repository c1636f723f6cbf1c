//! A wire with a delay and with faults, between two namespaces: two TUN devices and a thread that carries packets from one to
//! the other. It needs no queueing discipline of the kernel (netem is missing in many), and what becomes of each packet is the
//! test's own choice.

mod fate;
mod packet;

pub use fate::{Fate, Fates};
pub use packet::{End, Packet, TcpHeader};

use crate::NetNs;
use crate::syscalls::{go_first, open_tun};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most packets under way; more are dropped and counted.
const UNDER_WAY_MAX: usize = 65_536;
const PACKET_BYTES_MAX: usize = 65_536;

/// A wire between two namespaces that delays every packet by the same time, and does to each what [`Fates`] say. It is cut
/// when dropped, and its interfaces go.
///
/// The delay is known to some 0.1 ms, and never shorter than asked for, as long as its thread gets a processor:
/// [`DelayRelay::counts`] says how late it was at worst.
#[derive(Debug)]
pub struct DelayRelay {
    shared: Arc<Shared>,
    /// Dropped, it wakes the thread and ends it.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// What a relay has done. Arrays are by the end at which the packet came in: left, right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounts {
    /// Packets handed on, copies included.
    pub passed: [u64; 2],
    /// Packets dropped as their fate was.
    pub dropped: [u64; 2],
    /// Packets dropped that should not have been: too many were under way, or the other end would not take them.
    pub lost: u64,
    /// By how much the latest packet left after its time.
    pub late_max: Duration,
}

#[derive(Debug)]
struct Shared {
    fates: Mutex<Fates>,
    passed: [AtomicU64; 2],
    dropped: [AtomicU64; 2],
    lost: AtomicU64,
    late_ns_max: AtomicU64,
}

impl DelayRelay {
    /// Joins two namespaces by interfaces called `iface` in both, up and without addresses.
    ///
    /// # Panics
    /// When the devices cannot be made.
    #[must_use]
    pub fn new(left: &NetNs, right: &NetNs, iface: &str, one_way: Duration) -> Self {
        let devices = [left, right].map(|ns| {
            let device = ns.inside(|| open_tun(iface));
            // A long queue: what a sender has to wait for is the wire, not this thread.
            ns.run(&format!("ip link set dev {iface} up txqueuelen 10000"));
            device
        });
        let shared = Arc::new(Shared {
            fates: Mutex::new(Fates::all(Fate::Pass)),
            passed: Default::default(),
            dropped: Default::default(),
            lost: AtomicU64::new(0),
            late_ns_max: AtomicU64::new(0),
        });
        let (stopped, stop) = std::io::pipe().expect("a pipe");
        let wire = Wire { devices, one_way, shared: Arc::clone(&shared), under_way: BinaryHeap::new(), serial: 0 };
        let thread = std::thread::Builder::new().name("relay".to_owned()).spawn(move || wire.carry(&stopped));
        Self { shared, stop: Some(stop), thread: Some(thread.expect("start a thread")) }
    }

    /// Decides anew what becomes of packets, from the next one on.
    pub fn set(&self, fates: Fates) {
        *self.shared.fates.lock().unwrap_or_else(PoisonError::into_inner) = fates;
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> RelayCounts {
        let read = |counts: &[AtomicU64; 2]| [0, 1].map(|end| counts[end].load(Ordering::Relaxed));
        RelayCounts {
            passed: read(&self.shared.passed),
            dropped: read(&self.shared.dropped),
            lost: self.shared.lost.load(Ordering::Relaxed),
            late_max: Duration::from_nanos(self.shared.late_ns_max.load(Ordering::Relaxed)),
        }
    }
}

impl Drop for DelayRelay {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let (Some(Err(panic)), false) = (ended, std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// What the thread works with.
struct Wire {
    /// Left, right.
    devices: [OwnedFd; 2],
    one_way: Duration,
    shared: Arc<Shared>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    serial: u64,
}

/// Ordered by time, and what is due at the same time by arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    due: Instant,
    serial: u64,
    to: usize,
    bytes: Vec<u8>,
}

impl Wire {
    fn carry(mut self, stopped: &PipeReader) {
        go_first();
        let mut buffer = vec![0; PACKET_BYTES_MAX];
        loop {
            if self.wait(stopped) {
                return;
            }
            for from in [End::Left, End::Right] {
                while let Ok(length) = rustix::io::read(&self.devices[from as usize], &mut buffer[..]) {
                    self.take_in(from, &buffer[..length]);
                }
            }
            self.let_out();
        }
    }

    /// Waits for a packet to come or to be due; true when it is over.
    fn wait(&self, stopped: &PipeReader) -> bool {
        let until_due = self.under_way.peek().map(|Reverse(next)| next.due.saturating_duration_since(Instant::now()));
        let timeout = until_due.and_then(|wait| Timespec::try_from(wait).ok());
        let [left, right] = &self.devices;
        let mut polled =
            [PollFd::new(stopped, PollFlags::IN), PollFd::new(left, PollFlags::IN), PollFd::new(right, PollFlags::IN)];
        // A signal ends the wait early, and then nothing is there to be read.
        let _ = poll(&mut polled, timeout.as_ref());
        !polled[0].revents().is_empty()
    }

    fn take_in(&mut self, from: End, bytes: &[u8]) {
        let arrived = Instant::now();
        let fate = self.shared.fates.lock().unwrap_or_else(PoisonError::into_inner).of(&Packet { from, bytes });
        let mut bytes = bytes.to_vec();
        let (copies, extra) = match fate {
            Fate::Pass => (1, Duration::ZERO),
            Fate::Drop => {
                self.shared.dropped[from as usize].fetch_add(1, Ordering::Relaxed);
                return;
            }
            Fate::Twice => (2, Duration::ZERO),
            Fate::Late(extra) => (1, extra),
            Fate::Marked => {
                packet::mark_congestion(&mut bytes);
                (1, Duration::ZERO)
            }
        };
        for _ in 0..copies {
            if self.under_way.len() >= UNDER_WAY_MAX {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.serial += 1;
            let due = arrived + self.one_way + extra;
            let packet = UnderWay { due, serial: self.serial, to: from.other() as usize, bytes: bytes.clone() };
            self.under_way.push(Reverse(packet));
        }
    }

    fn let_out(&mut self) {
        while let Some(Reverse(next)) = self.under_way.peek() {
            let Some(late) = Instant::now().checked_duration_since(next.due) else { return };
            let Some(Reverse(packet)) = self.under_way.pop() else { return };
            let late_ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            self.shared.late_ns_max.fetch_max(late_ns, Ordering::Relaxed);
            // It fails when the test has switched the interface off.
            let counted = match rustix::io::write(&self.devices[packet.to], &packet.bytes) {
                Ok(_) => &self.shared.passed[1 - packet.to],
                Err(_) => &self.shared.lost,
            };
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }
}
