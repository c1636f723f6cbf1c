//! A window that is handed over in chunks: all of it on disk, or none, and then every row counted as lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{config, flows, stored, window};
use netrig_model::FlowRecord;
use netrig_store::StoreWriter;
use std::fs;
use std::sync::Arc;

fn chunks() -> Vec<Arc<Vec<FlowRecord>>> {
    [(0, 100), (100, 5_000), (5_000, 5_001)].map(|(from, to)| Arc::new(flows(window(0), from, to))).to_vec()
}

#[test]
fn chunks_become_one_file_with_all_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_flow_chunks(window(0), &mut chunks().into_iter()).unwrap();
    let expected: Vec<_> = (0..5_001).map(|n| (window(0).0.0, n)).collect();
    assert_eq!(stored(dir.path()), expected);
    assert_eq!((writer.status().files, writer.status().rows_written), (1, 5_001));
}

#[test]
fn no_chunk_makes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_flow_chunks(window(0), &mut std::iter::empty()).unwrap();
    assert_eq!(writer.status().files, 0);
}

#[test]
fn when_it_cannot_be_written_every_chunk_is_taken_and_every_row_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    // Where the table's folder should be, there is a file.
    fs::write(dir.path().join("flows"), "in the way").unwrap();
    let mut given = chunks().into_iter();
    writer.append_flow_chunks(window(0), &mut given).unwrap_err();
    assert!(given.next().is_none(), "whoever hands chunks over must not be left waiting");
    let status = writer.status();
    assert_eq!((status.rows_lost, status.rows_written, status.writing), (5_001, 0, false));
}
