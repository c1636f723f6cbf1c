//! Policies' events go the way of every table: what goes in comes out.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, policy_event, policy_events, window};
use netrig_model::{PolicyAction, PolicyEventRecord, PolicyMode, PolicyVerdict, Timestamp};
use netrig_store::{StoreReader, StoreWriter, Table};

/// Every word and every field that can be null, both ways.
fn odd_events() -> Vec<PolicyEventRecord> {
    let mut rows = policy_events(window(0), 0, 1000);
    for (i, action) in PolicyAction::ALL.iter().enumerate() {
        rows[i].action = *action;
    }
    for (i, verdict) in PolicyVerdict::ALL.iter().enumerate() {
        rows[100 + i].verdict = *verdict;
        rows[100 + i].mode = PolicyMode::Shadow;
    }
    rows[300] = PolicyEventRecord {
        rule: "netrig:management".into(),
        src_addr: Some("2001:db8::1".parse().unwrap()),
        src_port: Some(u16::MAX),
        protocol: Some(u8::MAX),
        ethertype: Some(u16::MAX),
        length: u32::MAX,
        octets: Some("60".repeat(96)),
        ..rows[300].clone()
    };
    rows[301] = PolicyEventRecord {
        host: None,
        iface: None,
        src_addr: None,
        src_port: None,
        dst_addr: None,
        dst_port: None,
        protocol: None,
        transport: None,
        ethertype: None,
        octets: None,
        ..rows[301].clone()
    };
    rows
}

#[test]
fn every_field_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let rows = odd_events();
    writer.append_policy_events(window(0), &rows).unwrap();
    let mut back = Vec::new();
    StoreReader::open(dir.path()).unwrap().policy_events(None, None, &mut |r| back.push(r)).unwrap();
    for (got, want) in back.iter().zip(&rows) {
        assert_eq!(got, want);
    }
    assert_eq!((back.len(), writer.status().rows_written), (rows.len(), 1000));
}

#[test]
fn they_are_joined_by_hours() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    for i in 0..6 {
        writer.append_policy_events(window(i * 10), &policy_events(window(i * 10), 0, 100)).unwrap();
    }
    assert_eq!(writer.maintain(Timestamp(HOUR_0 + HOUR + HOUR / 30)).unwrap().files_joined, 6);
    let files = StoreReader::open(dir.path()).unwrap().files(Table::PolicyEvents, None, None).unwrap();
    assert!(files.len() == 1 && files[0].parent().unwrap().ends_with("policy_events/date=2023-11-14/hour=23"));
}

#[test]
fn a_word_of_another_netrig_is_an_error_that_names_the_file() {
    for column in ["action", "mode", "verdict"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        writer.append_policy_events(window(0), &[policy_event(window(0), 1)]).unwrap();
        let reader = StoreReader::open(dir.path()).unwrap();
        let path = reader.files(Table::PolicyEvents, None, None).unwrap().remove(0);
        common::rewrite(&path, column, "lift");
        let error = reader.policy_events(None, None, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(&format!("column {column}: 'lift' is not a word of this netrig")), "{error}");
    }
}
