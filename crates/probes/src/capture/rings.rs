//! The rings of all CPUs, read as one: the earliest packet first.

use super::reader::{Memory, Reader};
use super::record::Captured;
use crate::object::map;
use crate::ring::Ring;
use crate::wire::{capture_ends, captures};
use crate::{ProbeError, SharedWords};
use libbpf_rs::Object;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// Memory of one ring is a power of two.
const RING_OCTETS_MIN: u64 = 1 << 18;
/// All rings are one area, of which the kernel takes no more than a gibibyte.
const OCTETS_MAX: u64 = 1 << 29;

/// How memory is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RingSizes {
    /// Rings: one for each CPU, and where drops are looked at, as many again.
    pub(super) rings: u32,
    /// Of one ring, log2 of its octets.
    pub(super) shift: u32,
}

impl RingSizes {
    /// `cpus` is a power of two.
    pub(super) fn within(octets: u64, cpus: u32, with_drops: bool) -> Self {
        let rings = if with_drops { cpus * 2 } else { cpus };
        let each = (octets.min(OCTETS_MAX) / u64::from(rings)).max(RING_OCTETS_MIN);
        // The largest power of two within it.
        Self { rings, shift: each.ilog2() }
    }

    /// Of all rings, with room for a record behind the last: the verifier does not know that none begins so late.
    pub(super) fn octets(self) -> usize {
        ((self.rings as usize) << self.shift) + captures::RECORD_OCTETS_MAX
    }
}

pub(super) struct Rings {
    readers: Vec<Reader>,
    /// Tells that much lies in the rings.
    wakings: Ring<u64>,
    /// The next packet's time of each ring that has one, and the ring.
    next: BinaryHeap<Reverse<(u64, usize)>>,
    sizes: RingSizes,
}

impl Rings {
    /// Those of a loaded object.
    pub(super) fn of(object: &Object, sizes: RingSizes) -> Result<Self, ProbeError> {
        let memory = Arc::new(Memory::map(map(object, "rings")?.as_fd(), "rings", sizes.octets())?);
        let ends_octets = sizes.rings as usize * size_of::<capture_ends>();
        let ends = Arc::new(SharedWords::map(map(object, "ends")?.as_fd(), "ends", ends_octets)?);
        let size = 1_u64 << sizes.shift;
        let readers = (0..sizes.rings as usize).map(|ring| Reader::of(&memory, &ends, ring, size)).collect();
        let wakings = Ring::of(object, "wakings")?;
        Ok(Self { readers, wakings, next: BinaryHeap::new(), sizes })
    }

    pub(super) fn wait(&mut self, limit: Duration) -> Result<(), ProbeError> {
        self.wakings.wait(limit).map(|_| ())
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
                Run::Over(packets) => {
                    taken += packets;
                    break;
                }
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
        self.readers.iter_mut().for_each(Reader::tell);
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

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rings({:?})", self.sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_a_power_of_two_within_its_share() {
        let of = |octets, cpus, drops| {
            let RingSizes { rings, shift } = RingSizes::within(octets, cpus, drops);
            (rings, 1_u64 << shift)
        };
        assert_eq!(of(32 << 20, 2, false), (2, 16 << 20));
        assert_eq!(of(33 << 20, 2, true), (4, 8 << 20));
        assert_eq!(of(1 << 20, 128, false), (128, 1 << 18), "the largest packet has room");
        assert_eq!(of(u64::MAX, 1, false), (1, 1 << 29));
    }
}
