//! The writer: appends windows, joins hours, keeps age and bytes, and never takes the rig down with it.

use crate::catalog::Catalog;
use crate::compact::{Compaction, Source};
use crate::hour::{HOUR_NS, Hour};
use crate::lock::WriterLock;
use crate::record::Record;
use crate::window_file::WindowFile;
use crate::{Range, Segment, StoreError, Table, retain};
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    RequestRecord, StoreStatus, Timestamp,
};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Rows that one call of [`StoreWriter::maintain`] decodes and encodes again at most: some 0.1 s of one core.
const MAINTAIN_ROWS_MAX: u64 = 100_000;

/// Where the store lies and what it may hold.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Its folder; made if it is missing.
    pub dir: PathBuf,
    /// Segments whose last window ended longer ago than this are removed.
    pub retain: Duration,
    /// Bytes on disk; beyond it the oldest segments go.
    pub budget_bytes: u64,
}

/// What one call of [`StoreWriter::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Files that were joined into one.
    pub files_joined: u64,
    /// Files removed for age or budget.
    pub files_retired: u64,
    /// An hour is being joined: the next call goes on with it.
    pub unfinished: bool,
}

/// The one writer of a store. Dropping it lets go of the lock.
pub struct StoreWriter {
    config: StoreConfig,
    catalog: Catalog,
    compaction: Option<Compaction>,
    /// Hours that could not be joined, and when to try again.
    passed_over: Vec<(Table, Hour, Timestamp)>,
    writing: bool,
    detail: String,
    rows_written: u64,
    rows_lost: u64,
    files_retired: u64,
    _lock: WriterLock,
}

impl StoreWriter {
    /// Makes the folder if need be, takes its lock, and clears away what a killed writer left.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or another process writes to it (which is named).
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        fs::create_dir_all(&config.dir).map_err(|e| StoreError::io("create", &config.dir, e))?;
        let lock = WriterLock::acquire(&config.dir)?;
        Ok(Self {
            catalog: Catalog::open(&config.dir)?,
            config,
            compaction: None,
            passed_over: Vec::new(),
            writing: true,
            detail: String::new(),
            rows_written: 0,
            rows_lost: 0,
            files_retired: 0,
            _lock: lock,
        })
    }

    /// Stores the flow records of a window: all of them, on disk when this returns, or none.
    ///
    /// # Errors
    /// When they cannot be written. They count as lost then, the status says why, and the next window is tried afresh.
    pub fn append_flows(&mut self, window: (Timestamp, Timestamp), rows: &[FlowRecord]) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for the ledger.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_ledger(&mut self, window: (Timestamp, Timestamp), rows: &[LedgerRecord]) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for connections.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_connections(
        &mut self,
        window: (Timestamp, Timestamp),
        rows: &[ConnectionRecord],
    ) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for latency.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_latency(&mut self, window: (Timestamp, Timestamp), rows: &[LatencyRecord]) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for drops.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_drops(&mut self, window: (Timestamp, Timestamp), rows: &[DropRecord]) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for bursts.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_bursts(&mut self, window: (Timestamp, Timestamp), rows: &[BurstRecord]) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for requests.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_requests(
        &mut self,
        window: (Timestamp, Timestamp),
        rows: &[RequestRecord],
    ) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// The same for packets that policies' rules matched.
    ///
    /// # Errors
    /// As for flows.
    pub fn append_policy_events(
        &mut self,
        window: (Timestamp, Timestamp),
        rows: &[PolicyEventRecord],
    ) -> Result<(), StoreError> {
        self.append(window, rows)
    }

    /// A file for a window whose rows are not in memory at once. Several may be under way, also while [`Self::maintain`]
    /// and the other methods are called.
    pub fn begin<R: Record>(&self, window: (Timestamp, Timestamp)) -> WindowFile<R> {
        WindowFile::new(self.config.dir.clone(), Range { start: window.0, end: window.1 })
    }

    /// Stores what was pushed: all of it on disk when this returns, or none. Without rows there is no file.
    ///
    /// # Errors
    /// As for [`Self::append_flows`]; all rows pushed are counted as lost then, also those that came after the failure.
    pub fn finish<R: Record>(&mut self, file: WindowFile<R>) -> Result<(), StoreError> {
        let rows = file.rows;
        match self.write(file).transpose() {
            Some(written) => self.settle(written, rows),
            None => Ok(()),
        }
    }

    /// Other limits of age and bytes; what is beyond them goes at the next upkeep.
    pub fn limit(&mut self, retain: Duration, budget_bytes: u64) {
        self.config.retain = retain;
        self.config.budget_bytes = budget_bytes;
    }

    /// Counts rows that never reached the store, because whoever hands them over had to give them up.
    pub fn count_lost(&mut self, rows: u64, reason: &str) {
        self.rows_lost += rows;
        self.detail = format!("{rows} rows given up before they reached the store: {reason}");
    }

    /// Retires what is too old or too much, and goes on with joining finished hours. Meant to be called after each window;
    /// the work of one call is bounded.
    ///
    /// # Errors
    /// When joining an hour fails. Nothing is lost then: its window files stay, and it is tried again an hour later.
    pub fn maintain(&mut self, now: Timestamp) -> Result<Maintenance, StoreError> {
        let mut done = Maintenance::default();
        self.catalog.sweep();
        let retain = self.config.retain;
        done.files_retired = self.catalog.retire(|s| retain::expired(s, now, retain));
        self.files_retired += done.files_retired;
        let joined = self.join(now);
        done.files_retired += self.keep_budget();
        done.files_joined = joined? as u64;
        done.unfinished = self.compaction.is_some();
        Ok(done)
    }

    /// How the store fares.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        StoreStatus {
            dir: self.config.dir.display().to_string(),
            writing: self.writing,
            detail: self.detail.clone(),
            bytes: self.catalog.bytes() + self.compaction.as_ref().map_or(0, Compaction::bytes_written),
            files: self.catalog.files(),
            rows_written: self.rows_written,
            rows_lost: self.rows_lost,
            files_retired: self.files_retired,
        }
    }

    fn append<R: Record>(&mut self, window: (Timestamp, Timestamp), rows: &[R]) -> Result<(), StoreError> {
        let mut file = self.begin(window);
        file.push(rows);
        self.finish(file)
    }

    /// What a write came to, for the status.
    fn settle(&mut self, written: Result<Segment, StoreError>, rows: u64) -> Result<(), StoreError> {
        match written {
            Ok(segment) => {
                self.catalog.add(segment);
                self.rows_written += rows;
                if !self.writing {
                    self.writing = true;
                    self.detail = format!("writing again; {} rows were lost in all", self.rows_lost);
                    tracing::info!(rows_lost = self.rows_lost, "the store takes records again");
                }
                self.keep_budget();
                Ok(())
            }
            Err(error) => {
                self.rows_lost += rows;
                if self.writing {
                    tracing::warn!(%error, "the store has stopped; the rig goes on without it");
                }
                self.writing = false;
                self.detail = error.to_string();
                Err(error)
            }
        }
    }

    /// One window into one file; none without rows. A range that others of the table hold, or that holds others, needs
    /// care, because readers pass over a file whose range lies within another's: that is how a clock set back, or a window
    /// begun before a restart, shows.
    fn write<R: Record>(&self, file: WindowFile<R>) -> Result<Option<Segment>, StoreError> {
        let mut range = file.range;
        let Some((draft, mut encoder)) = file.into_written()? else { return Ok(None) };
        // Held by others: reach a little further than they do. A range may be wider than its rows.
        while let Some(end) = self.reach_around(R::TABLE, range) {
            range.end = end;
        }
        // Holding others: take their rows along, for they will not be read any more.
        for held in self.catalog.of(R::TABLE).filter(|s| range.contains(&s.range)) {
            let mut source = Source::open(R::TABLE, held.path.clone())?;
            while source.feed(&mut encoder, draft.path())?.is_some() {}
        }
        let done = encoder.finish().map_err(|e| StoreError::writing(R::TABLE.name(), draft.path(), e))?;
        let path = Segment::path_of(&self.config.dir, R::TABLE, range);
        let bytes = draft.publish(&done, &path)?;
        Ok(Some(Segment { table: R::TABLE, range, path, bytes }))
    }

    /// An end just beyond that of every segment that holds `range`, if there is one.
    fn reach_around(&self, table: Table, range: Range) -> Option<Timestamp> {
        let holders = self.catalog.of(table).filter(|s| s.range.contains(&range));
        let end = holders.map(|s| s.range.end.plus_ns(1)).max()?;
        (end > range.end).then_some(end)
    }

    fn join(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        self.passed_over.retain(|(.., until)| *until > now);
        self.compaction.take_if(|c| !c.still_holds(&self.catalog));
        let compaction = match self.compaction.take() {
            Some(compaction) => compaction,
            None => {
                // The joined file stands beside its parts for a while; with less room than that they stay apart.
                let bytes_max = self.config.budget_bytes / 2;
                let Some((table, hour)) = Compaction::candidate(&self.catalog, now, bytes_max, |t, h| {
                    self.passed_over.iter().any(|(table, hour, _)| (*table, *hour) == (t, h))
                }) else {
                    return Ok(0);
                };
                match Compaction::start(&self.config.dir, &self.catalog, table, hour) {
                    Ok(compaction) => compaction,
                    Err(error) => return Err(self.pass_over((table, hour), now, error)),
                }
            }
        };
        let hour = compaction.hour();
        self.join_on(compaction).map_err(|error| self.pass_over(hour, now, error))
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

    fn pass_over(&mut self, (table, hour): (Table, Hour), now: Timestamp, error: StoreError) -> StoreError {
        self.passed_over.push((table, hour, now.plus_ns(HOUR_NS)));
        self.detail = format!("the files of an hour stay apart for now: {error}");
        error
    }

    fn keep_budget(&mut self) -> u64 {
        let reserved = self.compaction.as_ref().map_or(0, Compaction::bytes_written);
        let go = retain::over_budget(self.catalog.live(), reserved, self.config.budget_bytes);
        if go.is_empty() {
            return 0;
        }
        let retired = self.catalog.retire(|s| go.contains(&s.path));
        self.files_retired += retired;
        retired
    }
}
