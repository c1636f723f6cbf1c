//! The store's segments as the engine reads them: open files, so that what the rig joins or retires meanwhile stays
//! readable to the end of the query, and no path for SQL to reach for.

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use netrig_store::Segment;
use std::fmt::Display;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// One open segment. Its footer is read once, however many parts of it are read at the same time.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) segment: Segment,
    file: File,
    footer: Mutex<Option<Arc<ParquetMetaData>>>,
}

impl OpenSegment {
    pub(crate) fn new((segment, file): (Segment, File)) -> Arc<Self> {
        Arc::new(Self { segment, file, footer: Mutex::new(None) })
    }

    /// For the engine's plan: the name is for people, the open file goes along.
    pub(crate) fn partitioned_file(self: &Arc<Self>) -> PartitionedFile {
        let name = self.segment.path.file_name().map(|n| n.to_string_lossy().into_owned());
        PartitionedFile::new(name.unwrap_or_default(), self.segment.bytes).with_extension(Arc::clone(self))
    }

    /// One thread at a time: the footer's reader seeks, and all who read this file share its position.
    fn footer(&self, options: Option<&ArrowReaderOptions>) -> ParquetResult<Arc<ParquetMetaData>> {
        let mut footer = self.footer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(footer) = &*footer {
            return Ok(Arc::clone(footer));
        }
        // Segments carry no page statistics, so there is no index worth reading.
        let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
        let read = reader.with_page_index_policy(PageIndexPolicy::Skip).parse_and_finish(&self.file);
        Ok(Arc::clone(footer.insert(Arc::new(read.map_err(|e| self.naming(e))?))))
    }

    /// Positional, so that any number of threads may read at once.
    fn bytes(&self, range: Range<u64>) -> ParquetResult<Bytes> {
        let mut bytes = vec![0; usize::try_from(range.end - range.start)?];
        self.file.read_exact_at(&mut bytes, range.start).map_err(|e| self.naming(e))?;
        Ok(bytes.into())
    }

    fn naming(&self, error: impl Display) -> ParquetError {
        let path = self.segment.path.display();
        ParquetError::General(format!(
            "the segment {path} cannot be read ({error}): move it away to go on without its rows"
        ))
    }
}

/// Gives the engine the open files it finds in its own plan.
#[derive(Debug)]
pub(crate) struct OpenSegments;

impl ParquetFileReaderFactory for OpenSegments {
    fn create_reader(
        &self,
        _partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::error::Result<Box<dyn AsyncFileReader + Send>> {
        match file.extension::<Arc<OpenSegment>>() {
            Some(open) => Ok(Box::new(SegmentReader(Arc::clone(open)))),
            None => datafusion::common::exec_err!("{} is no segment of the store", file.path()),
        }
    }
}

struct SegmentReader(Arc<OpenSegment>);

impl AsyncFileReader for SegmentReader {
    // Local files: a read is a page-cache copy or one short wait, not worth a hand-over to another thread.
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        futures_util::future::ready(self.0.bytes(range)).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        futures_util::future::ready(self.0.footer(options)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::FlowRecord;
    use netrig_store::{Range, Table, to_parquet};
    use std::sync::Barrier;

    #[test]
    fn threads_that_want_the_footer_at_once_all_get_it() {
        let mut file = tempfile::tempfile().expect("file");
        std::io::Write::write_all(&mut file, &to_parquet::<FlowRecord>(&[]).expect("encode")).expect("write");
        let range = Range { start: Default::default(), end: Default::default() };
        for _ in 0..200 {
            let segment = Segment { table: Table::Flows, range, path: "a".into(), bytes: 1 };
            let open = OpenSegment::new((segment, file.try_clone().expect("clone")));
            let start = Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        start.wait();
                        let footer = open.footer(None).expect("footer");
                        assert_eq!(footer.file_metadata().num_rows(), 0);
                    });
                }
            });
        }
    }
}
