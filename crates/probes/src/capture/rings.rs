//! The rings of all CPUs, read as one: the earliest packet first.

use super::reader::Reader;
use super::record::Captured;
use libbpf_rs::{MapCore, MapHandle, MapType};
use rustix::event::epoll;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Memory of one ring is a power of two of pages.
const RING_OCTETS_MIN: u64 = 1 << 18;
const RING_OCTETS_MAX: u64 = 1 << 30;

pub(super) struct Rings {
    readers: Vec<Reader>,
    maps: Vec<MapHandle>,
    /// Tells of wakings, not of what lies there: a ring that is never empty would wake without end.
    wakings: OwnedFd,
    /// The next packet's time of each ring that has one, and the ring.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Rings {
    /// One for each CPU.
    pub(super) fn make(cpus: u32, octets_all: u64) -> io::Result<Self> {
        let octets = ring_octets(octets_all, cpus);
        let wakings = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut rings = Self { readers: Vec::new(), maps: Vec::new(), wakings, next: BinaryHeap::new() };
        for cpu in 0..cpus {
            let options = libbpf_sys::bpf_map_create_opts {
                sz: size_of::<libbpf_sys::bpf_map_create_opts>() as _,
                ..Default::default()
            };
            let name = Some(format!("capture_{cpu}"));
            let map = MapHandle::create(MapType::RingBuf, name, 0, 0, octets, &options)
                .map_err(|error| io::Error::other(format!("a ring of {octets} octets cannot be made: {error:#}")))?;
            let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&rings.wakings, map.as_fd(), epoll::EventData::new_u64(cpu.into()), edge)?;
            rings.readers.push(Reader::of(&map, octets)?);
            rings.maps.push(map);
        }
        Ok(rings)
    }

    /// The rings themselves, by CPU.
    pub(super) fn maps(&self) -> &[MapHandle] {
        &self.maps
    }

    pub(super) fn octets_each(&self) -> u32 {
        self.maps.first().map_or(0, MapCore::max_entries)
    }

    pub(super) fn wait(&self, limit: Duration) -> io::Result<()> {
        let mut events = Vec::with_capacity(8);
        let limit = rustix::time::Timespec::try_from(limit).map_err(io::Error::other)?;
        match epoll::wait(&self.wakings, rustix::buffer::spare_capacity(&mut events), Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn take(&mut self, until_ns: u64, each: &mut dyn FnMut(&Captured<'_>) -> bool) -> u64 {
        self.next.clear();
        for (ring, reader) in self.readers.iter_mut().enumerate() {
            if let Some(record) = reader.peek() {
                self.next.push(Reverse((Captured::time_of(record), ring)));
            }
        }
        let mut taken = 0;
        while let Some(Reverse((_, ring))) = self.next.pop() {
            // Packets come in runs: as long as this ring has the earliest one, no other has to be looked at.
            let others = self.next.peek().map_or(until_ns, |Reverse((time, _))| until_ns.min(*time));
            match run(&mut self.readers[ring], ring as u32, others, each) {
                Run::Over(packets) => return taken + packets,
                Run::Empty(packets) => taken += packets,
                Run::Next(packets, time) => {
                    taken += packets;
                    // The earliest of all is too late.
                    if packets == 0 && time > until_ns {
                        break;
                    }
                    self.next.push(Reverse((time, ring)));
                }
            }
        }
        taken
    }
}

/// How packets of one ring have come to an end, after so many.
enum Run {
    /// No more are wanted.
    Over(u64),
    /// There are no more.
    Empty(u64),
    /// The next is of this time, and later than allowed.
    Next(u64, u64),
}

fn run(reader: &mut Reader, cpu: u32, until_ns: u64, each: &mut dyn FnMut(&Captured<'_>) -> bool) -> Run {
    let mut taken = 0;
    while let Some(record) = reader.peek() {
        let time = Captured::time_of(record);
        if time > until_ns {
            return Run::Next(taken, time);
        }
        let goes_on = Captured::of(record, cpu).is_none_or(|packet| each(&packet));
        taken += 1;
        reader.advance();
        if !goes_on {
            return Run::Over(taken);
        }
    }
    Run::Empty(taken)
}

/// Memory of each ring.
fn ring_octets(all: u64, cpus: u32) -> u32 {
    let each = (all / u64::from(cpus.max(1))).clamp(RING_OCTETS_MIN, RING_OCTETS_MAX);
    // The largest power of two within it.
    1 << each.ilog2()
}

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rings({} of {} octets)", self.maps.len(), self.octets_each())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_a_power_of_two_within_its_share() {
        assert_eq!(ring_octets(32 << 20, 2), 16 << 20);
        assert_eq!(ring_octets(32 << 20, 3), 8 << 20);
        assert_eq!(ring_octets(1 << 20, 128), 1 << 18, "the largest packet has room");
        assert_eq!(ring_octets(u64::MAX, 1), 1 << 30);
    }
}
