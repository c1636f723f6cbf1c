//! What an older netrig wrote, before some of today's columns were: read, joined and taken along, null where it has none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, flows, window};
use netrig_model::{FlowRecord, Timestamp};
use netrig_store::{StoreReader, StoreWriter, Table};
use std::path::{Path, PathBuf};

/// What flows had no columns for, once.
const LATER: [&str; 6] =
    ["packets_error", "bytes_error", "reverse_packets_error", "reverse_bytes_error", "dropped_packets", "drop_reason"];

/// The file of the window, made to be one of an older netrig.
fn age(dir: &Path, seconds: i64) -> PathBuf {
    let (since, until) = window(seconds);
    let path = StoreReader::open(dir).unwrap().files(Table::Flows, Some(since), Some(until)).unwrap().remove(0);
    common::without(&path, &LATER);
    path
}

fn as_of_old(rows: Vec<FlowRecord>) -> Vec<FlowRecord> {
    let old = |row| FlowRecord {
        packets_error: None,
        bytes_error: None,
        reverse_packets_error: None,
        reverse_bytes_error: None,
        dropped_packets: None,
        drop_reason: None,
        ..row
    };
    rows.into_iter().map(old).collect()
}

fn read(dir: &Path) -> Vec<FlowRecord> {
    let mut rows = Vec::new();
    StoreReader::open(dir).unwrap().flows(None, None, &mut |row| rows.push(row)).unwrap();
    rows.sort_by_key(|row| (row.window_start, row.packets));
    rows
}

#[test]
fn old_and_new_files_are_read_together_and_joined_into_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    // More rows than the least that are copied as they lie: an old group never is.
    writer.append_flows(window(0), &flows(window(0), 0, 20_000)).unwrap();
    writer.append_flows(window(10), &flows(window(10), 0, 20_000)).unwrap();
    age(dir.path(), 0);
    drop(writer);
    let want = [as_of_old(flows(window(0), 0, 20_000)), flows(window(10), 0, 20_000)].concat();
    assert!(want.iter().any(|row| row.dropped_packets.is_some_and(|packets| packets > 0)));
    assert!(read(dir.path()) == want);

    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let joined: u64 = (0..4).map(|_| writer.maintain(Timestamp(HOUR_0 + 2 * HOUR)).unwrap().files_joined).sum();
    assert_eq!((joined, writer.status().files), (2, 1));
    assert!(read(dir.path()) == want);
}

#[test]
fn a_window_that_holds_an_old_one_takes_its_rows_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_flows(window(10), &flows(window(10), 0, 10)).unwrap();
    age(dir.path(), 10);
    let wide = (window(0).0, window(30).1);
    writer.append_flows(wide, &flows(wide, 0, 10)).unwrap();
    assert_eq!((writer.status().rows_lost, writer.status().files), (0, 1));
    assert!(read(dir.path()) == [flows(wide, 0, 10), as_of_old(flows(window(10), 0, 10))].concat());
}

#[test]
fn a_file_without_a_column_that_is_never_null_is_joined_with_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    for i in [0, 10] {
        writer.append_flows(window(i), &flows(window(i), 0, 10)).unwrap();
    }
    let path = age(dir.path(), 0);
    common::without(&path, &["packets"]);
    let error = writer.maintain(Timestamp(HOUR_0 + 2 * HOUR)).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()) && error.contains("another version of netrig"), "{error}");
    assert_eq!(writer.status().files, 2);
}
