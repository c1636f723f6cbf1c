//! The writer's upkeep: joins hours, reduces old flows, keeps age and bytes.

use crate::compact::Compaction;
use crate::hour::{HOUR_NS, Hour};
use crate::reduce::Level;
use crate::reduction::Reduction;
use crate::retain::{self, Yielding};
use crate::writer::{Maintenance, StoreWriter};
use crate::{Segment, StoreError, Table};
use netrig_model::Timestamp;

/// Rows that one call of [`StoreWriter::maintain`] decodes and encodes again at most: some 0.1 s of one core.
const MAINTAIN_ROWS_MAX: u64 = 100_000;

/// Files that one call removes at most to get below the high-water mark.
const EASE_FILES_MAX: usize = 1024;

impl StoreWriter {
    /// Retires what is too old or too much, reduces old flows where room runs short, and goes on with joining finished hours.
    /// Meant to be called after each window; the work of one call is bounded.
    ///
    /// # Errors
    /// When joining or reducing an hour fails. Nothing is lost then: its files stay, and it is tried again an hour later.
    pub fn maintain(&mut self, now: Timestamp) -> Result<Maintenance, StoreError> {
        let mut done = Maintenance::default();
        self.catalog.sweep();
        self.upkeep_at = now;
        // Not longer than an hour from now, whatever the clock said when they were.
        self.passed_over.retain(|(.., until)| *until > now && *until <= now.plus_ns(HOUR_NS));
        let may_judge_age = self.steady.may_judge_age(now);
        let retain = self.config.retain;
        let expired = if may_judge_age { self.catalog.retire(|s| retain::expired(s, now, retain)) } else { 0 };
        self.files_retired += expired;
        let before = self.files_retired;
        let reduced = self.reduce(now, may_judge_age);
        // One after the other: both at once would take room and memory twice.
        let joined = if self.reduction.is_some() { Ok(0) } else { self.join(now) };
        self.keep_budget();
        done.files_retired = expired + (self.files_retired - before);
        done.hours_reduced = u64::from(reduced?);
        done.files_joined = joined? as u64;
        done.unfinished = self.compaction.is_some() || self.reduction.is_some();
        Ok(done)
    }

    /// Bytes of windows that are being written.
    fn open_windows(&self) -> u64 {
        self.open_bytes.values().sum()
    }

    /// Bytes of files that are being made of others.
    fn making(&self) -> u64 {
        self.compaction.as_ref().map_or(0, Compaction::bytes_written)
            + self.reduction.as_ref().map_or(0, Reduction::bytes)
    }

    /// Bytes of files that are being written.
    pub(crate) fn reserved(&self) -> u64 {
        self.open_windows() + self.making()
    }

    fn limit_bytes(&self) -> u64 {
        retain::limit(self.config.budget_bytes, self.window_bytes)
    }

    /// Bytes of everything but open windows, for which the limit has room already.
    fn bytes(&self) -> u64 {
        self.catalog.bytes() + self.making()
    }

    /// Whether an hour has become coarser.
    fn reduce(&mut self, now: Timestamp, may_judge_age: bool) -> Result<bool, StoreError> {
        self.reduction.take_if(|r| !r.still_holds(&self.catalog));
        if self.reduction.is_none() && may_judge_age {
            self.reduce_aged(now)?;
        }
        if self.reduction.is_none() {
            self.ease(now)?;
        }
        let Some(mut reduction) = self.reduction.take() else { return Ok(false) };
        let (level, hour) = reduction.of();
        let go_on = || -> Result<Option<Segment>, StoreError> {
            if reduction.step(MAINTAIN_ROWS_MAX)? {
                self.reduction = Some(reduction);
                return Ok(None);
            }
            reduction.finish(&self.config.dir).map(Some)
        };
        match go_on() {
            Ok(None) => Ok(false),
            Ok(Some(segment)) => {
                self.catalog.add(segment);
                self.hours_reduced += 1;
                Ok(true)
            }
            Err(error) => Err(self.pass_over((level.table(), hour), now, "reduced", error)),
        }
    }

    /// Begins to reduce the oldest hour of detail, if all of it is older than wanted.
    fn reduce_aged(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(detail_retain) = self.detail_retain else { return Ok(()) };
        let Some(hour) = self.oldest_hour(Level::Minute) else { return Ok(()) };
        let all = |s: &&Segment| s.hour() == hour;
        if self.catalog.of(Table::Flows).filter(all).all(|s| retain::expired(s, now, detail_retain)) {
            self.begin_reduction(Level::Minute, hour, now)?;
        }
        Ok(())
    }

    /// Makes room before it is needed: reduces the oldest flows of the level that has most in proportion, or removes what cannot
    /// be reduced.
    fn ease(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..EASE_FILES_MAX {
            if self.bytes() <= retain::high_water(self.limit_bytes(), self.window_bytes) {
                break;
            }
            let Some((table, path)) =
                Yielding::of(self.catalog.live(), &self.latest).next().map(|s| (s.table, s.path.clone()))
            else {
                break;
            };
            let coarser = Level::ALL.into_iter().find(|level| level.finer() == table);
            if let Some((level, hour)) = coarser.and_then(|level| Some((level, self.oldest_hour(level)?)))
                && self.begin_reduction(level, hour, now)?
            {
                break;
            }
            self.files_retired += self.catalog.retire(|s| s.path == path);
        }
        Ok(())
    }

    /// The oldest hour of which there is something to make `level` of.
    fn oldest_hour(&self, level: Level) -> Option<Hour> {
        let passed_over = |hour| self.passed_over.iter().any(|(t, h, _)| (*t, *h) == (level.table(), hour));
        let newest = self.newest_detail();
        let finer = self.catalog.of(level.finer()).filter(|s| self.may_be_reduced(s, newest));
        finer.map(Segment::hour).filter(|hour| !passed_over(*hour)).min()
    }

    /// The rank of the file of detail that was written last, or is the newest.
    fn newest_detail(&self) -> Option<(bool, Timestamp)> {
        self.catalog.of(Table::Flows).map(|s| self.latest.rank(s)).max()
    }

    /// Everything but the newest window.
    fn may_be_reduced(&self, segment: &Segment, newest_detail: Option<(bool, Timestamp)>) -> bool {
        segment.table != Table::Flows || Some(self.latest.rank(segment)) != newest_detail
    }

    /// Whether it has begun: not without room for what it makes, beside what it makes it of.
    fn begin_reduction(&mut self, level: Level, hour: Hour, now: Timestamp) -> Result<bool, StoreError> {
        let newest = self.newest_detail();
        let room = self.limit_bytes().saturating_sub(self.bytes());
        let inputs = Reduction::inputs(&self.catalog, level, hour, room, |s| self.may_be_reduced(s, newest));
        if inputs.is_empty() {
            return Ok(false);
        }
        match Reduction::start(&self.config.dir, level, hour, inputs) {
            Ok(reduction) => {
                self.reduction = Some(reduction);
                Ok(true)
            }
            Err(error) => Err(self.pass_over((level.table(), hour), now, "reduced", error)),
        }
    }

    fn join(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        self.compaction.take_if(|c| !c.still_holds(&self.catalog));
        let compaction = match self.compaction.take() {
            Some(compaction) => compaction,
            None => {
                // The joined file stands beside its parts for a while; with less room than that they stay apart.
                let room = self.limit_bytes().saturating_sub(self.bytes());
                let bytes_max = room.min(self.config.budget_bytes / 2);
                let Some((table, hour)) = Compaction::candidate(&self.catalog, now, bytes_max, |t, h| {
                    self.passed_over.iter().any(|(table, hour, _)| (*table, *hour) == (t, h))
                }) else {
                    return Ok(0);
                };
                match Compaction::start(&self.config.dir, &self.catalog, table, hour) {
                    Ok(compaction) => compaction,
                    Err(error) => return Err(self.pass_over((table, hour), now, "joined", error)),
                }
            }
        };
        let hour = compaction.hour();
        self.join_on(compaction).map_err(|error| self.pass_over(hour, now, "joined", error))
    }

    fn join_on(&mut self, mut compaction: Compaction) -> Result<usize, StoreError> {
        if compaction.step(MAINTAIN_ROWS_MAX)? {
            self.compaction = Some(compaction);
            return Ok(0);
        }
        let (segment, files) = compaction.finish(&self.config.dir)?;
        self.catalog.add(segment);
        Ok(files)
    }

    fn pass_over(&mut self, (table, hour): (Table, Hour), now: Timestamp, what: &str, error: StoreError) -> StoreError {
        self.passed_over.push((table, hour, now.plus_ns(HOUR_NS)));
        self.detail = format!("the files of an hour are not {what} for now: {error}");
        error
    }

    /// At once, and as much as must: what is only in the making goes first, then files.
    pub(crate) fn keep_budget(&mut self) {
        let limit = self.limit_bytes().min(retain::limit_beside(self.config.budget_bytes, self.open_windows()));
        if self.bytes() <= limit {
            return;
        }
        // Unfinished, it has cost time only; but what gains too little is not begun again at once.
        if let Some((level, hour)) = self.reduction.take().map(|r| r.of()) {
            self.passed_over.push((level.table(), hour, self.upkeep_at.plus_ns(HOUR_NS)));
        }
        self.compaction = None;
        let go = retain::over_budget(self.catalog.live(), &self.latest, 0, limit);
        if !go.is_empty() {
            self.files_retired += self.catalog.retire(|s| go.contains(&s.path));
        }
        if self.bytes() + self.open_windows() > self.config.budget_bytes {
            self.say_over_budget();
        }
    }

    fn say_over_budget(&mut self) {
        let (bytes, budget) = (self.bytes() + self.open_windows(), self.config.budget_bytes);
        // The room is looked at many times while a window is written, and after.
        if self.newest_end > self.over_budget_end {
            self.over_budget_end = self.newest_end;
            self.windows_over_budget += 1;
        }
        let detail = format!(
            "the newest window alone takes {bytes} bytes, more than [store] budget = {budget} bytes: it is kept all the same, \
             and nothing else is; raise [store] budget, or shorten [rig] window"
        );
        if self.detail != detail {
            tracing::warn!(
                bytes,
                budget,
                "The newest window alone is larger than [store] budget; it is kept, and nothing else is."
            );
            self.detail = detail;
        }
    }
}
