//! What a store holds, table by table.

use crate::{Segment, StoreError, StoreReader, Table};
use netrig_model::Timestamp;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::fs::File;

/// The present rate is that of this long before the newest window.
const RECENT_NS: i64 = 3_600_000_000_000;

/// What there is of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOverview {
    /// Which.
    pub table: Table,
    /// Files that count.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Start of the oldest window.
    pub start: Timestamp,
    /// End of the newest window.
    pub end: Timestamp,
    /// Bytes of the files of the last hour.
    pub recent_bytes: u64,
    /// The time that those cover, nanoseconds.
    pub recent_ns: i64,
}

impl StoreReader {
    /// Of each table that has files, in the order of [`Table::ALL`]. Only the ends of files are read.
    ///
    /// # Errors
    /// When a folder cannot be listed, or a file cannot be read; it is named.
    pub fn overview(&self) -> Result<Vec<TableOverview>, StoreError> {
        let mut all: Vec<TableOverview> = Vec::new();
        let opened = self.open_segments_of(&Table::ALL, None, None)?;
        for (segment, file) in &opened {
            let rows = rows(segment, file)?;
            match all.iter_mut().find(|each| each.table == segment.table) {
                Some(each) => {
                    each.files += 1;
                    each.rows += rows;
                    each.bytes += segment.bytes;
                    each.start = each.start.min(segment.range.start);
                    each.end = each.end.max(segment.range.end);
                }
                None => all.push(TableOverview {
                    table: segment.table,
                    files: 1,
                    rows,
                    bytes: segment.bytes,
                    start: segment.range.start,
                    end: segment.range.end,
                    recent_bytes: 0,
                    recent_ns: 0,
                }),
            }
        }
        for each in &mut all {
            let since = each.end.plus_ns(-RECENT_NS);
            let recent = || opened.iter().map(|(s, _)| s).filter(|s| s.table == each.table && s.range.end > since);
            each.recent_bytes = recent().map(|s| s.bytes).sum();
            each.recent_ns = recent().map(|s| each.end.0 - s.range.start.0).max().unwrap_or_default();
        }
        all.sort_by_key(|each| each.table);
        Ok(all)
    }
}

fn rows(segment: &Segment, file: &File) -> Result<u64, StoreError> {
    let meta = ArrowReaderMetadata::load(file, ArrowReaderOptions::new());
    let meta = meta.map_err(|e| StoreError::damaged(&segment.path, e))?;
    Ok(u64::try_from(meta.metadata().file_metadata().num_rows()).unwrap_or_default())
}
