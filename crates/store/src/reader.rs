//! Reading the store, without a lock and without the rig.

use crate::record::Record;
use crate::segment::split_superseded;
use crate::{Range, Segment, StoreError, Table, catalog};
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    RequestRecord, Timestamp,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A reader may meet the writer tidying up this many times in a row before it gives in.
const ATTEMPTS_MAX: usize = 16;

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
        let mut found = catalog::scan(&self.dir, table)?.segments;
        for _ in 0..ATTEMPTS_MAX {
            let again = catalog::scan(&self.dir, table)?.segments;
            if again == found {
                break;
            }
            found = again;
        }
        let (mut live, _) = split_superseded(found);
        live.retain(|s| s.range.overlaps(since, until));
        Ok(live)
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
        let mut attempts_left = ATTEMPTS_MAX;
        loop {
            let open = |s: Segment| match File::open(&s.path) {
                Ok(file) => Ok((s, file)),
                Err(e) => Err((s.path, e)),
            };
            match self.segments(table, since, until)?.into_iter().map(open).collect::<Result<Vec<_>, _>>() {
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
