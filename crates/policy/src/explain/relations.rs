//! How sets of addresses lie to each other: all pairs at once, by one walk over all of them.

use super::space::Space;
use crate::compile::sweep::Classes;
use crate::words::{Addresses, Family};
use std::collections::HashMap;
use std::sync::Arc;

/// Of all sets of addresses that conjunctions name.
#[derive(Debug, Default)]
pub(super) struct Relations {
    /// By allocation: the place of a set.
    places: HashMap<*const Addresses, usize>,
    v4: Pairs,
    v6: Pairs,
}

/// Of one family, by set: others, a bit each.
#[derive(Debug, Default)]
struct Pairs {
    /// That have all of it.
    covering: Vec<Vec<u64>>,
    /// That have some of it.
    meeting: Vec<Vec<u64>>,
    /// Those that have everything.
    all: Vec<bool>,
}

impl Relations {
    /// Between all sets of these conjunctions. Where they overlap in more ways than tables can tell apart, nothing is known,
    /// and none is said to cover or to meet another.
    pub(super) fn between<'a>(spaces: impl Iterator<Item = &'a Space>) -> Self {
        let mut places = HashMap::new();
        let mut sets: Vec<&Addresses> = Vec::new();
        for set in spaces.flat_map(|space| [&space.src, &space.dst]).flatten() {
            places.entry(Arc::as_ptr(set)).or_insert_with(|| {
                sets.push(set);
                sets.len() - 1
            });
        }
        let mut v4 = Classes::of_sets(sets.len());
        let mut v6 = Classes::of_sets(sets.len());
        let swept4 = v4.sweep(&sets.iter().map(|set| set.v4.as_slice()).collect::<Vec<_>>());
        let swept6 = v6.sweep(&sets.iter().map(|set| set.v6.as_slice()).collect::<Vec<_>>());
        if swept4.is_err() || swept6.is_err() {
            return Self::default();
        }
        let all4 = sets.iter().map(|set| set.v4.as_slice() == [(0, u32::MAX)]);
        let all6 = sets.iter().map(|set| set.v6.as_slice() == [(0, u128::MAX)]);
        Self { places, v4: Pairs::of(&v4, all4.collect()), v6: Pairs::of(&v6, all6.collect()) }
    }

    /// Whether one set has all of the other, as far as a family goes; `None` is everything.
    pub(super) fn covers(&self, set: Option<&Arc<Addresses>>, other: Option<&Arc<Addresses>>, family: Family) -> bool {
        let Some(set) = set else { return true };
        let Some(place) = self.place(set) else { return false };
        match other {
            None => self.pairs(family).all[place],
            Some(other) => self.place(other).is_some_and(|other| has(&self.pairs(family).covering[other], place)),
        }
    }

    /// Whether two sets have something in common, as far as a family goes.
    pub(super) fn meet(&self, a: Option<&Arc<Addresses>>, b: Option<&Arc<Addresses>>, family: Family) -> bool {
        let (Some(a), Some(b)) = (a, b) else { return true };
        let (Some(a), Some(b)) = (self.place(a), self.place(b)) else { return false };
        has(&self.pairs(family).meeting[a], b)
    }

    fn place(&self, set: &Arc<Addresses>) -> Option<usize> {
        self.places.get(&Arc::as_ptr(set)).copied()
    }

    fn pairs(&self, family: Family) -> &Pairs {
        if family == Family::V6 { &self.v6 } else { &self.v4 }
    }
}

impl Pairs {
    fn of(classes: &Classes, all: Vec<bool>) -> Self {
        let words = all.len().div_ceil(64);
        let mut pairs =
            Self { covering: vec![vec![u64::MAX; words]; all.len()], meeting: vec![vec![0; words]; all.len()], all };
        for (sets, places) in classes.words().zip(classes.members()) {
            for place in places {
                for (word, set) in sets.iter().enumerate() {
                    pairs.covering[place][word] &= set;
                    pairs.meeting[place][word] |= set;
                }
            }
        }
        pairs
    }
}

fn has(sets: &[u64], place: usize) -> bool {
    sets[place / 64] >> (place % 64) & 1 != 0
}
