//! Which places are taken, which have ended, and giving them back.

use super::reading::{self, Standing};
use netrig_model::{RingStatus, SocketReading, SocketRole};
use netrig_probes::tcp::TcpMemory;
use netrig_probes::wire::{tcp_ends, tcp_slot};
use netrig_probes::{HighWater, TickClock};
use std::collections::VecDeque;
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One in so many of all places may be of ended connections before who sleeps is woken.
const BELL_PART: u32 = 8;
const SLOT_WORDS: usize = size_of::<tcp_slot>() / 8;
const FREE_TAKEN: usize = offset_of!(tcp_ends, free_taken) / 8;
const NEXT_ID: usize = offset_of!(tcp_ends, next_id) / 8;
const ID: usize = offset_of!(tcp_slot, id) / 8;
const FREE_GIVEN: usize = offset_of!(tcp_ends, free_given) / 8;

/// The table of sockets, from user space.
#[derive(Debug)]
pub struct Places {
    memory: Arc<TcpMemory>,
    /// How many numbers have been taken from the ring of ended ones.
    done_taken: u64,
    /// Ended ones whose last words may still come: a reset is sent a moment after the state that ends its connection.
    /// With the turn in which they were found.
    resting: VecDeque<(u64, u32)>,
    turn: u64,
    /// Numbers that waited in the ring of ended ones.
    waited: HighWater,
}

impl Places {
    /// For a probe's memory that nothing is attached to yet: gives all places to the kernel's side.
    #[must_use]
    pub fn new(memory: Arc<TcpMemory>) -> Self {
        let slots = memory.sizes.slots;
        for number in 0..slots {
            memory.free_ring.publish(number as usize, u64::from(number));
            // Generation 0 is nobody's: a reference that was never set must not match.
            memory.slots.publish(number as usize * SLOT_WORDS, 1);
        }
        memory.ends.publish(FREE_GIVEN, u64::from(slots));
        Self { memory, done_taken: 0, resting: VecDeque::new(), turn: 0, waited: HighWater::default() }
    }

    /// Places that no socket has, and of all.
    #[must_use]
    pub fn free(&self) -> (u64, u64) {
        let ends = &self.memory.ends;
        let free = ends.load(FREE_GIVEN).saturating_sub(ends.load(FREE_TAKEN));
        (free, u64::from(self.memory.sizes.slots))
    }

    /// Begins a turn, and gives every place that ended before the last turn. Each is read by [`Self::read`] and must then be
    /// given back by [`Self::release`]. `all`: those of this turn too, for the end of the rig.
    pub fn ended(&mut self, all: bool, sink: &mut dyn FnMut(&mut Self, u32)) {
        self.turn += 1;
        let mask = u64::from(self.memory.sizes.ring) - 1;
        let before = self.done_taken;
        loop {
            let entry = &self.memory.done_ring.words()[(self.done_taken & mask) as usize];
            let number = entry.swap(0, Ordering::Acquire);
            if number == 0 {
                break;
            }
            self.done_taken += 1;
            self.resting.push_back((self.turn, (number - 1) as u32));
        }
        self.waited.see(self.done_taken - before);
        while let Some((turn, number)) = self.resting.front().copied() {
            if turn + 1 >= self.turn && !all {
                break;
            }
            self.resting.pop_front();
            sink(self, number);
        }
    }

    /// Has the bell ring once a part of all places is of connections that have ended since they were asked for, or never.
    pub fn sleep(&self, asleep: bool) {
        let many = u64::from(self.memory.sizes.slots / BELL_PART).max(1);
        self.memory.wake_at(if asleep { self.done_taken + many } else { 0 });
    }

    /// Whether some have ended that rest until they are given.
    #[must_use]
    pub fn are_resting(&self) -> bool {
        !self.resting.is_empty()
    }

    /// How full the ring of ended ones was.
    #[must_use]
    pub fn fullest(&self) -> RingStatus {
        self.waited.status("tcp_ends", self.memory.sizes.ring.into())
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub fn end_window(&mut self) {
        self.waited.end_window();
    }

    /// Whether more than so many have ended since they were asked for. It costs a load.
    #[must_use]
    pub fn have_ended(&self, more_than: u64) -> bool {
        let mask = u64::from(self.memory.sizes.ring) - 1;
        self.memory.done_ring.load(((self.done_taken + more_than) & mask) as usize) != 0
    }

    /// Numbers of all places that are taken and have not ended.
    pub fn open(&self) -> impl Iterator<Item = u32> + '_ {
        let words = self.memory.slots.words();
        (0..self.memory.sizes.slots).filter(move |number| {
            let head = words[*number as usize * SLOT_WORDS].load(Ordering::Acquire);
            reading::standing(head) == Standing::Open
        })
    }

    /// The number that the next connection will have: those that begin from now on have it, or a higher one.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.memory.ends.load(NEXT_ID)
    }

    /// Numbers of places that [`Self::open`] did not have when [`Self::next_id`] was `first_id`: those that were taken since,
    /// and those that have ended and were not given back.
    pub fn beside_open(&self, first_id: u64) -> impl Iterator<Item = u32> + '_ {
        let words = self.memory.slots.words();
        (0..self.memory.sizes.slots).filter(move |number| {
            let first = *number as usize * SLOT_WORDS;
            match reading::standing(words[first].load(Ordering::Acquire)) {
                Standing::Free => false,
                Standing::Open => words[first + ID].load(Ordering::Relaxed) >= first_id,
                Standing::Ended => true,
            }
        })
    }

    /// Numbers of all places that are taken: of open ones, and of ended ones that were not given back.
    pub fn taken(&self) -> impl Iterator<Item = u32> + '_ {
        self.beside_open(0)
    }

    /// What a place says now; none while it is being taken or given.
    #[must_use]
    pub fn read(&self, number: u32, clock: &TickClock) -> Option<SocketReading> {
        let first = number as usize * SLOT_WORDS;
        let words = &self.memory.slots.words()[first..first + SLOT_WORDS];
        let words: [u64; SLOT_WORDS] = std::array::from_fn(|i| words[i].load(Ordering::Relaxed));
        reading::decode(number, &words, clock)
    }

    /// Gives a place back: what its socket's storage still holds is of no more use.
    pub fn release(&mut self, number: u32) {
        let first = number as usize * SLOT_WORDS;
        let slot = &self.memory.slots.words()[first..first + SLOT_WORDS];
        let generation = (slot[0].load(Ordering::Relaxed) as u32).wrapping_add(1).max(1);
        // First the head: from here on the kernel's side takes it for nobody's.
        slot[0].store(u64::from(generation), Ordering::Release);
        for word in &slot[1..] {
            word.store(0, Ordering::Relaxed);
        }
        let given = self.memory.ends.load(FREE_GIVEN);
        let mask = u64::from(self.memory.sizes.ring) - 1;
        self.memory.free_ring.publish((given & mask) as usize, u64::from(number));
        self.memory.ends.publish(FREE_GIVEN, given + 1);
    }

    /// The open connection with the oldest sign of life, and the next ones, `many` of them: whose places others need more.
    #[must_use]
    pub fn stalest(&self, many: usize, clock: &TickClock) -> Vec<SocketReading> {
        let mut open: Vec<_> = self
            .open()
            .filter_map(|number| self.read(number, clock))
            .filter(|reading| reading.role != SocketRole::Listener)
            .map(|reading| (reading.active, reading.place))
            .collect();
        let many = many.min(open.len());
        if many == 0 {
            return Vec::new();
        }
        open.select_nth_unstable(many - 1);
        open[..many].iter().filter_map(|(_, place)| self.read(*place, clock)).collect()
    }
}
