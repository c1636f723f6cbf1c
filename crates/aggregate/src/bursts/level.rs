//! What is usual on one interface, one way: the mean of seconds, and the busiest bucket of each.

use std::collections::VecDeque;

const SLOT_NS: u64 = 100_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Ten seconds, and the one that a change of level is seen in.
const SLOTS: usize = 100;
const SLOTS_RECENT: usize = 10;
/// Less than this has been seen for too short a time to say what is usual.
const SLOTS_MIN: usize = 10;

/// Octets of the last ten seconds, a tenth of a second each.
#[derive(Clone, Debug)]
pub(super) struct Mean {
    slot_buckets: u64,
    /// Whole ones, the oldest first.
    slots: VecDeque<u64>,
    sum: u64,
    recent_sum: u64,
    /// The open one: octets, buckets.
    open: (u64, u64),
}

impl Mean {
    pub(super) fn new(bucket_ns: u64) -> Self {
        let slot_buckets = (SLOT_NS / bucket_ns.max(1)).max(1);
        Self { slot_buckets, slots: VecDeque::with_capacity(SLOTS), sum: 0, recent_sum: 0, open: (0, 0) }
    }

    /// One more bucket has passed.
    pub(super) fn add(&mut self, bytes: u64) {
        self.open.0 += bytes;
        self.open.1 += 1;
        if self.open.1 < self.slot_buckets {
            return;
        }
        let (whole, _) = std::mem::take(&mut self.open);
        if self.slots.len() == SLOTS {
            self.sum -= self.slots.pop_front().unwrap_or(0);
        }
        let no_longer_recent = self.slots.len().checked_sub(SLOTS_RECENT).map_or(0, |at| self.slots[at]);
        self.slots.push_back(whole);
        self.sum += whole;
        self.recent_sum = self.recent_sum + whole - no_longer_recent;
    }

    /// Octets of a bucket, on the average of up to ten seconds; 0 before anything has passed.
    pub(super) fn long(&self) -> f64 {
        self.of(self.sum, self.slots.len())
    }

    /// What a burst is measured by: that mean, or the last second's where it is higher, so that a level that has risen is
    /// no burst for ten seconds. None in the first second.
    pub(super) fn usual(&self) -> Option<f64> {
        (self.slots.len() >= SLOTS_MIN)
            .then(|| self.long().max(self.of(self.recent_sum, self.slots.len().min(SLOTS_RECENT))))
    }

    fn of(&self, sum: u64, slots: usize) -> f64 {
        let buckets = slots as u64 * self.slot_buckets + self.open.1;
        if buckets == 0 { 0.0 } else { (sum + self.open.0) as f64 / buckets as f64 }
    }
}

/// Octets of the busiest bucket of each of the last 60 seconds.
#[derive(Clone, Debug)]
pub(super) struct Peaks {
    second_buckets: u64,
    /// The open one is the last.
    seconds: VecDeque<u64>,
    /// Since 0 of the buckets' numbers.
    second: u64,
}

impl Peaks {
    const SECONDS: usize = 60;

    pub(super) fn new(bucket_ns: u64) -> Self {
        let second_buckets = (SECOND_NS / bucket_ns.max(1)).max(1);
        Self { second_buckets, seconds: VecDeque::with_capacity(Self::SECONDS), second: 0 }
    }

    pub(super) fn add(&mut self, number: u64, bytes: u64) {
        let second = number / self.second_buckets;
        if second != self.second || self.seconds.is_empty() {
            // Seconds that nothing was read of had no peak that is known; more than there are here are all the same.
            let passed = if self.seconds.is_empty() { 1 } else { second.saturating_sub(self.second).max(1) };
            for _ in 0..passed.min(Self::SECONDS as u64) {
                if self.seconds.len() == Self::SECONDS {
                    self.seconds.pop_front();
                }
                self.seconds.push_back(0);
            }
            self.second = second;
        }
        if let Some(open) = self.seconds.back_mut() {
            *open = (*open).max(bytes);
        }
    }

    /// The oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> + '_ {
        self.seconds.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn means_are_those_of_the_last_seconds(loads in prop::collection::vec((0_u64..1_000_000, 1_usize..4_000), 1..8)) {
            let mut mean = Mean::new(1_000_000);
            let mut all = Vec::new();
            for (bytes, times) in loads {
                for _ in 0..times {
                    mean.add(bytes);
                    all.push(bytes);
                }
            }
            let open = all.len() % 100;
            let of_last = |slots: usize| {
                let buckets = (all.len() - open).min(slots * 100) + open;
                all[all.len() - buckets..].iter().sum::<u64>() as f64 / buckets as f64
            };
            prop_assert!((mean.long() - of_last(100)).abs() < 1e-6);
            let usual = (all.len() >= 1000).then(|| of_last(100).max(of_last(10)));
            prop_assert_eq!(mean.usual().map(f64::round), usual.map(f64::round));
        }
    }

    #[test]
    fn seconds_keep_their_busiest_bucket_and_those_not_read_have_none() {
        let mut peaks = Peaks::new(1_000_000);
        for (number, bytes) in [(999, 5), (1_000, 1), (1_500, 7), (1_501, 2), (4_000, 3)] {
            peaks.add(number, bytes);
        }
        assert_eq!(peaks.all().collect::<Vec<_>>(), [5, 7, 0, 0, 3]);
        peaks.add(1_000_000, 1);
        assert_eq!(peaks.all().count(), 60);
        assert_eq!(peaks.all().sum::<u64>(), 1);
    }
}
