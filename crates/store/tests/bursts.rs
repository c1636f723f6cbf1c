//! Bursts go the way of every table: what goes in comes out, hours are joined, and old files go.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, burst, bursts, config, window};
use netrig_model::{BurstRecord, BurstTrigger, Timestamp};
use netrig_store::{StoreConfig, StoreReader, StoreWriter, Table};
use std::time::Duration;

/// Every word, every field that can be null, both ways, and the longest series there is, so often that it is the usual one.
fn odd_bursts() -> Vec<BurstRecord> {
    let mut rows = bursts(window(0), 0, 40_000);
    for row in &mut rows[1_000..5_000] {
        row.series = vec!["1250000"; 400].join(" ");
    }
    rows[0] = BurstRecord {
        host: Some("dort, jenseits ☃".into()),
        trigger: BurstTrigger::LinkShare,
        duration_ns: u64::MAX,
        gap_ns: Some(u64::MAX),
        bytes: u64::MAX,
        packets: u64::MAX,
        ce_packets: u64::MAX,
        retransmits: Some(u64::MAX),
        flows: 621,
        peak_bits_per_second: u64::MAX,
        mean_bits_per_second: u64::MAX,
        link_bits_per_second: Some(u64::MAX),
        bucket_ns: 100_000,
        ..rows[0].clone()
    };
    rows[1] = BurstRecord {
        host: None,
        iface: None,
        direction: None,
        gap_ns: None,
        retransmits: None,
        mean_bits_per_second: 0,
        link_bits_per_second: None,
        series: String::new(),
        top_flows: "[]".into(),
        ..rows[1].clone()
    };
    rows
}

#[test]
fn every_field_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let rows = odd_bursts();
    writer.append_bursts(window(0), &rows).unwrap();
    let mut back = Vec::new();
    StoreReader::open(dir.path()).unwrap().bursts(None, None, &mut |r| back.push(r)).unwrap();
    for (got, want) in back.iter().zip(&rows) {
        assert_eq!(got, want);
    }
    assert_eq!((back.len(), writer.status().rows_written), (rows.len(), 40_000));
    assert_eq!(back[1_000].series().len(), 400);
    assert_eq!(back[2].top_flows().len(), 2);
}

#[test]
fn they_are_joined_and_retired_like_flows_and_a_reader_takes_only_the_time_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let retain = Duration::from_secs(2 * 3600);
    let mut writer = StoreWriter::open(StoreConfig { retain, ..config(dir.path()) }).unwrap();
    for i in 0..6 {
        writer.append_bursts(window(i * 10), &bursts(window(i * 10), 0, 100)).unwrap();
    }
    assert_eq!(writer.maintain(Timestamp(HOUR_0 + HOUR + HOUR / 30)).unwrap().files_joined, 6);
    let reader = StoreReader::open(dir.path()).unwrap();
    let files = reader.files(Table::Bursts, None, None).unwrap();
    assert!(files.len() == 1 && files[0].parent().unwrap().ends_with("bursts/date=2023-11-14/hour=23"));
    let mut seen = Vec::new();
    let (since, until) = (Some(window(20).0), Some(window(40).0));
    reader.bursts(since, until, &mut |r| seen.push((r.window_start, r.bytes - 100_000))).unwrap();
    let want: Vec<_> = [20, 30].iter().flat_map(|i| (0..100).map(|n| (window(*i).0, n))).collect();
    assert_eq!(seen, want);
    writer.maintain(Timestamp(HOUR_0 + 4 * HOUR)).unwrap();
    assert_eq!((writer.status().files, writer.status().files_retired), (0, 1));
}

#[test]
fn a_trigger_of_another_netrig_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_bursts(window(0), &[burst(window(0), 1)]).unwrap();
    let reader = StoreReader::open(dir.path()).unwrap();
    let path = reader.files(Table::Bursts, None, None).unwrap().remove(0);
    common::rewrite(&path, "trigger", "lift");
    let error = reader.bursts(None, None, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    assert!(error.contains("column trigger: 'lift' is not a word of this netrig"), "{error}");
}
