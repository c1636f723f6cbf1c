//! Addresses by class.

use super::sweep::{Classes, Overflow};
use crate::tables::{AddressClasses, Ranges4, Ranges6};
use crate::words::Addresses;
use std::collections::HashMap;
use std::sync::Arc;

/// An upper part has so many entries on average: they lie in one cache line, and the index stays small beside them.
const ENTRIES_MEAN: usize = 4;

/// Whether the family alone decides: all of one and none or all of the other. Rows' kinds have that in them.
pub(super) fn goes_without_saying(set: &Addresses) -> bool {
    (set.v4.is_empty() || set.v4.as_slice() == [(0, u32::MAX)])
        && (set.v6.is_empty() || set.v6.as_slice() == [(0, u128::MAX)])
}

/// Which sets rows ask for, each once, and the rows that ask for it.
pub(super) struct Distinct<'a, T> {
    pub(super) sets: Vec<&'a T>,
    /// By set: the rows, in order. Never empty.
    pub(super) rows: Vec<Vec<usize>>,
    /// Rows that ask for none.
    pub(super) free: Vec<usize>,
}

impl<'a, T> Distinct<'a, T> {
    /// Of what each row asks for: sets of the same allocation are the same.
    pub(super) fn of(asked: &[Option<&'a Arc<T>>]) -> Self {
        let mut distinct = Self { sets: Vec::new(), rows: Vec::new(), free: Vec::new() };
        let mut places = HashMap::new();
        for (row, set) in asked.iter().copied().enumerate() {
            let Some(set) = set else {
                distinct.free.push(row);
                continue;
            };
            let place = *places.entry(Arc::as_ptr(set)).or_insert_with(|| {
                distinct.sets.push(set.as_ref());
                distinct.rows.push(Vec::new());
                distinct.sets.len() - 1
            });
            distinct.rows[place].push(row);
        }
        distinct
    }

    /// The first row that asks for the set with which there were too many classes.
    pub(super) fn blamed(&self, overflow: Overflow) -> (usize, Overflow) {
        (self.rows[overflow.set][0], overflow)
    }

    /// By class: the rows that hold for it, as sets of `words` words.
    pub(super) fn row_sets(&self, classes: &Classes, words: usize) -> Vec<u64> {
        let bits = |rows: &[usize], set: &mut [u64]| rows.iter().for_each(|row| set[row / 64] |= 1 << (row % 64));
        let mut free = vec![0; words];
        bits(&self.free, &mut free);
        let mut all = Vec::new();
        for members in classes.members() {
            let begin = all.len();
            all.extend_from_slice(&free);
            members.for_each(|set| bits(&self.rows[set], &mut all[begin..]));
        }
        all
    }
}

/// Of what each row asks for.
pub(super) fn classes(asked: &[Option<&Arc<Addresses>>], words: usize) -> Result<AddressClasses, (usize, Overflow)> {
    let distinct = Distinct::of(asked);
    if distinct.sets.is_empty() {
        return Ok(AddressClasses {
            v4: Ranges4 { index_bits: 16, ..Ranges4::default() },
            ..AddressClasses::default()
        });
    }
    let mut classes = Classes::of_sets(distinct.sets.len());
    let v4: Vec<_> = distinct.sets.iter().map(|set| set.v4.as_slice()).collect();
    let v4 = classes.sweep(&v4).map_err(|overflow| distinct.blamed(overflow))?;
    let v6: Vec<_> = distinct.sets.iter().map(|set| set.v6.as_slice()).collect();
    let v6 = classes.sweep(&v6).map_err(|overflow| distinct.blamed(overflow))?;
    Ok(AddressClasses { used: true, v4: ranges4(&v4), v6: ranges6(&v6), sets: distinct.row_sets(&classes, words) })
}

/// Of where classes begin, in order, from 0 on.
fn ranges4(begins: &[(u32, u32)]) -> Ranges4 {
    let index_bits = (16..20).find(|bits| begins.len() <= ENTRIES_MEAN << bits).unwrap_or(20);
    if let [(0, 0)] = begins {
        return Ranges4 { index_bits, ..Ranges4::default() };
    }
    let lower_bits = 32 - u32::from(index_bits);
    let parts = 1_usize << index_bits;
    let mut index = Vec::with_capacity(parts + 1);
    let mut entries = Vec::with_capacity(parts + begins.len());
    let mut rest = begins.iter().peekable();
    let mut class = 0;
    for part in 0..parts as u32 {
        index.push(entries.len() as u32);
        let first = part << lower_bits;
        if rest.peek().is_none_or(|(begin, _)| *begin != first) {
            entries.push(class);
        }
        while let Some((begin, next)) = rest.next_if(|(begin, _)| begin >> lower_bits == part) {
            class = *next;
            entries.push((begin - first) << 16 | class);
        }
    }
    index.push(entries.len() as u32);
    Ranges4 { index_bits, index, entries }
}

/// Of where classes begin, in order, from 0 on.
fn ranges6(begins: &[(u128, u32)]) -> Ranges6 {
    if let [(0, 0)] = begins {
        return Ranges6::default();
    }
    let mut building = Building::default();
    let mut class = 0;
    for within in begins.chunk_by(|a, b| a.0 >> 64 == b.0 >> 64) {
        let upper = (within[0].0 >> 64) as u64;
        building.resume(upper, class);
        let before = class;
        class = within.last().map_or(class, |(_, class)| *class);
        if let [(begin, class)] = within
            && *begin as u64 == 0
        {
            building.push(upper, *class);
        } else {
            building.deeper(upper, before, within);
        }
    }
    building.finish(class)
}

/// IPv6's tables, upper half by upper half.
#[derive(Default)]
struct Building {
    ranges: Ranges6,
    /// The upper half after one whose lower half mattered: what holds there must be said again.
    resume_at: Option<u64>,
}

impl Building {
    const PART_BITS: u32 = 48;

    /// An upper half, all of one class from there on.
    fn push(&mut self, upper: u64, class: u32) {
        self.parts_to(upper);
        self.ranges.upper.push(upper);
        self.ranges.upper_class.push(class);
    }

    /// Begins the parts up to that of `upper`; what holds where one begins is said there.
    fn parts_to(&mut self, upper: u64) {
        let part = (upper >> Self::PART_BITS) as usize;
        while self.ranges.index.len() <= part {
            let begin = (self.ranges.index.len() as u64) << Self::PART_BITS;
            self.ranges.index.push(self.ranges.upper.len() as u32);
            if begin != upper {
                self.ranges.upper.push(begin);
                let class = self.ranges.upper_class.last().copied().unwrap_or(0);
                self.ranges.upper_class.push(class);
            }
        }
    }

    /// Says what holds after an upper half whose lower half mattered, if it is not the very next that is said now.
    fn resume(&mut self, upper: u64, class: u32) {
        if let Some(at) = self.resume_at.take()
            && at != upper
        {
            self.push(at, class);
        }
    }

    /// An upper half whose lower half matters: classes within it, and the one before it.
    fn deeper(&mut self, upper: u64, before: u32, within: &[(u128, u32)]) {
        let ranges = &mut self.ranges;
        let place = ranges.deeper.len() as u32;
        ranges.deeper.push(ranges.lower.len() as u32);
        if within[0].0 as u64 != 0 {
            ranges.lower.push(0);
            ranges.lower_class.push(before);
        }
        for (begin, class) in within {
            ranges.lower.push(*begin as u64);
            ranges.lower_class.push(*class);
        }
        self.push(upper, Ranges6::DEEPER | place);
        self.resume_at = upper.checked_add(1);
    }

    fn finish(mut self, class: u32) -> Ranges6 {
        if let Some(at) = self.resume_at.take() {
            self.push(at, class);
        }
        // The last part begins before the greatest upper half, which is pushed here only if it is where a part begins: never.
        self.parts_to(u64::MAX);
        self.ranges.index.push(self.ranges.upper.len() as u32);
        self.ranges.deeper.push(self.ranges.lower.len() as u32);
        self.ranges
    }
}
