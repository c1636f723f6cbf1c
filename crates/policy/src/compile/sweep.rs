//! Which numbers are in the same sets: one walk over the places where any set begins or ends.

use crate::Number;
use crate::tables::CLASSES_MAX;
use std::collections::HashMap;

/// More classes than a table can tell apart: the set with which it came to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow {
    /// Its place among the sets.
    pub(crate) set: usize,
}

/// Classes of numbers: all that are in the same sets are of one class. Class 0 is of those in none.
#[derive(Debug)]
pub(crate) struct Classes {
    /// By class: which sets, a bit each.
    members: Vec<Box<[u64]>>,
    numbers: HashMap<Box<[u64]>, u32>,
    /// From a class, and a set entered or left, to the next: most steps are of one set, and come again.
    steps: HashMap<(u32, u32), u32>,
}

impl Classes {
    pub(crate) fn of_sets(sets: usize) -> Self {
        let none = vec![0; sets.div_ceil(64)].into_boxed_slice();
        Self { members: vec![none.clone()], numbers: HashMap::from([(none, 0)]), steps: HashMap::new() }
    }

    /// The sets of each class, a bit each.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[u64]> {
        self.members.iter().map(AsRef::as_ref)
    }

    /// The sets of each class, as their places.
    pub(crate) fn members(&self) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        self.members.iter().map(|sets| {
            sets.iter()
                .enumerate()
                .flat_map(|(i, word)| (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| i * 64 + bit))
        })
    }

    fn number(&mut self, sets: &[u64], latest: u32) -> Result<u32, Overflow> {
        if let Some(class) = self.numbers.get(sets) {
            return Ok(*class);
        }
        if self.members.len() == CLASSES_MAX {
            return Err(Overflow { set: latest as usize });
        }
        let class = self.members.len() as u32;
        self.members.push(sets.into());
        self.numbers.insert(sets.into(), class);
        Ok(class)
    }

    /// Where each class begins, in order, from the least number on; neighbours differ.
    pub(crate) fn sweep<T: Number>(&mut self, sets: &[&[(T, T)]]) -> Result<Vec<(T, u32)>, Overflow> {
        // A set's own ranges neither overlap nor touch: at each of these places it is either entered or left.
        let mut places = Vec::with_capacity(2 * sets.iter().map(|ranges| ranges.len()).sum::<usize>());
        for (set, ranges) in (0_u32..).zip(sets) {
            for (first, last) in *ranges {
                places.push((*first, set));
                places.extend(last.next().map(|after| (after, set)));
            }
        }
        // Stable, for it finds what is sorted already: each set is.
        places.sort();
        let mut within = self.members[0].clone();
        let mut begins = Vec::with_capacity(places.len() + 1);
        begins.push((T::MIN, 0));
        for here in places.chunk_by(|a, b| a.0 == b.0) {
            let (at, set) = here[0];
            let before = begins.last().map_or(0, |(_, class)| *class);
            for (_, set) in here {
                within[*set as usize / 64] ^= 1 << (set % 64);
            }
            let class = match (here.len(), self.steps.get(&(before, set))) {
                (1, Some(class)) => *class,
                (1, None) => {
                    let class = self.number(&within, set)?;
                    self.steps.insert((before, set), class);
                    class
                }
                _ => self.number(&within, set)?,
            };
            match begins.last_mut() {
                Some((begin, old)) if *begin == at => *old = class,
                _ if class == before => {}
                _ => begins.push((at, class)),
            }
        }
        Ok(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ranges;
    use proptest::prelude::*;

    fn some() -> impl Strategy<Value = Ranges<u8>> {
        proptest::collection::vec(any::<(u8, u8)>(), 0..6).prop_map(Ranges::of)
    }

    proptest! {
        #[test]
        fn numbers_are_of_one_class_if_they_are_in_the_same_sets(sets in proptest::collection::vec(some(), 0..70)) {
            let slices: Vec<_> = sets.iter().map(Ranges::as_slice).collect();
            let mut classes = Classes::of_sets(sets.len());
            let begins = classes.sweep(&slices).expect("few classes");
            prop_assert!(begins.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 != w[1].1));
            let members: Vec<Vec<usize>> = classes.members().map(Iterator::collect).collect();
            for number in 0..=u8::MAX {
                let class = begins[begins.partition_point(|(begin, _)| *begin <= number) - 1].1;
                let expected: Vec<usize> = (0..sets.len()).filter(|i| sets[*i].contains(number)).collect();
                prop_assert_eq!(&members[class as usize], &expected);
            }
        }
    }
}
