//! What has to go: by age, and by bytes.

use crate::{Range, Segment, Table};
use netrig_model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// What flows' levels are to have of the room that flows take, in tenths: detail, minutes, hours. When there is not enough, the
/// level that has most in proportion gives way.
pub(crate) const LEVEL_SHARES: [u64; 3] = [5, 3, 2];

/// Room kept free at least, for what is written before it is known how much it will be.
const HEADROOM_BYTES_MIN: u64 = 1 << 20;

/// Whether all of a segment is older than `retain`.
pub(crate) fn expired(segment: &Segment, now: Timestamp, retain: Duration) -> bool {
    let retain_ns = i64::try_from(retain.as_nanos()).unwrap_or(i64::MAX);
    segment.range.end.plus_ns(retain_ns) < now
}

/// What files may take together, so that the next window finds room within the budget: `window_bytes` is what the largest took
/// lately.
pub(crate) fn limit(budget: u64, window_bytes: u64) -> u64 {
    budget - window_bytes.saturating_mul(2).max(HEADROOM_BYTES_MIN).min(budget / 4)
}

/// What files may take together while windows are open that take, or will take, `open_bytes`; with some room for the rows that
/// come next.
pub(crate) fn limit_beside(budget: u64, open_bytes: u64) -> u64 {
    budget.saturating_sub(open_bytes).saturating_sub((HEADROOM_BYTES_MIN / 2).min(budget / 8))
}

/// Beyond this older flows are reduced, so that they need not be removed: early enough that what they become finds room beside
/// them.
pub(crate) fn high_water(limit: u64, window_bytes: u64) -> u64 {
    limit - (window_bytes.saturating_mul(3) / 2).clamp(limit / 8, limit / 2)
}

/// What was written last of each table. A clock that was set back must not make that the oldest there is.
#[derive(Default)]
pub(crate) struct Latest {
    files: BTreeMap<Table, LatestFile>,
    /// The end of the window that was written last.
    window_end: Option<Timestamp>,
}

struct LatestFile {
    range: Range,
    /// The file may reach beyond it.
    window_end: Timestamp,
}

impl Latest {
    /// A window that ends there was written to this file.
    pub(crate) fn note(&mut self, segment: &Segment, window_end: Timestamp) {
        self.files.insert(segment.table, LatestFile { range: segment.range, window_end });
        self.window_end = Some(window_end);
    }

    /// The file of a table that has what was written last, also if that was joined meanwhile.
    fn has(&self, segment: &Segment) -> Option<&LatestFile> {
        self.files.get(&segment.table).filter(|latest| segment.range.contains(&latest.range))
    }

    /// What orders the files of a table: by age, but for the one that was written last.
    pub(crate) fn rank(&self, segment: &Segment) -> (bool, Timestamp) {
        (self.has(segment).is_some(), segment.range.end)
    }

    /// The end of the window whose rows came last into this file.
    fn end_of(&self, segment: &Segment) -> Timestamp {
        self.has(segment).map_or(segment.range.end, |latest| latest.window_end)
    }
}

/// The files that may have to give way, and in which order.
pub(crate) struct Yielding<'a> {
    /// By table, the oldest last. Without the newest of each.
    files: BTreeMap<Table, Vec<&'a Segment>>,
    /// Of each table, with the newest.
    bytes: BTreeMap<Table, u64>,
}

impl<'a> Yielding<'a> {
    /// Of these files all may go but the newest of each table.
    pub(crate) fn of(live: &'a [Segment], latest: &Latest) -> Self {
        let mut this = Self { files: BTreeMap::new(), bytes: BTreeMap::new() };
        for segment in live {
            this.files.entry(segment.table).or_default().push(segment);
            *this.bytes.entry(segment.table).or_default() += segment.bytes;
        }
        for files in this.files.values_mut() {
            files.sort_by_key(|s| std::cmp::Reverse((latest.rank(s), &s.path)));
            files.remove(0);
        }
        this
    }

    /// The file that goes next. Flows and all other tables share the room: which takes more gives way. Of flows it is the oldest
    /// of the level that has most in proportion to its share; of other tables the oldest of all.
    pub(crate) fn next(&self) -> Option<&'a Segment> {
        let flows = |table: &Table| table.level().is_some();
        let sum = |of_flows: bool| -> u64 {
            self.bytes.iter().filter(|(table, _)| flows(table) == of_flows).map(|(_, bytes)| bytes).sum()
        };
        let (of_flows, of_others) = (self.next_of_flows(), self.next_of_others());
        if sum(true) >= sum(false) { of_flows.or(of_others) } else { of_others.or(of_flows) }
    }

    fn next_of_flows(&self) -> Option<&'a Segment> {
        let weight = |table: &Table, share: u64| {
            self.bytes.get(table).map_or(0, |bytes| u128::from(*bytes) * u128::from(30 / share))
        };
        let levels = Table::FLOW_LEVELS.iter().zip(LEVEL_SHARES);
        let files = levels.filter_map(|(table, share)| Some((weight(table, share), *self.files.get(table)?.last()?)));
        files.max_by_key(|(weight, segment)| (*weight, std::cmp::Reverse(segment.table))).map(|(_, segment)| segment)
    }

    fn next_of_others(&self) -> Option<&'a Segment> {
        let others = self.files.iter().filter(|(table, _)| table.level().is_none());
        others.filter_map(|(_, files)| files.last().copied()).min_by_key(|s| (s.range.end, s.table))
    }

    fn remove(&mut self, segment: &Segment) {
        if let Some(files) = self.files.get_mut(&segment.table) {
            files.pop();
        }
        if let Some(bytes) = self.bytes.get_mut(&segment.table) {
            *bytes -= segment.bytes;
        }
    }
}

/// As many files as must go for the rest to fit in `limit` beside `reserved` bytes. The newest window stays, whatever it takes.
pub(crate) fn over_budget(live: &[Segment], latest: &Latest, reserved: u64, limit: u64) -> BTreeSet<PathBuf> {
    let mut bytes = live.iter().map(|s| s.bytes).sum::<u64>().saturating_add(reserved);
    let mut go = BTreeSet::new();
    let mut yielding = Yielding::of(live, latest);
    while bytes > limit {
        let Some(segment) = yielding.next() else { break };
        yielding.remove(segment);
        bytes -= segment.bytes;
        go.insert(segment.path.clone());
    }
    // What is left is the newest of each table. Some may be of long ago.
    let newest = latest.window_end.or_else(|| live.iter().map(|s| s.range.end).max());
    let mut rest: Vec<_> = live.iter().filter(|s| !go.contains(&s.path) && Some(latest.end_of(s)) != newest).collect();
    rest.sort_by_key(|s| s.range.end);
    for segment in rest {
        if bytes <= limit {
            break;
        }
        bytes -= segment.bytes;
        go.insert(segment.path.clone());
    }
    go
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(table: Table, end: i64, bytes: u64) -> Segment {
        let range = Range { start: Timestamp(end - 1), end: Timestamp(end) };
        Segment { table, range, path: PathBuf::from(format!("{table}-{end}")), bytes }
    }

    #[test]
    fn a_segment_expires_when_its_last_instant_does() {
        let s = segment(Table::Flows, 100, 1);
        assert!(!expired(&s, Timestamp(150), Duration::from_nanos(50)));
        assert!(expired(&s, Timestamp(151), Duration::from_nanos(50)));
        assert!(!expired(&s, Timestamp(i64::MAX), Duration::MAX));
    }

    #[test]
    fn room_is_kept_for_the_next_window_and_a_small_budget_is_not_all_headroom() {
        assert_eq!(limit(1 << 30, 1000), (1 << 30) - (1 << 20));
        assert_eq!(limit(1 << 30, 10 << 20), (1 << 30) - (20 << 20));
        assert_eq!(limit(400_000, 0), 300_000);
        assert_eq!((high_water(800, 9), high_water(800, 200), high_water(800, 900)), (700, 500, 400));
        assert_eq!((limit(0, 9), high_water(0, 9)), (0, 0));
    }

    #[test]
    fn the_side_and_the_level_with_most_in_proportion_give_way() {
        let next = |bytes: [u64; 4]| {
            let tables = [Table::Flows, Table::FlowsMinute, Table::FlowsHour, Table::Requests];
            let live: Vec<_> = tables
                .into_iter()
                .zip(bytes)
                .flat_map(|(table, bytes)| [segment(table, 10, bytes), segment(table, 20, 0)])
                .collect();
            Yielding::of(&live, &Latest::default()).next().map(|s| (s.table, s.range.end.0))
        };
        assert_eq!(next([60, 30, 20, 10]), Some((Table::Flows, 10)));
        assert_eq!(next([50, 31, 20, 10]), Some((Table::FlowsMinute, 10)));
        assert_eq!(next([50, 30, 21, 10]), Some((Table::FlowsHour, 10)));
        assert_eq!(next([60, 30, 20, 111]), Some((Table::Requests, 10)));
    }

    #[test]
    fn what_was_written_last_stays_although_its_clock_says_it_is_the_oldest() {
        let live = [segment(Table::Flows, 900, 5), segment(Table::Flows, 50, 5), segment(Table::Ledger, 900, 5), {
            // It reaches a little beyond another that held it.
            Segment { range: Range { start: Timestamp(40), end: Timestamp(51) }, ..segment(Table::Ledger, 50, 5) }
        }];
        let mut latest = Latest::default();
        latest.note(&live[1], Timestamp(50));
        latest.note(&live[3], Timestamp(50));
        let go = |limit| over_budget(&live, &latest, 0, limit).into_iter().collect::<Vec<_>>();
        assert_eq!(go(15), [live[0].path.clone()]);
        assert_eq!(go(0), [live[0].path.clone(), live[2].path.clone()]);
        assert_eq!(live.each_ref().map(|s| latest.rank(s).0), [false, true, false, true]);
    }

    proptest! {
        #[test]
        fn of_one_table_the_oldest_go_and_no_more_than_must(sizes in prop::collection::vec(1..100u64, 0..30), limit in 0..2000u64, reserved in 0..100u64) {
            let live: Vec<_> = (1..).zip(&sizes).map(|(i, b)| segment(Table::Flows, i, *b)).collect();
            let go = over_budget(&live, &Latest::default(), reserved, limit);
            let oldest: BTreeSet<_> = live.iter().take(go.len()).map(|s| s.path.clone()).collect();
            prop_assert_eq!(&go, &oldest);
            let left: u64 = live.iter().skip(go.len()).map(|s| s.bytes).sum();
            prop_assert!(left + reserved <= limit || go.len() + 1 >= live.len());
            if let Some(last) = go.len().checked_sub(1) {
                prop_assert!(left + live[last].bytes + reserved > limit);
            }
        }

        #[test]
        fn of_all_tables_what_goes_is_enough_and_the_newest_window_stays(
            files in prop::collection::vec((0..Table::ALL.len(), 1..50i64, 1..100u64), 1..40), limit in 0..2000u64,
        ) {
            let mut live: Vec<_> = files.iter().map(|(t, end, b)| segment(Table::ALL[*t], *end, *b)).collect();
            live.sort_by(|a, b| a.path.cmp(&b.path));
            live.dedup_by(|a, b| a.path == b.path);
            let go = over_budget(&live, &Latest::default(), 0, limit);
            let newest = live.iter().map(|s| s.range.end).max();
            let left: Vec<_> = live.iter().filter(|s| !go.contains(&s.path)).collect();
            prop_assert!(left.iter().any(|s| Some(s.range.end) == newest));
            prop_assert!(
                left.iter().map(|s| s.bytes).sum::<u64>() <= limit || left.iter().all(|s| Some(s.range.end) == newest)
            );
        }
    }
}
