//! The tables of the store.

use crate::failure::Failure;
use crate::live::{Live, Told};
use crate::segments::{OpenSegment, OpenSegments};
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, BooleanArray, TimestampNanosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, col, lit};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use netrig_model::Timestamp;
use netrig_store::{Segment, StoreReader, Table, schema};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// The one object store of the session: in memory and empty, for the engine wants one to be there.
pub(crate) const NO_FILES: &str = "netrig://store";

/// Registers all tables.
pub(crate) fn register(
    session: &SessionContext,
    dir: Option<&Path>,
    live: Option<Live>,
) -> std::result::Result<(), Failure> {
    let reader = dir.map(StoreReader::open).transpose()?;
    let mut told = live.map(|l| l.told).unwrap_or_default();
    // All at one time: what is told at one level of flows is told at no other.
    let mut opened = match &reader {
        Some(reader) => reader.open_segments_of(&Table::ALL, None, None)?,
        None => Vec::new(),
    };
    for table in Table::ALL {
        let segments = opened.extract_if(.., |(segment, _)| segment.table == table).map(OpenSegment::new).collect();
        let provider = match told.iter().position(|t| t.table == table) {
            Some(i) => with_live(session, segments, told.swap_remove(i)),
            None => Ok(SegmentTable::provider(table, segments)),
        };
        let registered = provider.and_then(|p| session.register_table(table.name(), p));
        registered.map_err(|e| Failure::running(&e))?;
    }
    Ok(())
}

/// Stored records whose window starts before `stored_before`, and what the rig sent: every record, each once.
fn with_live(session: &SessionContext, segments: Vec<Arc<OpenSegment>>, live: Told) -> Result<Arc<dyn TableProvider>> {
    let before = live.stored_before;
    let reached = segments.into_iter().filter(|s| s.segment.range.start < before);
    // Only a segment that reaches past it may hold rows that the rig sent too.
    let (whole, mixed): (Vec<_>, Vec<_>) = reached.partition(|s| s.segment.range.end <= before);
    let schema = table_schema(live.table);
    let cast = live.batches.iter().map(|batch| {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(c, f)| datafusion::arrow::compute::cast(c, f.data_type()));
        Ok(datafusion::arrow::array::RecordBatch::try_new(
            Arc::clone(&schema),
            columns.collect::<std::result::Result<_, _>>()?,
        )?)
    });
    let sent = MemTable::try_new(Arc::clone(&schema), vec![cast.collect::<Result<Vec<_>>>()?])?;
    let mut all = session.read_table(Arc::new(sent))?;
    if !whole.is_empty() {
        all = all.union(session.read_table(SegmentTable::provider(live.table, whole))?)?;
    }
    if !mixed.is_empty() {
        let bound = lit(ScalarValue::TimestampNanosecond(Some(before.0), Some("UTC".into())));
        let mixed = session.read_table(SegmentTable::provider(live.table, mixed))?;
        all = all.union(mixed.filter(col("window_start").lt(bound))?)?;
    }
    Ok(all.into_view())
}

/// A table's columns as the engine likes them best: text as views, which are compared and grouped without being copied.
fn table_schema(table: Table) -> SchemaRef {
    let fields = schema(table)
        .fields()
        .iter()
        .map(|f| match f.data_type() {
            DataType::Utf8 => Field::new(f.name(), DataType::Utf8View, f.is_nullable()),
            other => Field::new(f.name(), other.clone(), f.is_nullable()),
        })
        .collect::<Vec<_>>();
    Arc::new(Schema::new(fields))
}

/// Segments of one table.
#[derive(Debug)]
struct SegmentTable {
    schema: SchemaRef,
    segments: Vec<Arc<OpenSegment>>,
}

impl SegmentTable {
    fn provider(table: Table, segments: Vec<Arc<OpenSegment>>) -> Arc<dyn TableProvider> {
        Arc::new(Self { schema: table_schema(table), segments })
    }

    /// The segments that can hold a row of which `filters` are true, judged by their names alone.
    fn pruned(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<Arc<OpenSegment>>> {
        let Some(filter) = conjunction(filters.iter().cloned()) else { return Ok(self.segments.clone()) };
        let known = DFSchema::try_from(Arc::clone(&self.schema))?;
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(&self.schema))
            .try_build(state.create_physical_expr(filter, &known)?)?;
        let keep = predicate.prune(&Names(&self.segments))?;
        Ok(self.segments.iter().zip(keep).filter(|(_, keep)| *keep).map(|(s, _)| Arc::clone(s)).collect())
    }
}

#[async_trait]
impl TableProvider for SegmentTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Inexact: names prune whole segments here; the engine goes on to row groups and rows by itself.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files: Vec<_> = self.pruned(state, filters)?.iter().map(OpenSegment::partitioned_file).collect();
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(OpenSegments))
            .with_enable_page_index(false)
            .with_pushdown_filters(true)
            .with_reorder_filters(true);
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(NO_FILES)?, Arc::new(source))
            .with_file_group(FileGroup::new(files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// What segment names tell of the rows within: no window starts before the range or ends after it.
struct Names<'a>(&'a [Arc<OpenSegment>]);

impl Names<'_> {
    fn bounds(&self, column: &Column, bound: impl Fn(&Segment) -> Timestamp) -> Option<ArrayRef> {
        let known = matches!(column.name.as_str(), "window_start" | "window_end");
        known.then(|| {
            let values = self.0.iter().map(|s| bound(&s.segment).0);
            Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC")) as ArrayRef
        })
    }
}

impl PruningStatistics for Names<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |s| s.range.start)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |s| s.range.end)
    }

    fn num_containers(&self) -> usize {
        self.0.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
