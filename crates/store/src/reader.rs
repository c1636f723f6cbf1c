//! Reading the store, without a lock and without the rig.

use crate::record::Record;
use crate::reduce::Level;
use crate::segment::split_superseded;
use crate::{Range, Segment, StoreError, Table, catalog};
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    ReducedFlowRecord, RequestRecord, Timestamp,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A reader may meet the writer tidying up this many times in a row before it gives in.
const ATTEMPTS_MAX: usize = 16;

/// A row of flows at the level at which it is told.
#[derive(Clone, Debug, PartialEq)]
pub enum LeveledFlow {
    /// A record as it was made.
    Detail(FlowRecord),
    /// What is kept of several.
    Reduced(Level, ReducedFlowRecord),
}

/// A store to read from.
#[derive(Clone, Debug)]
pub struct StoreReader {
    dir: PathBuf,
}

impl StoreReader {
    /// Opens the store in `dir`. An empty one is fine; one that does not exist is not.
    ///
    /// # Errors
    /// When there is no such folder, or it cannot be read.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        match std::fs::read_dir(&dir) {
            Ok(_) => Ok(Self { dir }),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(StoreError::Missing { dir }),
            Err(e) => Err(StoreError::io("list", &dir, e)),
        }
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The segments that count and hold anything at or after `since` and before `until`, oldest first.
    ///
    /// # Errors
    /// When a folder of the store cannot be listed.
    pub fn segments(
        &self,
        table: Table,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<Segment>, StoreError> {
        // A listing is no snapshot: while it runs, an hour's files may give way to one that it has passed already. The
        // one is there before the first of the others goes, so two equal listings in a row have missed nothing.
        self.segments_of(&[table], since, until)
    }

    /// The same of several tables at one time: what is told at one level of flows is told at no other.
    ///
    /// # Errors
    /// As there.
    pub fn segments_of(
        &self,
        tables: &[Table],
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<Segment>, StoreError> {
        let mut found = self.list(tables)?;
        for _ in 0..ATTEMPTS_MAX {
            let again = self.list(tables)?;
            if again == found {
                break;
            }
            found = again;
        }
        let (mut live, _) = split_superseded(found);
        live.retain(|s| tables.contains(&s.table) && s.range.overlaps(since, until));
        Ok(live)
    }

    /// All files of these tables, and of those whose files may take their place.
    fn list(&self, tables: &[Table]) -> Result<Vec<Segment>, StoreError> {
        let families: BTreeSet<_> = tables.iter().flat_map(|table| table.family()).collect();
        let mut all = Vec::new();
        for table in families {
            all.extend(catalog::scan(&self.dir, *table)?.segments);
        }
        Ok(all)
    }

    /// The same, opened: what the writer joins or retires from now on stays readable.
    ///
    /// # Errors
    /// When a folder cannot be listed or a file cannot be opened.
    pub fn open_segments(
        &self,
        table: Table,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<(Segment, File)>, StoreError> {
        self.open_segments_of(&[table], since, until)
    }

    /// The same of several tables at one time, as [`Self::segments_of`].
    ///
    /// # Errors
    /// As there.
    pub fn open_segments_of(
        &self,
        tables: &[Table],
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<(Segment, File)>, StoreError> {
        let mut attempts_left = ATTEMPTS_MAX;
        loop {
            let open = |s: Segment| match File::open(&s.path) {
                Ok(file) => Ok((s, file)),
                Err(e) => Err((s.path, e)),
            };
            match self.segments_of(tables, since, until)?.into_iter().map(open).collect::<Result<Vec<_>, _>>() {
                Ok(opened) => return Ok(opened),
                Err((_, e)) if e.kind() == ErrorKind::NotFound && attempts_left > 0 => attempts_left -= 1,
                Err((path, e)) => return Err(StoreError::io("open", &path, e)),
            }
        }
    }

    /// The paths of [`Self::segments`].
    ///
    /// # Errors
    /// As there.
    pub fn files(
        &self,
        table: Table,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<PathBuf>, StoreError> {
        Ok(self.segments(table, since, until)?.into_iter().map(|s| s.path).collect())
    }

    /// Gives every flow record whose window reaches past `since` and starts before `until`, oldest segment first.
    ///
    /// With a running rig's `x-netrig-stored-before` as `until`, this and what the rig sends are all records, each once.
    ///
    /// # Errors
    /// When a segment cannot be opened or read.
    pub fn flows(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(FlowRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// Gives the flows of all levels, each stretch of time at the one level at which it is told, oldest segment first.
    ///
    /// # Errors
    /// As for flows.
    pub fn flows_of_all_levels(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(LeveledFlow),
    ) -> Result<(), StoreError> {
        let within = |start, end| since.is_none_or(|t| end > t) && until.is_none_or(|t| start < t);
        for (segment, file) in self.open_segments_of(&Table::FLOW_LEVELS, since, until)? {
            match Level::of(segment.table) {
                None => read(&segment.path, file, &mut |flow: FlowRecord| {
                    if within(flow.window_start, flow.window_end) {
                        sink(LeveledFlow::Detail(flow));
                    }
                })?,
                Some(level) => read(&segment.path, file, &mut |row: ReducedFlowRecord| {
                    if within(row.window_start, row.window_end) {
                        sink(LeveledFlow::Reduced(level, row));
                    }
                })?,
            }
        }
        Ok(())
    }

    /// The same of the ledger.
    ///
    /// # Errors
    /// As for flows.
    pub fn ledger(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(LedgerRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of connections.
    ///
    /// # Errors
    /// As for flows.
    pub fn connections(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(ConnectionRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of latency.
    ///
    /// # Errors
    /// As for flows.
    pub fn latency(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(LatencyRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of drops.
    ///
    /// # Errors
    /// As for flows.
    pub fn drops(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(DropRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of bursts.
    ///
    /// # Errors
    /// As for flows.
    pub fn bursts(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(BurstRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of requests.
    ///
    /// # Errors
    /// As for flows.
    pub fn requests(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(RequestRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of packets that policies' rules matched.
    ///
    /// # Errors
    /// As for flows.
    pub fn policy_events(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(PolicyEventRecord),
    ) -> Result<(), StoreError> {
        self.records(since, until, sink)
    }

    /// The same of any table.
    ///
    /// # Errors
    /// As for flows.
    pub fn records<R: Record>(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        sink: &mut dyn FnMut(R),
    ) -> Result<(), StoreError> {
        for (segment, file) in self.open_segments(R::TABLE, since, until)? {
            let mut keep = |record: R| {
                let Range { start, end } = record.window();
                if since.is_none_or(|t| end > t) && until.is_none_or(|t| start < t) {
                    sink(record);
                }
            };
            read(&segment.path, file, &mut keep)?;
        }
        Ok(())
    }
}

fn read<R: Record>(path: &Path, file: File, sink: &mut dyn FnMut(R)) -> Result<(), StoreError> {
    let batches = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|b| b.with_batch_size(crate::encode::BATCH_ROWS).build())
        .map_err(|e| StoreError::damaged(path, e))?;
    for batch in batches {
        R::each(&batch.map_err(|e| StoreError::damaged(path, e))?, path, sink)?;
    }
    Ok(())
}
