//! Which of the rig's numbers an interface has, in user space and in the kernel's table.

use super::{FlowMemory, FlowSizes};
use netrig_model::InterfaceId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// As in `account.h`: how far a lookup goes.
const PROBES_MAX: usize = 8;

/// Numbers are dense and from 1. One that was given back is used again as late as can be, so that old entries of the
/// flow table have been drained and forgotten by then; but one that has rings of fine buckets as soon as it has rested, for there
/// are few of these, and an interface that comes then is to have them.
#[derive(Debug)]
pub(super) struct Interfaces {
    free: VecDeque<u16>,
    /// Numbers up to this one have rings.
    rings: u16,
    /// Of those the free ones, and when they were given back.
    with_rings: VecDeque<(u16, Option<Instant>)>,
    rest: Duration,
}

impl Interfaces {
    /// The first `rings` numbers have rings; once given back they are not used for the time of `rest`, if others are left.
    pub(super) fn new(sizes: FlowSizes, rings: u32, rest: Duration) -> Self {
        let end = sizes.interfaces as u16;
        let rings = u16::try_from(rings).unwrap_or(u16::MAX).min(end - 1);
        Self { free: (rings + 1..end).collect(), rings, with_rings: (1..=rings).map(|n| (n, None)).collect(), rest }
    }

    /// Gives an interface a number and tells the kernel; none when there is no room.
    pub(super) fn admit(&mut self, memory: &FlowMemory, ifindex: u32, now: Instant) -> Option<InterfaceId> {
        let words = &memory.ifaces;
        let place = (0..PROBES_MAX).map(|probe| (ifindex as usize + probe) & (words.len() - 1)).find(|at| {
            let word = words.load(*at);
            word == 0 || split(word).0 == ifindex
        })?;
        let number = self.take(now)?;
        words.publish(place, join(ifindex, u32::from(number)));
        Some(InterfaceId(number))
    }

    fn take(&mut self, now: Instant) -> Option<u16> {
        let has_rested = |back: Option<Instant>| back.is_none_or(|back| now.duration_since(back) >= self.rest);
        match self.with_rings.front() {
            Some((_, back)) if has_rested(*back) => self.with_rings.pop_front().map(|(number, _)| number),
            _ => self.free.pop_front().or_else(|| self.with_rings.pop_front().map(|(number, _)| number)),
        }
    }

    /// Takes the number back.
    pub(super) fn dismiss(&mut self, memory: &FlowMemory, id: InterfaceId, now: Instant) {
        let words = &memory.ifaces;
        for at in 0..words.len() {
            let (ifindex, number) = split(words.load(at));
            if ifindex != 0 && number == u32::from(id.0) {
                words.publish(at, 0);
            }
        }
        self.give_back(id.0, now);
    }

    fn give_back(&mut self, number: u16, now: Instant) {
        let is_free = self.free.contains(&number) || self.with_rings.iter().any(|(free, _)| *free == number);
        if number == 0 || is_free {
            return;
        }
        if number <= self.rings {
            self.with_rings.push_back((number, Some(now)));
        } else {
            self.free.push_back(number);
        }
    }
}

/// Two 32-bit fields that lie one after the other in memory, as the word that holds both.
pub(crate) fn join(first: u32, second: u32) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

/// The reverse of [`join`].
pub(super) fn split(word: u64) -> (u32, u32) {
    let b = word.to_ne_bytes();
    (u32::from_ne_bytes([b[0], b[1], b[2], b[3]]), u32::from_ne_bytes([b[4], b[5], b[6], b[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(20);

    #[test]
    fn a_number_with_rings_is_used_again_once_it_has_rested() {
        let sizes = FlowSizes { interfaces: 8, ..FlowSizes::within(1 << 20, 1) };
        let mut numbers = Interfaces::new(sizes, 2, REST);
        let begun = Instant::now();
        let take = |numbers: &mut Interfaces, after: Duration| numbers.take(begun + after);
        let first: Vec<_> = (0..3).map(|_| take(&mut numbers, Duration::ZERO)).collect();
        assert_eq!(first, [Some(1), Some(2), Some(3)]);
        numbers.give_back(2, begun);
        numbers.give_back(2, begun);
        assert_eq!(take(&mut numbers, REST / 2), Some(4), "its books may be open yet");
        assert_eq!(take(&mut numbers, REST), Some(2));
        numbers.give_back(1, begun + REST);
        let rest: Vec<_> = (0..5).map(|_| take(&mut numbers, REST)).collect();
        assert_eq!(rest, [Some(5), Some(6), Some(7), Some(1), None], "better early than not at all");
    }

    #[test]
    fn without_rings_all_are_used_in_turns() {
        let sizes = FlowSizes { interfaces: 4, ..FlowSizes::within(1 << 20, 1) };
        let mut numbers = Interfaces::new(sizes, 0, REST);
        let now = Instant::now();
        assert_eq!(numbers.take(now), Some(1));
        numbers.give_back(1, now);
        assert_eq!([0; 3].map(|_| numbers.take(now)), [Some(2), Some(3), Some(1)]);
        assert_eq!(Interfaces::new(sizes, 256, REST).with_rings.len(), 3);
    }
}
