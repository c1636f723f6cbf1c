//! The writer: appends windows, joins hours, keeps age and bytes, and never takes the rig down with it.

use crate::catalog::Catalog;
use crate::compact::{Compaction, Source};
use crate::hour::Hour;
use crate::lock::WriterLock;
use crate::record::Record;
use crate::reduction::Reduction;
use crate::retain::Latest;
use crate::steady::Steady;
use crate::window_file::WindowFile;
use crate::{Range, Segment, StoreError, Table};
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    RequestRecord, StoreStatus, Timestamp,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Where the store lies and what it may hold.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Its folder; made if it is missing.
    pub dir: PathBuf,
    /// Segments whose last window ended longer ago than this are removed.
    pub retain: Duration,
    /// Bytes on disk, of all files together and those being written. Before it is reached the oldest flows are reduced and the
    /// oldest segments of other tables go.
    pub budget_bytes: u64,
}

/// What one call of [`StoreWriter::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Files that were joined into one.
    pub files_joined: u64,
    /// Files removed for age or budget.
    pub files_retired: u64,
    /// Hours of flows that were made the next coarser level.
    pub hours_reduced: u64,
    /// An hour is being joined or reduced: the next call goes on with it.
    pub unfinished: bool,
}

/// The one writer of a store. Dropping it lets go of the lock.
pub struct StoreWriter {
    pub(crate) config: StoreConfig,
    /// Detail of flows that is older than this is reduced to minutes, even where there is room.
    pub(crate) detail_retain: Option<Duration>,
    pub(crate) catalog: Catalog,
    pub(crate) compaction: Option<Compaction>,
    pub(crate) reduction: Option<Reduction>,
    /// Hours that could not be joined, or reduced to that table, and when to try again.
    pub(crate) passed_over: Vec<(Table, Hour, Timestamp)>,
    /// When the upkeep was done last.
    pub(crate) upkeep_at: Timestamp,
    /// Whether that time may be relied on.
    pub(crate) steady: Steady,
    /// What was written last.
    pub(crate) latest: Latest,
    /// What windows that are being written take, or will.
    pub(crate) open_bytes: BTreeMap<Table, u64>,
    /// What the largest window took lately.
    pub(crate) window_bytes: u64,
    writing: bool,
    pub(crate) detail: String,
    rows_written: u64,
    rows_lost: u64,
    pub(crate) files_retired: u64,
    pub(crate) hours_reduced: u64,
    pub(crate) windows_over_budget: u64,
    /// The end of the newest window that is being written, or was; and of the newest that was counted as over the budget.
    pub(crate) newest_end: Timestamp,
    pub(crate) over_budget_end: Timestamp,
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
        let catalog = Catalog::open(&config.dir)?;
        Ok(Self {
            steady: Steady::new(catalog.live().iter().map(|s| s.range.end).max()),
            latest: Latest::default(),
            catalog,
            config,
            detail_retain: None,
            compaction: None,
            reduction: None,
            passed_over: Vec::new(),
            upkeep_at: Timestamp(0),
            open_bytes: BTreeMap::new(),
            window_bytes: 0,
            writing: true,
            detail: String::new(),
            rows_written: 0,
            rows_lost: 0,
            files_retired: 0,
            hours_reduced: 0,
            windows_over_budget: 0,
            newest_end: Timestamp(0),
            over_budget_end: Timestamp(0),
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
        // By a clock that was set back a window may end before it began; a file of such a name would be nobody's.
        let range = Range { start: window.0.min(window.1), end: window.0.max(window.1) };
        WindowFile::new(self.config.dir.clone(), range)
    }

    /// Stores what was pushed: all of it on disk when this returns, or none. Without rows there is no file.
    ///
    /// # Errors
    /// As for [`Self::append_flows`]; all rows pushed are counted as lost then, also those that came after the failure.
    pub fn finish<R: Record>(&mut self, file: WindowFile<R>) -> Result<(), StoreError> {
        let (rows, window_end) = (file.rows, file.range.end);
        self.open_bytes.remove(&R::TABLE);
        match self.write(file).transpose() {
            Some(written) => self.settle(written, window_end, rows),
            None => Ok(()),
        }
    }

    /// Takes note of what an open window takes, and makes room for it. To be called as rows are pushed.
    pub fn make_room<R: Record>(&mut self, file: &WindowFile<R>) {
        self.open_bytes.insert(R::TABLE, file.bytes());
        self.newest_end = self.newest_end.max(file.range.end);
        self.keep_budget();
    }

    /// From this age on, detail of flows is reduced to minutes even where there is room for it; none: only for room.
    pub fn keep_detail(&mut self, detail_retain: Option<Duration>) {
        self.detail_retain = detail_retain;
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

    /// How the store fares.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        StoreStatus {
            dir: self.config.dir.display().to_string(),
            writing: self.writing,
            detail: self.detail.clone(),
            bytes: self.catalog.bytes() + self.reserved(),
            files: self.catalog.files(),
            rows_written: self.rows_written,
            rows_lost: self.rows_lost,
            files_retired: self.files_retired,
            hours_reduced: self.hours_reduced,
            windows_over_budget: self.windows_over_budget,
        }
    }

    fn append<R: Record>(&mut self, window: (Timestamp, Timestamp), rows: &[R]) -> Result<(), StoreError> {
        let mut file = self.begin(window);
        file.push(rows);
        self.make_room(&file);
        self.finish(file)
    }

    /// What a write came to, for the status.
    fn settle(
        &mut self,
        written: Result<Segment, StoreError>,
        window_end: Timestamp,
        rows: u64,
    ) -> Result<(), StoreError> {
        match written {
            Ok(segment) => {
                // The largest of late is forgotten slowly, so that one small window makes nobody careless.
                self.window_bytes = segment.bytes.max(self.window_bytes - self.window_bytes / 16);
                self.latest.note(&segment, window_end);
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
        let holders = self.catalog.live().iter().filter(|s| s.table.stands_for(table) && s.range.contains(&range));
        let end = holders.map(|s| s.range.end.plus_ns(1)).max()?;
        (end > range.end).then_some(end)
    }
}
