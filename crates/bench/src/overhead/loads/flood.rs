//! Small UDP packets of ten thousand flows, as many as one CPU sends and receives.
//!
//! Live-frame test run makes real frames and sends them by the client's end of the wire; the server's end receives them on the same
//! CPU, where whoever looks at packets has its kernel side. So packets received a second of that CPU's time (the sender's, and that of
//! the kernel's own thread there) are the rate of the whole path; what a process does with them on another CPU is told beside it.

use super::{CLIENT_CPU, Load, Measured};
use crate::overhead::ground::{Ground, IFACE};
use crate::overhead::stop;
use crate::{packet, sys};
use anyhow::{Context, Result, anyhow};
use libbpf_rs::{Object, ObjectBuilder};
use netrig_model::Direction;
use netrig_probes::link::{Attached, attach_tc};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/overhead.bpf.o"));

/// `BPF_F_TEST_XDP_LIVE_FRAMES` of the kernel's UAPI.
const LIVE_FRAMES: u32 = 1 << 1;
const FLOWS: u32 = 10_000;
/// Packets of one test run: some tens of milliseconds.
const BATCH: u32 = 1 << 16;
/// The discard service's.
const PORT: u16 = 9;
/// Smallest frame of Ethernet, without its checksum.
const PAYLOAD_BYTES: usize = 60 - 14 - 20 - 8;

/// As much of each frame as is written anew.
const HEADER_BYTES: usize = 40;

/// What becomes of a packet behind the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Routed to a device that swallows it.
    Forwarded,
    /// Addressed to another host: thrown away by IP, which is a dropped packet.
    ThrownAway,
}

pub(super) struct Flood<'a> {
    ground: &'a Ground,
    object: Object,
    frame: Vec<u8>,
    empty: Option<Attached>,
}

impl<'a> Flood<'a> {
    pub(super) fn begin(ground: &'a Ground, fate: Fate) -> Result<Self> {
        let sender = ground.client.inside(|| sys::ifindex(c"eth0")).context("the client has no interface")?;
        let mut open = ObjectBuilder::default().open_memory(OBJECT).context("the flood's programs do not open")?;
        let frame = frame(fate);
        let mut settings: Vec<u8> = [sender, FLOWS].iter().flat_map(|word| word.to_ne_bytes()).collect();
        settings.extend(&frame[..HEADER_BYTES]);
        for mut map in open.maps_mut() {
            if map.name().to_string_lossy().ends_with(".rodata") {
                map.set_initial_value(&settings).context("the flood's settings have another size")?;
            }
        }
        let object = open.load().context("the kernel refuses the flood's programs")?;
        Ok(Self { ground, object, frame, empty: None })
    }

    fn program(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let program = self.object.progs().find(|program| program.name() == name);
        let program = program.ok_or_else(|| anyhow!("there is no program `{name}`"))?;
        Ok(sys::borrow_fd(program.as_fd().as_raw_fd(), &self.object))
    }
}

impl Load for Flood<'_> {
    fn run(&mut self, time: Duration) -> Result<Measured> {
        let (send, frame) = (self.program("flood_send")?, &self.frame);
        let received = || self.ground.server.inside(received);
        let before = received()?;
        let cpu_ns = self.ground.client.inside(|| -> Result<u64> {
            // Before all else there: whoever shares the CPU also empties its caches, and what costs cache lines pays for that.
            sys::measure_on(CLIENT_CPU)?;
            let cpu_ns = || sys::thread_cpu_ns() + softirq_thread_ns();
            let (begun, before) = (Instant::now(), cpu_ns());
            loop {
                stop::check()?;
                sys::test_run(send, frame, BATCH, LIVE_FRAMES)?;
                if begun.elapsed() >= time {
                    return Ok(cpu_ns() - before);
                }
            }
        })?;
        let packets = received()? - before;
        anyhow::ensure!(packets > 0, "no packet of the flood arrived");
        Ok(Measured { rate: Some(packets as f64 * 1e9 / cpu_ns as f64), ..Measured::default() })
    }

    fn set_empty_program(&mut self, is_attached: bool) -> Result<()> {
        self.empty = None;
        if is_attached {
            let program = self.program("flood_empty")?;
            let attached = self.ground.server.inside(|| -> Result<Attached> {
                let ifindex = sys::ifindex(c"eth0").with_context(|| format!("the server has no {IFACE}"))?;
                Ok(attach_tc(program, IFACE, ifindex, Direction::Ingress)?)
            })?;
            self.empty = Some(attached);
        }
        Ok(())
    }
}

/// Packets that the calling thread's namespace has received by its interface: a frame for which the receiving end's ring has no room
/// is not among them.
fn received() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/dev").context("cannot read the interface's counters")?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(IFACE)?.strip_prefix(':'));
    let packets = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    packets.with_context(|| format!("the kernel does not count what {IFACE} receives"))
}

/// CPU time of the kernel's thread that takes over from a busy sender's CPU what it does not come to; 0 where it cannot be had.
fn softirq_thread_ns() -> u64 {
    static PID: OnceLock<Option<String>> = OnceLock::new();
    let name = format!("ksoftirqd/{CLIENT_CPU}\n");
    let find = || {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let is_it = |entry: &fs::DirEntry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm == name);
        entries.filter(is_it).find_map(|entry| entry.file_name().into_string().ok())
    };
    let pid = PID.get_or_init(find).as_deref();
    let text = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/schedstat")).ok());
    text.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// To the documentation's network, from a host behind the client.
fn frame(fate: Fate) -> Vec<u8> {
    let mut frame = packet::udp_to(false, PORT, &[0; PAYLOAD_BYTES]);
    if fate == Fate::ThrownAway {
        frame[5] = 0xff;
    }
    frame[26..30].copy_from_slice(&[10, 56, 0, 1]);
    let sum: u32 = frame[14..34].chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_small_and_their_headers_add_up() {
        for fate in [Fate::Forwarded, Fate::ThrownAway] {
            let frame = frame(fate);
            assert_eq!(frame.len(), 60);
            let words = frame[14..34].chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
            let sum: u32 = words.sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
            assert_eq!(frame[5] == 1, fate == Fate::Forwarded);
        }
    }
}
