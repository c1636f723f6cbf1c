//! Requests go the way of every table: what goes in comes out, hours are joined, and old files go.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, request, requests, window};
use netrig_model::{RequestKind, RequestOutcome, RequestRecord, Timestamp};
use netrig_store::{StoreConfig, StoreReader, StoreWriter, Table};
use std::time::Duration;

/// Every word and every field that can be null, both ways.
fn odd_requests() -> Vec<RequestRecord> {
    let mut rows = requests(window(0), 0, 10_000);
    for (i, kind) in RequestKind::ALL.iter().enumerate() {
        rows[i].kind = *kind;
    }
    for (i, outcome) in RequestOutcome::ALL.iter().enumerate() {
        rows[100 + i].outcome = *outcome;
    }
    for (i, truth) in [Some(true), Some(false), None].into_iter().enumerate() {
        let row = &mut rows[200 + i];
        (row.tls_resumed, row.tls_ech, row.grpc, row.failed) = (truth, truth, truth, truth == Some(true));
    }
    rows[300] = RequestRecord {
        host: Some("dort, jenseits ☃".into()),
        src_addr: Some("2001:db8::1".parse().unwrap()),
        src_port: Some(u16::MAX),
        dst_addr: Some("2001:db8::2".parse().unwrap()),
        dst_port: Some(0),
        requests: u64::MAX,
        retries: u64::MAX,
        latency_us: Some(u64::MAX),
        latency_us_max: Some(0),
        dns_name: Some(r#"\000\".ev\033[2J.il"#.repeat(20)),
        dns_answers: Some(u16::MAX),
        dns_addresses: Some("10.0.0.1,2001:db8::3".into()),
        http_path: Some("/\u{1b}]0;title\u{7}".into()),
        http_status: Some(u16::MAX),
        sampling_rate: u32::MAX,
        src_name: Some(String::new()),
        ..rows[300].clone()
    };
    rows[301] = RequestRecord {
        host: None,
        iface: None,
        direction: None,
        netns: None,
        transport: None,
        src_addr: None,
        src_port: None,
        dst_addr: None,
        dst_port: None,
        latency_us: None,
        latency_us_max: None,
        dns_name: None,
        dns_type: None,
        dns_rcode: None,
        dns_answers: None,
        dns_addresses: None,
        tls_sni: None,
        tls_alpn: None,
        tls_version: None,
        tls_cipher: None,
        tls_ja4: None,
        tls_resumed: None,
        tls_ech: None,
        tls_alert: None,
        http_version: None,
        http_method: None,
        http_host: None,
        http_path: None,
        http_status: None,
        grpc: None,
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        src_name: None,
        dst_name: None,
        ..rows[301].clone()
    };
    rows
}

#[test]
fn every_field_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let rows = odd_requests();
    writer.append_requests(window(0), &rows).unwrap();
    let mut back = Vec::new();
    StoreReader::open(dir.path()).unwrap().requests(None, None, &mut |r| back.push(r)).unwrap();
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
        writer.append_requests(window(i * 10), &requests(window(i * 10), 0, 100)).unwrap();
    }
    assert_eq!(writer.maintain(Timestamp(HOUR_0 + HOUR + HOUR / 30)).unwrap().files_joined, 6);
    let reader = StoreReader::open(dir.path()).unwrap();
    let files = reader.files(Table::Requests, None, None).unwrap();
    assert!(files.len() == 1 && files[0].parent().unwrap().ends_with("requests/date=2023-11-14/hour=23"));
    let mut seen = Vec::new();
    let (since, until) = (Some(window(20).0), Some(window(40).0));
    reader.requests(since, until, &mut |r| seen.push((r.window_start, r.requests))).unwrap();
    let want: Vec<_> = [20, 30].iter().flat_map(|i| (1..=100).map(|n| (window(*i).0, n))).collect();
    assert_eq!(seen, want);
    writer.maintain(Timestamp(HOUR_0 + 4 * HOUR)).unwrap();
    assert_eq!((writer.status().files, writer.status().files_retired), (0, 1));
}

#[test]
fn a_kind_or_outcome_of_another_netrig_is_an_error_that_names_the_file() {
    for column in ["kind", "outcome"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        writer.append_requests(window(0), &[request(window(0), 1)]).unwrap();
        let reader = StoreReader::open(dir.path()).unwrap();
        let path = reader.files(Table::Requests, None, None).unwrap().remove(0);
        common::rewrite(&path, column, "gopher");
        let error = reader.requests(None, None, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(&format!("column {column}: 'gopher' is not a word of this netrig")), "{error}");
    }
}
