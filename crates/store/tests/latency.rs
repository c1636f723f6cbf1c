//! Latency goes the way of every table: what goes in comes out, hours are joined, and old files go.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, latencies, latency, window};
use netrig_model::{Histogram, LatencyRecord, QueueCause, Role, Stage, Timestamp};
use netrig_store::{StoreConfig, StoreReader, StoreWriter, Table};
use std::time::Duration;

/// Every word and every field that can be null, both ways.
fn odd_latencies() -> Vec<LatencyRecord> {
    let mut rows = latencies(window(0), 0, 10_000);
    for (i, stage) in Stage::ALL.iter().enumerate() {
        rows[i].stage = *stage;
    }
    for (i, cause) in QueueCause::ALL.iter().enumerate() {
        rows[100 + i].cause = Some(*cause);
    }
    rows[200] = LatencyRecord {
        host: Some("dort, jenseits ☃".into()),
        service: "[2001:db8::1]:53/udp".into(),
        transport: Some("udp".into()),
        role: Some(Role::Client),
        service_addr: Some("2001:db8::1".parse().unwrap()),
        service_port: Some(u16::MAX),
        slow_client_addr: Some("2001:db8::2".parse().unwrap()),
        slow_client_port: Some(0),
        samples: u64::MAX,
        eligible: u64::MAX,
        sampling_rate: u32::MAX,
        latency_ns_sum: u64::MAX,
        latency_ns_max: Some(u64::MAX),
        histogram: Histogram { buckets: (-400..400).map(|i| (i, u64::MAX)).collect(), sum_ns: 0 }.to_text(),
        cause: Some(QueueCause::Nagle),
        cause_ns_sum: Some(u64::MAX),
        iface: Some("eth0".into()),
        ..rows[200].clone()
    };
    rows[201] = LatencyRecord {
        host: None,
        service: "host".into(),
        transport: None,
        role: None,
        service_addr: None,
        service_port: None,
        slow_client_addr: None,
        slow_client_port: None,
        samples: 0,
        latency_ns_sum: 0,
        latency_ns_p50: None,
        latency_ns_p90: None,
        latency_ns_p99: None,
        latency_ns_p999: None,
        latency_ns_max: None,
        histogram: String::new(),
        cause: None,
        cause_ns_sum: None,
        iface: None,
        process: None,
        cgroup: None,
        container: None,
        ..rows[201].clone()
    };
    rows
}

#[test]
fn every_field_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let rows = odd_latencies();
    writer.append_latency(window(0), &rows).unwrap();
    let mut back = Vec::new();
    StoreReader::open(dir.path()).unwrap().latency(None, None, &mut |r| back.push(r)).unwrap();
    for (got, want) in back.iter().zip(&rows) {
        assert_eq!(got, want);
    }
    assert_eq!((back.len(), writer.status().rows_written), (rows.len(), 10_000));
    let distribution = Histogram::from_text(&back[200].histogram, 0).unwrap();
    assert_eq!(distribution.buckets.len(), 800, "the distribution can be summed as it comes back");
}

#[test]
fn it_is_joined_and_retired_like_flows_and_a_reader_takes_only_the_time_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let retain = Duration::from_secs(2 * 3600);
    let mut writer = StoreWriter::open(StoreConfig { retain, ..config(dir.path()) }).unwrap();
    for i in 0..6 {
        writer.append_latency(window(i * 10), &latencies(window(i * 10), 0, 100)).unwrap();
    }
    assert_eq!(writer.maintain(Timestamp(HOUR_0 + HOUR + HOUR / 30)).unwrap().files_joined, 6);
    let reader = StoreReader::open(dir.path()).unwrap();
    let files = reader.files(Table::Latency, None, None).unwrap();
    assert!(files.len() == 1 && files[0].parent().unwrap().ends_with("latency/date=2023-11-14/hour=23"));
    let mut seen = Vec::new();
    let (since, until) = (Some(window(20).0), Some(window(40).0));
    reader.latency(since, until, &mut |r| seen.push((r.window_start, r.samples))).unwrap();
    let want: Vec<_> = [20, 30].iter().flat_map(|i| (1..=100).map(|n| (window(*i).0, n))).collect();
    assert_eq!(seen, want);
    writer.maintain(Timestamp(HOUR_0 + 4 * HOUR)).unwrap();
    assert_eq!((writer.status().files, writer.status().files_retired), (0, 1));
}

#[test]
fn a_stage_or_cause_of_another_netrig_is_an_error_that_names_the_file() {
    for column in ["stage", "cause"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        writer.append_latency(window(0), &[latency(window(0), 1)]).unwrap();
        let reader = StoreReader::open(dir.path()).unwrap();
        let path = reader.files(Table::Latency, None, None).unwrap().remove(0);
        common::rewrite(&path, column, "lift");
        let error = reader.latency(None, None, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(&format!("column {column}: 'lift' is not a word of this netrig")), "{error}");
    }
}
