//! How full a ring was at its fullest.

use netrig_model::RingStatus;
use std::mem;

/// The most that ever waited in a ring: in the window that is open, and in the one before. So whoever asks in a window's first
/// moment is told of a whole one, and two who ask do not take anything from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HighWater {
    open: u64,
    before: u64,
}

impl HighWater {
    /// So much waits there. To be called by who empties it, before that: it knows where both ends are anyway.
    pub fn see(&mut self, waits: u64) {
        self.open = self.open.max(waits);
    }

    /// Another window begins.
    pub fn end_window(&mut self) {
        self.before = mem::take(&mut self.open);
    }

    /// The most of both windows, of a ring with so much room.
    #[must_use]
    pub fn status(self, ring: &str, capacity: u64) -> RingStatus {
        RingStatus { ring: ring.to_owned(), fullest: self.open.max(self.before).min(capacity), capacity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_a_window_is_told_until_the_next_is_over() {
        let mut water = HighWater::default();
        let fullest = |water: &HighWater| water.status("outbox", 10).fullest;
        [3, 7, 2].into_iter().for_each(|waits| water.see(waits));
        assert_eq!(fullest(&water), 7);
        water.end_window();
        water.see(4);
        assert_eq!(fullest(&water), 7);
        water.see(9);
        assert_eq!(fullest(&water), 9);
        water.end_window();
        assert_eq!(fullest(&water), 9);
        water.end_window();
        assert_eq!(fullest(&water), 0);
    }

    #[test]
    fn what_found_no_room_is_no_part_of_how_full_it_was() {
        let mut water = HighWater::default();
        water.see(12);
        let RingStatus { ring, fullest, capacity } = water.status("outbox", 10);
        assert_eq!((ring.as_str(), fullest, capacity), ("outbox", 10, 10));
    }
}
