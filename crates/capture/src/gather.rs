//! Records of one ring per CPU, put in the order of their times.

/// Where a record lies, and when it was.
#[derive(Clone, Copy)]
struct Place {
    time: u64,
    start: usize,
    length: u32,
}

/// Puts records in the order of their times; those of the same time stay in the order in which they came.
///
/// Records are pushed ring by ring, so what comes is a few runs that are sorted already: the stable sort merges runs, and it
/// moves places only, not records. Octets of records lie one behind the other in one piece of memory, which is used again.
#[derive(Default)]
pub struct Gather {
    arena: Vec<u8>,
    /// What the arena is swapped with when records that wait move to its front.
    spare: Vec<u8>,
    places: Vec<Place>,
    sorted: bool,
    /// Octets of the arena whose records have left.
    dead: usize,
}

impl Gather {
    /// Nothing, so far.
    #[must_use]
    pub fn new() -> Self {
        Self { sorted: true, ..Self::default() }
    }

    /// Takes a record that happened at `time_ns`, on a clock of the caller's choice. Records longer than 4 GiB are cut.
    #[inline]
    pub fn push(&mut self, time_ns: u64, record: &[u8]) {
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        let start = self.arena.len();
        self.arena.extend_from_slice(&record[..length as usize]);
        self.sorted &= self.places.last().is_none_or(|last| last.time <= time_ns);
        self.places.push(Place { time: time_ns, start, length });
    }

    /// Gives `take` all records from before `watermark_ns`, the oldest first. One that is pushed later and is older than
    /// the watermark comes out of order: how long to wait is the caller's choice.
    pub fn drain_until(&mut self, watermark_ns: u64, take: &mut dyn FnMut(&[u8])) {
        self.sort();
        let count = self.places.partition_point(|place| place.time < watermark_ns);
        self.drain_first(count, take);
    }

    /// Gives `take` all records, the oldest first.
    pub fn drain_all(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.sort();
        self.drain_first(self.places.len(), take);
    }

    /// How many records wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Octets of the records that wait.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.arena.len() - self.dead
    }

    fn sort(&mut self) {
        if !self.sorted {
            self.places.sort_by_key(|place| place.time);
            self.sorted = true;
        }
    }

    fn drain_first(&mut self, count: usize, take: &mut dyn FnMut(&[u8])) {
        for place in self.places.drain(..count) {
            self.dead += place.length as usize;
            take(&self.arena[place.start..place.start + place.length as usize]);
        }
        if self.places.is_empty() {
            self.arena.clear();
            self.dead = 0;
        } else if self.dead > self.arena.len() / 2 {
            self.compact();
        }
    }

    /// Moves what waits to the front. It is less than what has left since the last time, so its cost is a part of theirs.
    fn compact(&mut self) {
        self.spare.clear();
        for place in &mut self.places {
            let start = self.spare.len();
            self.spare.extend_from_slice(&self.arena[place.start..place.start + place.length as usize]);
            place.start = start;
        }
        std::mem::swap(&mut self.arena, &mut self.spare);
        self.dead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(gather: &mut Gather, watermark: Option<u64>) -> Vec<Vec<u8>> {
        let mut left = Vec::new();
        let take = &mut |record: &[u8]| left.push(record.to_vec());
        match watermark {
            Some(watermark) => gather.drain_until(watermark, take),
            None => gather.drain_all(take),
        }
        left
    }

    #[test]
    fn two_rings_come_out_as_one() {
        let mut gather = Gather::new();
        for (time, record) in [(1, "a"), (3, "c"), (5, "e"), (2, "b"), (3, "d"), (6, "f")] {
            gather.push(time, record.as_bytes());
        }
        assert_eq!(drain(&mut gather, Some(5)).concat(), b"abcd");
        assert_eq!((gather.len(), gather.octets()), (2, 2));
        gather.push(4, b"late");
        assert_eq!(drain(&mut gather, None).concat(), b"lateef");
        assert!(gather.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64, Vec<u8>),
        Drain(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let push =
            (0..50_u64, prop::collection::vec(any::<u8>(), 0..9)).prop_map(|(time, octets)| Step::Push(time, octets));
        let drain = (0..55_u64).prop_map(Step::Drain);
        prop::collection::vec(prop_oneof![8 => push, 1 => drain], 0..200)
    }

    proptest! {
        #[test]
        fn as_a_sorted_list_would(steps in steps()) {
            let mut gather = Gather::new();
            let mut list: Vec<(u64, Vec<u8>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Push(time, octets) => {
                        gather.push(time, &octets);
                        list.push((time, octets));
                    }
                    Step::Drain(watermark) => {
                        list.sort_by_key(|(time, _)| *time);
                        let count = list.partition_point(|(time, _)| *time < watermark);
                        let expected: Vec<_> = list.drain(..count).map(|(_, octets)| octets).collect();
                        prop_assert_eq!(drain(&mut gather, Some(watermark)), expected);
                    }
                }
                prop_assert_eq!(gather.octets(), list.iter().map(|(_, octets)| octets.len()).sum::<usize>());
            }
            list.sort_by_key(|(time, _)| *time);
            let expected: Vec<_> = list.into_iter().map(|(_, octets)| octets).collect();
            prop_assert_eq!(drain(&mut gather, None), expected);
        }
    }
}
