//! A window whose rows come in chunks: all of it on disk, or none, and then every row counted as lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, flow, flows, ledger, stored, window};
use netrig_model::{FlowRecord, LedgerRecord, Timestamp};
use netrig_store::{StoreReader, StoreWriter, Table};
use std::fs;
use std::path::Path;

fn chunks() -> Vec<Vec<FlowRecord>> {
    [(0, 100), (100, 5_000), (5_000, 5_001)].map(|(from, to)| flows(window(0), from, to)).to_vec()
}

/// Files that are on their way.
fn drafts(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.map(|p| if p.is_dir() { drafts(&p) } else { usize::from(p.extension().is_some_and(|x| x == "tmp")) }).sum()
}

#[test]
fn chunks_become_one_file_with_all_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let mut file = writer.begin(window(0));
    for chunk in chunks() {
        file.push(&chunk);
        assert_eq!(stored(dir.path()), [], "nothing is to be seen before the end");
    }
    writer.finish(file).unwrap();
    let expected: Vec<_> = (0..5_001).map(|n| (window(0).0.0, n)).collect();
    assert_eq!(stored(dir.path()), expected);
    assert_eq!((writer.status().files, writer.status().rows_written), (1, 5_001));
}

#[test]
fn no_chunk_makes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let mut file = writer.begin::<FlowRecord>(window(0));
    file.push(&[]);
    writer.finish(file).unwrap();
    assert_eq!(writer.status().files, 0);
    assert!(!dir.path().join("flows").exists());
}

#[test]
fn when_it_cannot_be_written_every_row_is_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    // Where the table's folder should be, there is a file.
    fs::write(dir.path().join("flows"), "in the way").unwrap();
    let mut file = writer.begin(window(0));
    chunks().iter().for_each(|chunk| file.push(chunk));
    let error = writer.finish(file).unwrap_err();
    assert!(error.to_string().contains("a file is in the way"), "{error}");
    let status = writer.status();
    assert_eq!((status.rows_lost, status.rows_written, status.writing), (5_001, 0, false));
}

#[test]
fn a_file_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let writer = StoreWriter::open(config(dir.path())).unwrap();
    let mut file = writer.begin(window(0));
    file.push(&flows(window(0), 0, 100));
    assert_eq!(drafts(dir.path()), 1);
    drop(file);
    assert_eq!(drafts(dir.path()), 0);
    assert_eq!(stored(dir.path()), []);
}

#[test]
fn a_window_that_is_open_while_its_like_are_appended_joined_and_retired_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    // The very range that joining the two others makes.
    let both = (window(0).0, window(10).1);
    let mut open = writer.begin(both);
    open.push(&[flow(both, 1)]);
    let mut accounts = writer.begin(both);
    for (i, n) in [(0, 2), (10, 3)] {
        writer.append_flows(window(i), &[flow(window(i), n)]).unwrap();
        accounts.push(&[ledger(window(i), n)]);
        open.push(&[flow(both, 10 + n)]);
    }
    for _ in 0..3 {
        writer.maintain(Timestamp(HOUR_0 + 2 * HOUR)).unwrap();
    }
    assert_eq!(writer.status().files, 1, "they are joined");
    open.push(&[flow(both, 4)]);
    writer.finish(open).unwrap();
    writer.finish(accounts).unwrap();
    let packets: Vec<_> = stored(dir.path()).into_iter().map(|row| row.1).collect();
    assert_eq!(packets, [1, 2, 4, 12, 13, 3]);
    let mut rows = 0;
    let reader = StoreReader::open(dir.path()).unwrap();
    reader.records(None, None, &mut |_: LedgerRecord| rows += 1).unwrap();
    assert_eq!((rows, reader.files(Table::Ledger, None, None).unwrap().len()), (2, 1));
    assert_eq!(drafts(dir.path()), 0);
}

#[test]
fn rows_of_an_earlier_hour_take_their_file_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let mut file = writer.begin(window(0));
    file.push(&[flow(window(0), 1)]);
    file.push(&[flow(window(-10), 2)]);
    writer.finish(file).unwrap();
    let files = StoreReader::open(dir.path()).unwrap().files(Table::Flows, None, None).unwrap();
    assert!(files[0].parent().unwrap().ends_with("date=2023-11-14/hour=22"), "{}", files[0].display());
    assert_eq!(stored(dir.path()).len(), 2);
}
