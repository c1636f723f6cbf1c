//! Making an hour of flows the next coarser level, a little at a time.

use crate::catalog::Catalog;
use crate::encode::Encoder;
use crate::hour::Hour;
use crate::publish::Draft;
use crate::reduce::{Census, Fold, Level};
use crate::rows::Rows;
use crate::{Range, Segment, StoreError};
use netrig_model::Timestamp;
use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;

/// Rows in memory at most; more are written out, and what comes for them later has rows of its own. Some 16 MiB.
const GROUPS_MAX: usize = 40_960;

/// The part of its bytes that finer files come down to at worst, for all that is known before.
const GAIN: u64 = 2;

/// What opening a file costs, in rows: some 2 ms.
const FILE_COST_ROWS: u64 = 2_000;

/// The files of one hour on their way to the next coarser level. Dropped early, it leaves nothing behind.
pub(crate) struct Reduction {
    level: Level,
    hour: Hour,
    range: Range,
    inputs: Vec<Segment>,
    waiting: VecDeque<Segment>,
    current: Option<Rows>,
    /// Of hours, all rows are looked at twice: first for which flows are the largest.
    census: Option<Census>,
    fold: Fold,
    encoder: Encoder<File>,
    draft: Draft,
}

impl Reduction {
    /// What would be made one file: the oldest of the finer level's files of an hour for which `wanted` holds, as many as find
    /// room for what they become; what there is at `level` of that hour already, if there is room for that too; and whatever
    /// lies within what they cover together. Empty where there is nothing to reduce, or no room.
    pub(crate) fn inputs(
        catalog: &Catalog,
        level: Level,
        hour: Hour,
        room: u64,
        wanted: impl Fn(&Segment) -> bool,
    ) -> Vec<Segment> {
        let finer = |s: &&Segment| s.table == level.finer() && s.hour() == hour && wanted(s);
        let mut finer: Vec<_> = catalog.live().iter().filter(finer).cloned().collect();
        finer.sort_by_key(|s| s.range);
        let there: Vec<_> = catalog.of(level.table()).filter(|s| s.hour() == hour).cloned().collect();
        let beside = |bytes: u64| {
            let mut left = room.saturating_sub(bytes);
            finer.iter().take_while(move |s| {
                let fits = s.bytes / GAIN <= left;
                left = left.saturating_sub(s.bytes / GAIN);
                fits
            })
        };
        let all = there.iter().cloned().chain(beside(there.iter().map(|s| s.bytes).sum()).cloned()).collect();
        let choices = [all, beside(0).cloned().collect()];
        let choices = choices.into_iter().map(|some: Vec<_>| with_what_they_hold(catalog, level, some));
        let bytes = |some: &[Segment]| -> u64 {
            some.iter().map(|s| if s.table == level.table() { s.bytes } else { s.bytes / GAIN }).sum()
        };
        let makes_less = |some: &[Segment]| some.iter().any(|s| s.table == level.finer());
        choices.into_iter().find(|some| makes_less(some) && bytes(some) <= room).unwrap_or_default()
    }

    pub(crate) fn start(dir: &Path, level: Level, hour: Hour, inputs: Vec<Segment>) -> Result<Self, StoreError> {
        let range = covered(&inputs);
        let table = level.table();
        let (draft, file) = Draft::create(&Segment::path_of(dir, table, range))?;
        let encoder = Encoder::new(table, file).map_err(|e| StoreError::writing(table.name(), draft.path(), e))?;
        Ok(Self {
            level,
            hour,
            range,
            waiting: inputs.iter().cloned().collect(),
            inputs,
            current: None,
            census: (level == Level::Hour).then(Census::default),
            fold: Fold::new(level, range),
            encoder,
            draft,
        })
    }

    /// Works on about this many rows; false once all are in.
    pub(crate) fn step(&mut self, mut rows: u64) -> Result<bool, StoreError> {
        while rows > 0 {
            let Some(current) = &mut self.current else {
                match self.waiting.pop_front() {
                    Some(segment) => self.current = Some(Rows::open(&segment)?),
                    None if self.looked_once() => {}
                    None => return self.write_out().map(|()| false),
                }
                rows = rows.saturating_sub(FILE_COST_ROWS);
                continue;
            };
            let (fold, census) = (&mut self.fold, &mut self.census);
            let read = current.next(&mut |row| match census {
                Some(census) => census.count(&row),
                None => fold.add(&row),
            })?;
            match read {
                Some(read) => rows = rows.saturating_sub(read),
                None => self.current = None,
            }
            if self.fold.len() > GROUPS_MAX {
                self.write_out()?;
            }
        }
        Ok(true)
    }

    /// Whether that was the first look of two; the second begins.
    fn looked_once(&mut self) -> bool {
        let Some(census) = self.census.take() else { return false };
        self.fold.keep_whole(&census);
        self.waiting = self.inputs.iter().cloned().collect();
        true
    }

    fn write_out(&mut self) -> Result<(), StoreError> {
        let rows = self.fold.take_rows();
        let written = self.encoder.write_rows(&rows);
        written.map_err(|e| StoreError::writing(self.level.table().name(), self.draft.path(), e))
    }

    /// Whether the account is still as it was when this began: every input counts, and the outcome would hide nothing else.
    pub(crate) fn still_holds(&self, catalog: &Catalog) -> bool {
        let counts = |input: &Segment| catalog.live().contains(input);
        self.inputs.iter().all(counts)
            && catalog.held_by(self.level.table(), self.range).all(|s| self.inputs.contains(s))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.encoder.bytes_ahead()
    }

    pub(crate) fn of(&self) -> (Level, Hour) {
        (self.level, self.hour)
    }

    /// Publishes the coarser file: from its rename on it counts and its inputs do not.
    pub(crate) fn finish(self, dir: &Path) -> Result<Segment, StoreError> {
        let table = self.level.table();
        let failed = |e| StoreError::writing(table.name(), self.draft.path(), e);
        let file = self.encoder.finish().map_err(failed)?;
        let path = Segment::path_of(dir, table, self.range);
        let bytes = self.draft.publish(&file, &path)?;
        Ok(Segment { table, range: self.range, path, bytes })
    }
}

/// These and all others that a file of `level` that covers them would take the place of.
fn with_what_they_hold(catalog: &Catalog, level: Level, mut some: Vec<Segment>) -> Vec<Segment> {
    loop {
        let more: Vec<_> =
            catalog.held_by(level.table(), covered(&some)).filter(|s| !some.contains(s)).cloned().collect();
        if more.is_empty() {
            some.sort_by_key(|s| s.range);
            return some;
        }
        some.extend(more);
    }
}

fn covered(inputs: &[Segment]) -> Range {
    let none = Range { start: Timestamp(i64::MAX), end: Timestamp(i64::MIN) };
    inputs.iter().fold(none, |all, s| all.union(&s.range))
}
