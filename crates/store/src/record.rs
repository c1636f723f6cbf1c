//! What the store asks of a kind of row; the rest of it is the same for every table.

use crate::{Range, StoreError, Table, flows, ledger};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use netrig_model::{FlowRecord, LedgerRecord};
use std::path::Path;

/// A kind of row.
pub trait Record: Sized {
    /// Where rows of this kind go.
    const TABLE: Table;

    /// The window this row belongs to.
    fn window(&self) -> Range;

    /// Rows as one batch of Arrow columns.
    fn to_batch(schema: SchemaRef, rows: &[Self]) -> Result<RecordBatch, ArrowError>;

    /// The rows of a batch read from `path`, one by one.
    fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(Self)) -> Result<(), StoreError>;
}

impl Record for FlowRecord {
    const TABLE: Table = Table::Flows;

    fn window(&self) -> Range {
        Range { start: self.window_start, end: self.window_end }
    }

    fn to_batch(schema: SchemaRef, rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        flows::to_batch(schema, rows)
    }

    fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(Self)) -> Result<(), StoreError> {
        let reader = flows::FlowReader::new(batch, path)?;
        (0..batch.num_rows()).try_for_each(|i| reader.record(i).map(&mut *sink))
    }
}

impl Record for LedgerRecord {
    const TABLE: Table = Table::Ledger;

    fn window(&self) -> Range {
        Range { start: self.window_start, end: self.window_end }
    }

    fn to_batch(schema: SchemaRef, rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        ledger::to_batch(schema, rows)
    }

    fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(Self)) -> Result<(), StoreError> {
        let reader = ledger::LedgerReader::new(batch, path)?;
        (0..batch.num_rows()).try_for_each(|i| reader.record(i).map(&mut *sink))
    }
}
