//! Joining the window files of a finished hour into one, a little at a time.

use crate::catalog::Catalog;
use crate::encode::{BATCH_ROWS, Encoder};
use crate::hour::Hour;
use crate::publish::Draft;
use crate::{Range, Segment, StoreError, Table, schema};
use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::{ArrowError, FieldRef, SchemaRef};
use netrig_model::Timestamp;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A row group of this many rows is copied as it lies; smaller ones are decoded and put together.
const COPY_ROWS_MIN: i64 = 16_384;

/// An hour is joined once it has been over for this long, so that its last windows have arrived.
const GRACE_NS: i64 = 120_000_000_000;

/// A copied row costs about this part of one that is decoded and encoded again.
const COPY_COST_DIVISOR: u64 = 16;

/// What opening a file and reading one of its row groups costs, however small, in rows: some 2 ms.
const GROUP_COST_ROWS: u64 = 5_000;

/// One hour of one table on its way into one file. Dropped early, it leaves nothing behind.
pub(crate) struct Compaction {
    table: Table,
    range: Range,
    inputs: Vec<Segment>,
    waiting: VecDeque<PathBuf>,
    current: Option<Source>,
    encoder: Encoder<File>,
    draft: Draft,
}

impl Compaction {
    /// The oldest finished hour that lies in more than one file, of those not passed over and not above `bytes_max`.
    pub(crate) fn candidate(
        catalog: &Catalog,
        now: Timestamp,
        bytes_max: u64,
        passed_over: impl Fn(Table, Hour) -> bool,
    ) -> Option<(Table, Hour)> {
        let finished = |s: &&Segment| s.hour().end().plus_ns(GRACE_NS) <= now;
        let mut hours: Vec<_> = catalog.live().iter().filter(finished).map(|s| (s.hour(), s.table)).collect();
        hours.sort_unstable();
        let bytes = |table, hour| inputs(catalog, table, hour).iter().map(|s| s.bytes).sum::<u64>();
        hours
            .chunk_by(|a, b| a == b)
            .filter(|files| files.len() > 1)
            .map(|files| (files[0].1, files[0].0))
            .find(|(table, hour)| !passed_over(*table, *hour) && bytes(*table, *hour) <= bytes_max)
    }

    pub(crate) fn start(dir: &Path, catalog: &Catalog, table: Table, hour: Hour) -> Result<Self, StoreError> {
        let inputs = inputs(catalog, table, hour);
        let range = covered(&inputs);
        let (draft, file) = Draft::create(&Segment::path_of(dir, table, range))?;
        let encoder = Encoder::new(table, file).map_err(|e| StoreError::writing(table.name(), draft.path(), e))?;
        let waiting = inputs.iter().map(|s| s.path.clone()).collect();
        Ok(Self { table, range, inputs, waiting, current: None, encoder, draft })
    }

    /// Works on about this many rows; false once all inputs are in.
    pub(crate) fn step(&mut self, mut rows: u64) -> Result<bool, StoreError> {
        while rows > 0 {
            let source = match &mut self.current {
                Some(source) => source,
                None => match self.waiting.pop_front() {
                    Some(path) => self.current.insert(Source::open(self.table, path)?),
                    None => return Ok(false),
                },
            };
            match source.feed(&mut self.encoder, self.draft.path())? {
                Some(cost) => rows = rows.saturating_sub(cost + GROUP_COST_ROWS),
                None => self.current = None,
            }
        }
        Ok(true)
    }

    /// Whether the account is still as it was when this began: every input counts, and the outcome would hide nothing else.
    pub(crate) fn still_holds(&self, catalog: &Catalog) -> bool {
        let counts = |input: &Segment| catalog.live().contains(input);
        let foreign = |s: &Segment| self.range.contains(&s.range) && !self.inputs.contains(s);
        self.inputs.iter().all(counts) && !catalog.of(self.table).any(foreign)
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.encoder.bytes_written()
    }

    pub(crate) fn hour(&self) -> (Table, Hour) {
        (self.table, Hour::of(self.range.start))
    }

    /// Publishes the one file; how many it stands for is the second value.
    pub(crate) fn finish(self, dir: &Path) -> Result<(Segment, usize), StoreError> {
        let failed = |e| StoreError::writing(self.table.name(), self.draft.path(), e);
        let file = self.encoder.finish().map_err(failed)?;
        let path = Segment::path_of(dir, self.table, self.range);
        let bytes = self.draft.publish(&file, &path)?;
        Ok((Segment { table: self.table, range: self.range, path, bytes }, self.inputs.len()))
    }
}

/// The segments of an hour, and any other that lies within what they cover together.
fn inputs(catalog: &Catalog, table: Table, hour: Hour) -> Vec<Segment> {
    let mut inputs: Vec<_> = catalog.of(table).filter(|s| s.hour() == hour).cloned().collect();
    loop {
        let range = covered(&inputs);
        let more: Vec<_> =
            catalog.of(table).filter(|s| range.contains(&s.range) && !inputs.contains(s)).cloned().collect();
        if more.is_empty() {
            inputs.sort_by_key(|s| s.range);
            return inputs;
        }
        inputs.extend(more);
    }
}

fn covered(inputs: &[Segment]) -> Range {
    let none = Range { start: Timestamp(i64::MAX), end: Timestamp(i64::MIN) };
    inputs.iter().fold(none, |all, s| all.union(&s.range))
}

/// A segment being fed into another file, row group by row group.
pub(crate) struct Source {
    path: PathBuf,
    file: File,
    meta: ArrowReaderMetadata,
    next_group: usize,
    /// Today's columns, where the file was written before some of them were.
    widened: Option<SchemaRef>,
}

impl Source {
    pub(crate) fn open(table: Table, path: PathBuf) -> Result<Self, StoreError> {
        let file = File::open(&path).map_err(|e| StoreError::io("open", &path, e))?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let meta = ArrowReaderMetadata::load(&file, options).map_err(|e| StoreError::damaged(&path, e))?;
        let today = schema(table);
        let same = meta.schema().fields() == today.fields();
        if !same && !lacks_only_what_may_be_null(meta.schema(), &today) {
            return Err(StoreError::damaged(&path, "its columns are those of another version of netrig"));
        }
        Ok(Self { path, file, meta, next_group: 0, widened: (!same).then_some(today) })
    }

    /// One row group; gives what it cost in rows, or `None` at the end. `target` is named when writing fails.
    pub(crate) fn feed(&mut self, to: &mut Encoder<File>, target: &Path) -> Result<Option<u64>, StoreError> {
        let group = self.next_group;
        let Some(rows) = self.meta.metadata().row_groups().get(group).map(|g| g.num_rows()) else { return Ok(None) };
        self.next_group += 1;
        let cost = u64::try_from(rows).unwrap_or_default();
        if rows >= COPY_ROWS_MIN && self.widened.is_none() {
            let copied = to.copy_group(&self.file, self.meta.metadata(), group);
            copied.map_err(|e| StoreError::writing("segment", target, e))?;
            return Ok(Some(cost / COPY_COST_DIVISOR));
        }
        let file = self.file.try_clone().map_err(|e| StoreError::io("open", &self.path, e))?;
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.meta.clone())
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| StoreError::damaged(&self.path, e))?;
        for batch in batches {
            let batch = batch.and_then(|batch| match &self.widened {
                Some(today) => widen(&batch, today),
                None => Ok(batch),
            });
            let batch = batch.map_err(|e| StoreError::damaged(&self.path, e))?;
            to.write(&batch).map_err(|e| StoreError::writing("segment", target, e))?;
        }
        Ok(Some(cost))
    }
}

/// Whether a file of these columns has all of today's rows, but for columns that are null in them.
fn lacks_only_what_may_be_null(file: &SchemaRef, today: &SchemaRef) -> bool {
    let known = |name: &str| today.fields().iter().find(|field| field.name() == name);
    file.fields().iter().all(|field| known(field.name()) == Some(field))
        && today.fields().iter().all(|field| field.is_nullable() || file.column_with_name(field.name()).is_some())
}

/// Rows in today's columns, null where the file has none.
fn widen(batch: &RecordBatch, today: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), batch.num_rows()),
    };
    RecordBatch::try_new(Arc::clone(today), today.fields().iter().map(column).collect())
}
