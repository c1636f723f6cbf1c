//! Drops go the way of every table: what goes in comes out, hours are joined, and old files go.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, drop_record, drop_records, window};
use netrig_model::{Direction, DropClass, DropRecord, DropSource, PacketFamily, Timestamp};
use netrig_store::{StoreConfig, StoreReader, StoreWriter, Table};
use std::time::Duration;

/// Every word and every field that can be null, both ways.
fn odd_drops() -> Vec<DropRecord> {
    let mut rows = drop_records(window(0), 0, 10_000);
    for (i, source) in DropSource::ALL.iter().enumerate() {
        rows[i].source = *source;
    }
    for (i, class) in DropClass::ALL.iter().enumerate() {
        rows[100 + i].class = Some(*class);
    }
    for (i, family) in PacketFamily::ALL.iter().enumerate() {
        rows[200 + i].family = Some(*family);
    }
    rows[300] = DropRecord {
        host: Some("dort, jenseits ☃".into()),
        reason: "#4294967295".into(),
        place: Some("ieee80211_rx_napi+0x1f [mac80211]".into()),
        netns: Some(u64::MAX),
        direction: Some(Direction::Egress),
        protocol: Some(u8::MAX),
        src_addr: Some("2001:db8::1".parse().unwrap()),
        src_port: Some(u16::MAX),
        dst_addr: Some("2001:db8::2".parse().unwrap()),
        dst_port: Some(0),
        packets: u64::MAX,
        bytes: Some(u64::MAX),
        pid: Some(u32::MAX),
        example: Some("60".repeat(128)),
        ..rows[300].clone()
    };
    rows[301] = DropRecord {
        host: None,
        class: None,
        place: None,
        iface: None,
        netns: None,
        direction: None,
        family: None,
        protocol: None,
        transport: None,
        src_addr: None,
        src_port: None,
        dst_addr: None,
        dst_port: None,
        packets: 0,
        bytes: None,
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        example: None,
        ..rows[301].clone()
    };
    rows
}

#[test]
fn every_field_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let rows = odd_drops();
    writer.append_drops(window(0), &rows).unwrap();
    let mut back = Vec::new();
    StoreReader::open(dir.path()).unwrap().drops(None, None, &mut |r| back.push(r)).unwrap();
    for (got, want) in back.iter().zip(&rows) {
        assert_eq!(got, want);
    }
    assert_eq!((back.len(), writer.status().rows_written), (rows.len(), 10_000));
}

#[test]
fn they_are_joined_and_retired_like_flows_and_a_reader_takes_only_the_time_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let retain = Duration::from_secs(2 * 3600);
    let mut writer = StoreWriter::open(StoreConfig { retain, ..config(dir.path()) }).unwrap();
    for i in 0..6 {
        writer.append_drops(window(i * 10), &drop_records(window(i * 10), 0, 100)).unwrap();
    }
    assert_eq!(writer.maintain(Timestamp(HOUR_0 + HOUR + HOUR / 30)).unwrap().files_joined, 6);
    let reader = StoreReader::open(dir.path()).unwrap();
    let files = reader.files(Table::Drops, None, None).unwrap();
    assert!(files.len() == 1 && files[0].parent().unwrap().ends_with("drops/date=2023-11-14/hour=23"));
    let mut seen = Vec::new();
    let (since, until) = (Some(window(20).0), Some(window(40).0));
    reader.drops(since, until, &mut |r| seen.push((r.window_start, r.packets))).unwrap();
    let want: Vec<_> = [20, 30].iter().flat_map(|i| (1..=100).map(|n| (window(*i).0, n))).collect();
    assert_eq!(seen, want);
    writer.maintain(Timestamp(HOUR_0 + 4 * HOUR)).unwrap();
    assert_eq!((writer.status().files, writer.status().files_retired), (0, 1));
}

#[test]
fn a_source_class_or_family_of_another_netrig_is_an_error_that_names_the_file() {
    for column in ["source", "class", "family"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        writer.append_drops(window(0), &[drop_record(window(0), 1)]).unwrap();
        let reader = StoreReader::open(dir.path()).unwrap();
        let path = reader.files(Table::Drops, None, None).unwrap().remove(0);
        common::rewrite(&path, column, "lift");
        let error = reader.drops(None, None, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(&format!("column {column}: 'lift' is not a word of this netrig")), "{error}");
    }
}
