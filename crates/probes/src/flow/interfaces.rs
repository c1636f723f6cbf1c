//! Which of the rig's numbers an interface has, in user space and in the kernel's table.

use super::{FlowMemory, FlowSizes};
use netrig_model::InterfaceId;
use std::collections::VecDeque;

/// As in `account.h`: how far a lookup goes.
const PROBES_MAX: usize = 8;

/// Numbers are dense and from 1. One that was given back is used again as late as can be, so that old entries of the
/// flow table have been drained and forgotten by then.
#[derive(Debug)]
pub(super) struct Interfaces {
    free: VecDeque<u16>,
}

impl Interfaces {
    pub(super) fn new(sizes: FlowSizes) -> Self {
        Self { free: (1..sizes.interfaces as u16).collect() }
    }

    /// Gives an interface a number and tells the kernel; none when there is no room.
    pub(super) fn admit(&mut self, memory: &FlowMemory, ifindex: u32) -> Option<InterfaceId> {
        let number = self.free.pop_front()?;
        let words = &memory.ifaces;
        let place = (0..PROBES_MAX).map(|probe| (ifindex as usize + probe) & (words.len() - 1)).find(|at| {
            let word = words.load(*at);
            word == 0 || split(word).0 == ifindex
        });
        let Some(place) = place else {
            self.free.push_front(number);
            return None;
        };
        words.publish(place, join(ifindex, u32::from(number)));
        Some(InterfaceId(number))
    }

    /// Takes the number back.
    pub(super) fn dismiss(&mut self, memory: &FlowMemory, id: InterfaceId) {
        let words = &memory.ifaces;
        for at in 0..words.len() {
            let (ifindex, number) = split(words.load(at));
            if ifindex != 0 && number == u32::from(id.0) {
                words.publish(at, 0);
            }
        }
        if id.0 != 0 && !self.free.contains(&id.0) {
            self.free.push_back(id.0);
        }
    }
}

/// Two 32-bit fields that lie one after the other in memory, as the word that holds both.
pub(super) fn join(first: u32, second: u32) -> u64 {
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
