//! Segments: files whose names say what time they cover.

use crate::Table;
use crate::hour::Hour;
use netrig_model::Timestamp;
use std::path::{Path, PathBuf};

/// A stretch of time: from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Range {
    /// Whether all of `other` lies within.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether anything of it lies at or after `since` and before `until`.
    #[must_use]
    pub fn overlaps(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        since.is_none_or(|t| self.end > t) && until.is_none_or(|t| self.start < t)
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One file of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which table.
    pub table: Table,
    /// Holds the windows of all its rows; may be a little wider.
    pub range: Range,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

impl Segment {
    /// Where the segment of this table and range belongs.
    pub(crate) fn path_of(dir: &Path, table: Table, range: Range) -> PathBuf {
        let name = format!("{table}-{}-{}.parquet", range.start.0, range.end.0);
        dir.join(table.name()).join(Hour::of(range.start).folder()).join(name)
    }

    /// The range a file name tells; `None` for names this store did not give, which it leaves alone.
    pub(crate) fn range_of(table: Table, file_name: &str) -> Option<Range> {
        let text = file_name.strip_prefix(table.name())?.strip_prefix('-')?.strip_suffix(".parquet")?;
        // Either number may carry a minus sign of its own, so the dash between them is the first one after a digit.
        let dash = text.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
        let range =
            Range { start: Timestamp(text[..dash].parse().ok()?), end: Timestamp(text[dash + 1..].parse().ok()?) };
        (range.start <= range.end).then_some(range)
    }

    pub(crate) fn hour(&self) -> Hour {
        Hour::of(self.range.start)
    }
}

/// Splits segments into those that count and those whose range lies within that of another of the same table, or of a coarser
/// level of flows. Order is by start on return.
pub(crate) fn split_superseded(mut segments: Vec<Segment>) -> (Vec<Segment>, Vec<Segment>) {
    // By start, the longer first, of equals the coarser: whatever could hold a segment comes before it, and of those of a table
    // only the one that reaches furthest matters.
    segments.sort_by_key(|s| (s.range.start, std::cmp::Reverse((s.range.end, s.table.level()))));
    let mut reaches = Vec::<(Table, Timestamp)>::new();
    segments.into_iter().partition(|s| {
        let counts = !reaches.iter().any(|(table, end)| *end >= s.range.end && table.stands_for(s.table));
        match reaches.iter_mut().find(|(table, _)| *table == s.table) {
            Some((_, end)) => *end = s.range.end.max(*end),
            None => reaches.push((s.table, s.range.end)),
        }
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(start: i64, end: i64) -> Segment {
        let range = Range { start: Timestamp(start), end: Timestamp(end) };
        Segment { table: Table::Flows, range, path: Segment::path_of(Path::new("/s"), Table::Flows, range), bytes: 1 }
    }

    #[test]
    fn a_segment_lies_in_its_hour_under_its_range() {
        let path = segment(1_700_000_000_000_000_000, 1_700_000_010_000_000_000).path;
        let want = "/s/flows/date=2023-11-14/hour=22/flows-1700000000000000000-1700000010000000000.parquet";
        assert_eq!(path, Path::new(want));
    }

    #[test]
    fn foreign_names_are_no_segments() {
        for name in
            ["flows-1.parquet", "flows-2-1.parquet", "ledger-1-2.parquet", "flows-1-2.parquet.tmp", "flows-a-b.parquet"]
        {
            assert_eq!(Segment::range_of(Table::Flows, name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_gives_its_range_back(a: i64, b: i64) {
            let want = Range { start: Timestamp(a.min(b)), end: Timestamp(a.max(b)) };
            let path = Segment::path_of(Path::new("/s"), Table::Ledger, want);
            let name = path.file_name().expect("name").to_str().expect("utf-8");
            prop_assert_eq!(Segment::range_of(Table::Ledger, name), Some(want));
        }

        #[test]
        fn what_counts_is_what_no_other_holds(pairs in prop::collection::btree_set((0..30i64, 0..30i64), 0..20)) {
            let all: Vec<_> = pairs.iter().filter(|(a, b)| a < b).map(|(a, b)| segment(*a, *b)).collect();
            let (live, superseded) = split_superseded(all.clone());
            prop_assert_eq!(live.len() + superseded.len(), all.len());
            for s in &live {
                prop_assert!(!all.iter().any(|o| o != s && o.range.contains(&s.range)));
            }
            for s in &superseded {
                prop_assert!(live.iter().any(|o| o.range.contains(&s.range)));
            }
        }

        #[test]
        fn coarser_levels_stand_for_finer_ones_and_never_the_other_way(
            all in prop::collection::btree_set((0..12i64, 0..12i64, 0..4usize), 0..20)
        ) {
            let tables = [Table::Flows, Table::FlowsMinute, Table::FlowsHour, Table::Ledger];
            let of = |(a, b, t): &(i64, i64, usize)| Segment { table: tables[*t], ..segment(*a, *b) };
            let all: Vec<_> = all.iter().filter(|(a, b, _)| a < b).map(of).collect();
            let holds = |o: &Segment, s: &Segment| o.table.stands_for(s.table) && o.range.contains(&s.range);
            let (live, superseded) = split_superseded(all.clone());
            prop_assert_eq!(live.len() + superseded.len(), all.len());
            for s in &live {
                prop_assert!(!all.iter().any(|o| (o.table, o.range) != (s.table, s.range) && holds(o, s)));
            }
            for s in &superseded {
                prop_assert!(live.iter().any(|o| holds(o, s)));
            }
        }
    }
}
