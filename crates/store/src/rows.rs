//! The rows of a segment of flows, whichever its level, some thousand at a time.

use crate::encode::BATCH_ROWS;
use crate::record::Record;
use crate::{Segment, StoreError, Table};
use netrig_model::{FlowRecord, ReducedFlowRecord};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::PathBuf;

/// An open segment of flows.
pub(crate) struct Rows {
    table: Table,
    path: PathBuf,
    batches: ParquetRecordBatchReader,
}

impl Rows {
    pub(crate) fn open(segment: &Segment) -> Result<Self, StoreError> {
        let path = segment.path.clone();
        let file = File::open(&path).map_err(|e| StoreError::io("open", &path, e))?;
        let batches = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|b| b.with_batch_size(BATCH_ROWS).build())
            .map_err(|e| StoreError::damaged(&path, e))?;
        Ok(Self { table: segment.table, path, batches })
    }

    /// Gives the next rows; how many there were, or none at the end.
    pub(crate) fn next(&mut self, sink: &mut dyn FnMut(ReducedFlowRecord)) -> Result<Option<u64>, StoreError> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|e| StoreError::damaged(&self.path, e))?;
        match self.table {
            Table::Flows => FlowRecord::each(&batch, &self.path, &mut |flow| sink(flow.into()))?,
            _ => ReducedFlowRecord::each(&batch, &self.path, sink)?,
        }
        Ok(Some(batch.num_rows() as u64))
    }
}
