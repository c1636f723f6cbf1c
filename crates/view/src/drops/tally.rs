//! Who has most, of many.

use rustc_hash::FxHashMap;
use std::hash::Hash;

/// Told apart at once; a thousand rows of them are some 150 MB at the very most.
const KEYS_MAX: usize = 1_000;

/// Packets by key. Where there are too many keys, the smaller half is given up: the largest stays, a little too small.
#[derive(Clone, Debug)]
pub(super) struct Tally<K>(FxHashMap<K, u64>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Eq + Hash + Ord> Tally<K> {
    pub(super) fn add(&mut self, key: K, packets: u64) {
        let sum = self.0.entry(key).or_insert(0);
        *sum = sum.saturating_add(packets);
        if self.0.len() > KEYS_MAX {
            let mut sizes: Vec<u64> = self.0.values().copied().collect();
            let middle = sizes.len() / 2;
            let (_, &mut median, _) = sizes.select_nth_unstable(middle);
            self.0.retain(|_, size| *size > median);
        }
    }

    /// The largest; of equals the first.
    pub(super) fn most(&self) -> Option<(&K, u64)> {
        let largest = self.0.iter().min_by_key(|(key, packets)| (std::cmp::Reverse(**packets), *key));
        largest.map(|(key, packets)| (key, *packets))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_stays_among_very_many() {
        let mut tally = Tally::default();
        for n in 0..100_000u32 {
            tally.add(n, 1);
            tally.add(7, 1);
        }
        assert!(tally.len() <= KEYS_MAX);
        assert_eq!(tally.most().map(|(key, _)| *key), Some(7));
        assert!(tally.most().is_some_and(|(_, packets)| packets > 99_000));
    }
}
