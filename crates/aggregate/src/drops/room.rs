//! Room for more in a map that is full.

use std::collections::HashMap;
use std::hash::Hash;

/// Keeps the larger half of a map; of those that are just as large, as many as there is room for.
pub(super) fn keep_larger_half<K: Eq + Hash, V>(map: &mut HashMap<K, V>, size: impl Fn(&V) -> u64) {
    let mut sizes: Vec<_> = map.values().map(&size).collect();
    let middle = sizes.len() / 2;
    if middle == 0 {
        return;
    }
    let (_, bound, larger) = sizes.select_nth_unstable(middle);
    let bound = *bound;
    let mut room = middle.saturating_sub(larger.iter().filter(|size| **size > bound).count());
    map.retain(|_, value| {
        let size = size(value);
        let stays = size > bound || (size == bound && room > 0);
        room -= usize::from(stays && size == bound);
        stays
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn half_of_them_stay_and_none_that_goes_is_larger(sizes in prop::collection::vec(0_u64..9, 2..50)) {
            let mut map: HashMap<_, _> = sizes.iter().copied().enumerate().collect();
            keep_larger_half(&mut map, |size| *size);
            prop_assert_eq!(map.len(), sizes.len() / 2);
            let least = map.values().min().copied().unwrap_or(0);
            let gone = sizes.iter().enumerate().filter(|(n, _)| !map.contains_key(n));
            prop_assert!(gone.map(|(_, size)| *size).all(|size| size <= least));
        }
    }
}
