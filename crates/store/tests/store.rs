//! What goes in comes out: appending, joining, restarting, retiring.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, connection, connections, flow, flows, ledger, stored, window};
use netrig_model::{ConnectionEnd, ConnectionRecord, FlowRecord, Role, Side, TcpState, Timestamp};
use netrig_store::{StoreConfig, StoreError, StoreReader, StoreWriter, Table};
use std::fs;
use std::time::Duration;

/// Maintains until nothing is left to do; gives the number of files that were joined.
fn settle(writer: &mut StoreWriter, now: i64) -> u64 {
    let mut joined = 0;
    for _ in 0..100 {
        let done = writer.maintain(Timestamp(now)).unwrap();
        joined += done.files_joined;
        if done.files_joined == 0 && !done.unfinished {
            return joined;
        }
    }
    panic!("maintenance never ends");
}

#[test]
fn every_field_of_every_record_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let mut rows = flows(window(0), 0, 10_000);
    rows[3] = FlowRecord {
        vlan_inner: Some(7),
        src_addr: None,
        dst_addr: None,
        src_port: None,
        icmp_type: Some(8),
        icmp_code: Some(0),
        process: Some("curl".into()),
        pid: Some(4711),
        cgroup: Some("/system.slice".into()),
        container: Some("c0ffee".into()),
        dropped_packets: Some(u64::MAX),
        drop_reason: Some("QDISC_DROP".into()),
        src_name: Some("here".into()),
        dst_name: Some("dort, jenseits ☃".into()),
        packets: u64::MAX,
        ..rows[3].clone()
    };
    let accounts: Vec<_> = (0..4).map(|n| ledger(window(0), n)).collect();
    writer.append_flows(window(0), &rows).unwrap();
    writer.append_ledger(window(0), &accounts).unwrap();

    let reader = StoreReader::open(dir.path()).unwrap();
    let (mut flows_back, mut ledger_back) = (Vec::new(), Vec::new());
    reader.flows(None, None, &mut |r| flows_back.push(r)).unwrap();
    reader.ledger(None, None, &mut |r| ledger_back.push(r)).unwrap();
    assert!(flows_back == rows, "flows differ");
    assert_eq!(ledger_back, accounts);
    let status = writer.status();
    assert_eq!((status.rows_written, status.rows_lost, status.files, status.writing), (10_004, 0, 2, true));
    let on_disk: u64 = Table::ALL
        .iter()
        .flat_map(|t| reader.files(*t, None, None).unwrap())
        .map(|p| p.metadata().unwrap().len())
        .sum();
    assert_eq!(status.bytes, on_disk);
}

/// Every word and every field that can be null, both ways.
fn odd_connections() -> Vec<ConnectionRecord> {
    let mut rows = connections(window(0), 0, 10_000);
    let ends = ConnectionEnd::ALL.len();
    for (i, end) in ConnectionEnd::ALL.iter().enumerate() {
        rows[i].end_reason = *end;
    }
    for (i, state) in TcpState::ALL.iter().enumerate() {
        rows[ends + i].state = *state;
    }
    rows[100] = ConnectionRecord {
        host: Some("dort, jenseits ☃".into()),
        role: Some(Role::Server),
        error: Some("ETIMEDOUT".into()),
        closed_by: Some(Side::Local),
        reset_by: Some(Side::Peer),
        reset_reason: Some("TCP_RFC7323_PAWS".into()),
        ecn: Some(true),
        older_than_rig: true,
        src_name: Some("here".into()),
        dst_name: Some("there".into()),
        bytes_sent: u64::MAX,
        rtt_us_max: Some(u32::MAX),
        ..rows[100].clone()
    };
    rows[101] = ConnectionRecord {
        host: None,
        netns: None,
        role: None,
        src_addr: None,
        src_port: None,
        dst_addr: None,
        dst_port: None,
        opened: None,
        established: None,
        ended: None,
        error: None,
        closed_by: None,
        reset_by: None,
        duration_us: None,
        connect_us: None,
        rtt_us_min: None,
        rtt_us_mean: None,
        rtt_us_max: None,
        rtt_pure_us_min: None,
        rtt_pure_us_mean: None,
        srtt_us: None,
        rttvar_us: None,
        kernel_rtt_us_min: None,
        cwnd_segments: None,
        mss_bytes: None,
        ecn: None,
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        ..rows[101].clone()
    };
    rows
}

#[test]
fn every_field_of_every_connection_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let rows = odd_connections();
    writer.append_connections(window(0), &rows).unwrap();
    let mut back = Vec::new();
    StoreReader::open(dir.path()).unwrap().connections(None, None, &mut |r| back.push(r)).unwrap();
    for (got, want) in back.iter().zip(&rows) {
        assert_eq!(got, want);
    }
    assert_eq!((back.len(), writer.status().rows_written), (rows.len(), 10_000));
}

#[test]
fn connections_are_joined_and_retired_like_flows_and_a_reader_takes_only_the_time_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let retain = Duration::from_secs(2 * 3600);
    let mut writer = StoreWriter::open(StoreConfig { retain, ..config(dir.path()) }).unwrap();
    for i in 0..6 {
        writer.append_connections(window(i * 10), &connections(window(i * 10), 0, 100)).unwrap();
    }
    assert_eq!(settle(&mut writer, HOUR_0 + HOUR + HOUR / 30), 6);
    let reader = StoreReader::open(dir.path()).unwrap();
    let files = reader.files(Table::Connections, None, None).unwrap();
    assert!(files.len() == 1 && files[0].parent().unwrap().ends_with("connections/date=2023-11-14/hour=23"));
    let mut seen = Vec::new();
    let (since, until) = (Some(window(20).0), Some(window(40).0));
    reader.connections(since, until, &mut |r| seen.push((r.window_start, r.connection_id))).unwrap();
    let want: Vec<_> = [20, 30].iter().flat_map(|i| (0..100).map(|n| (window(*i).0, n))).collect();
    assert_eq!(seen, want);
    writer.maintain(Timestamp(HOUR_0 + 4 * HOUR)).unwrap();
    assert_eq!((writer.status().files, writer.status().files_retired), (0, 1));
}

#[test]
fn a_word_that_this_netrig_does_not_know_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_connections(window(0), &[connection(window(0), 1)]).unwrap();
    let path = StoreReader::open(dir.path()).unwrap().files(Table::Connections, None, None).unwrap().remove(0);
    common::rewrite(&path, "end_reason", "vanished");
    let error = StoreReader::open(dir.path()).unwrap().connections(None, None, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    assert!(error.contains("column end_reason: 'vanished' is not a word of this netrig"), "{error}");
}

#[test]
fn a_finished_hour_becomes_one_file_with_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    // Windows of all sizes: tiny ones are put together, the large one is copied as it lies.
    for (i, rows) in [3, 1000, 40_000, 1, 70_000, 500].into_iter().enumerate() {
        let w = window(i as i64 * 10);
        writer.append_flows(w, &flows(w, 0, rows)).unwrap();
        writer.append_ledger(w, &[ledger(w, 1)]).unwrap();
    }
    let before = stored(dir.path());
    assert_eq!(settle(&mut writer, HOUR_0 + HOUR), 0, "the hour may still get windows");
    assert_eq!(settle(&mut writer, HOUR_0 + HOUR + HOUR / 30), 12);
    let reader = StoreReader::open(dir.path()).unwrap();
    let files = reader.files(Table::Flows, None, None).unwrap();
    let want = format!("flows-{HOUR_0}-{}.parquet", window(50).1.0);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].file_name().unwrap().to_str().unwrap(), want);
    assert!(files[0].parent().unwrap().ends_with("flows/date=2023-11-14/hour=23"));
    assert_eq!(fs::read_dir(files[0].parent().unwrap()).unwrap().count(), 1, "its parts are gone");
    assert!(stored(dir.path()) == before, "rows differ");
    assert_eq!(settle(&mut writer, HOUR_0 + 2 * HOUR), 0);
    assert_eq!(writer.status().files, 2);
}

#[test]
fn parts_left_beside_their_joined_file_are_not_counted_twice() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let mut parts = Vec::new();
    for i in 0..3 {
        writer.append_flows(window(i * 10), &flows(window(i * 10), 0, 10)).unwrap();
    }
    let before = stored(dir.path());
    for path in StoreReader::open(dir.path()).unwrap().files(Table::Flows, None, None).unwrap() {
        let kept = copy.path().join(path.file_name().unwrap());
        fs::copy(&path, &kept).unwrap();
        parts.push((kept, path));
    }
    settle(&mut writer, HOUR_0 + 2 * HOUR);
    drop(writer);
    // As if the process had died between the rename and the deletes.
    for (kept, path) in &parts {
        fs::copy(kept, path).unwrap();
    }
    assert_eq!(stored(dir.path()), before);
    let writer = StoreWriter::open(config(dir.path())).unwrap();
    assert_eq!(writer.status().files, 1, "the next writer clears them away");
    assert!(parts.iter().all(|(_, path)| !path.exists()));
    assert_eq!(stored(dir.path()), before);
}

#[test]
fn a_window_begun_before_a_restart_keeps_both_halves() {
    let dir = tempfile::tempdir().unwrap();
    let (start, end) = window(0);
    let half = start.plus_ns(4_000_000_000);
    StoreWriter::open(config(dir.path())).unwrap().append_flows((start, half), &[flow((start, half), 1)]).unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_flows((start, end), &[flow((start, end), 2)]).unwrap();
    assert_eq!(stored(dir.path()), [(start.0, 1), (start.0, 2)]);
    // The clock is set back: the same window again, and one within it.
    writer.append_flows((start, end), &[flow((start, end), 3)]).unwrap();
    let within = (start.plus_ns(1), half);
    writer.append_flows(within, &[flow(within, 4)]).unwrap();
    assert_eq!(stored(dir.path()), [(start.0, 1), (start.0, 2), (start.0, 3), (start.0 + 1, 4)]);
    assert_eq!(writer.status().rows_written, 3);
}

#[test]
fn rows_outside_the_window_they_are_handed_over_with_are_found_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.append_flows(window(10), &[flow(window(0), 1), flow(window(10), 2)]).unwrap();
    let reader = StoreReader::open(dir.path()).unwrap();
    let mut seen = Vec::new();
    reader.flows(None, Some(window(10).0), &mut |r| seen.push(r.packets)).unwrap();
    assert_eq!(seen, [1]);
    reader.flows(Some(window(10).0), None, &mut |r| seen.push(r.packets)).unwrap();
    assert_eq!(seen, [1, 2]);
}

#[test]
fn a_reader_takes_only_files_of_the_time_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    for i in 0..10 {
        writer.append_flows(window(i * 10), &[flow(window(i * 10), 1)]).unwrap();
    }
    let reader = StoreReader::open(dir.path()).unwrap();
    let count = |since: Option<i64>, until: Option<i64>| {
        reader.files(Table::Flows, since.map(|s| window(s).0), until.map(|s| window(s).0)).unwrap().len()
    };
    assert_eq!(
        (count(None, None), count(Some(95), None), count(None, Some(10)), count(Some(20), Some(40))),
        (10, 1, 1, 2)
    );
}

#[test]
fn what_is_too_old_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(StoreConfig { retain: Duration::from_secs(60), ..config(dir.path()) }).unwrap();
    for i in 0..10 {
        writer.append_flows(window(i * 10), &[flow(window(i * 10), 1)]).unwrap();
    }
    let done = writer.maintain(window(100).0).unwrap();
    assert_eq!(done.files_retired, 3, "those that ended more than 60 s before");
    assert_eq!(stored(dir.path()).first().unwrap().0, window(30).0.0);
    writer.maintain(window(1000).0).unwrap();
    assert_eq!(writer.status().files, 0);
    assert_eq!(writer.status().files_retired, 10);
    assert_eq!(fs::read_dir(dir.path().join("flows")).unwrap().count(), 0, "empty folders go too");
}

#[test]
fn the_budget_holds_and_the_oldest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let budget_bytes = 400_000;
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes, ..config(dir.path()) }).unwrap();
    for i in 0..400 {
        let w = window(i * 10);
        writer.append_flows(w, &flows(w, 0, 100)).unwrap();
        writer.append_ledger(w, &[ledger(w, 1)]).unwrap();
        writer.append_connections(w, &connections(w, 0, 20)).unwrap();
        writer.maintain(w.1).unwrap();
        let on_disk: u64 = walk(dir.path());
        assert!(on_disk <= budget_bytes + 10, "{on_disk} bytes after window {i}");
        assert!(writer.status().bytes <= budget_bytes);
    }
    let left = stored(dir.path());
    assert_eq!(left.last().unwrap().0, window(3990).0.0, "the newest is there");
    assert_eq!(left.len() % 100, 0);
    let windows: std::collections::BTreeSet<_> = left.iter().map(|r| r.0).collect();
    let gap = windows.iter().zip(windows.iter().skip(1)).any(|(a, b)| b - a != common::WINDOW);
    assert!(!gap, "nothing between the oldest left and the newest is missing");
    assert!(writer.status().files_retired > 100);
}

fn walk(dir: &std::path::Path) -> u64 {
    fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| if e.path().is_dir() { walk(&e.path()) } else { e.metadata().unwrap().len() })
        .sum()
}

#[test]
fn a_second_writer_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let first = StoreWriter::open(config(dir.path())).unwrap();
    let Err(error) = StoreWriter::open(config(dir.path())) else { panic!("two writers") };
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("(pid {})", std::process::id())), "{error}");
    drop(first);
    StoreWriter::open(config(dir.path())).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let Err(error) = StoreWriter::open(config(&file.path().join("store"))) else { panic!("a store in a file") };
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot create {}/store: ", file.path().display())), "{text}");
    assert!(text.contains("choose another [store] dir"), "{text}");
}

#[test]
fn no_store_is_told_apart_from_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(stored(dir.path()), []);
    let Err(error) = StoreReader::open(dir.path().join("nowhere")) else { panic!("a store out of nothing") };
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
}

#[test]
fn a_damaged_file_is_named_and_stops_no_joining_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    for i in [0, 10, 3600, 3610] {
        writer.append_flows(window(i), &[flow(window(i), 1)]).unwrap();
    }
    let reader = StoreReader::open(dir.path()).unwrap();
    let victim = reader.files(Table::Flows, None, None).unwrap().remove(1);
    fs::write(&victim, b"PAR1 not at all PAR1").unwrap();
    let error = reader.flows(None, None, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains(victim.to_str().unwrap()), "{error}");
    let now = Timestamp(HOUR_0 + 3 * HOUR);
    assert!(writer.maintain(now).is_err());
    assert!(writer.status().detail.contains(victim.to_str().unwrap()));
    assert_eq!(settle(&mut writer, now.0), 2, "the other hour");
    assert!(writer.status().writing);
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let hour = dir.path().join("flows/date=2023-11-14/hour=23");
    fs::create_dir_all(&hour).unwrap();
    fs::write(hour.join("notes.txt"), "mine").unwrap();
    fs::write(hour.join(".flows-1-2.parquet.tmp"), "left behind").unwrap();
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes: 0, ..config(dir.path()) }).unwrap();
    writer.append_flows(window(0), &[flow(window(0), 1)]).unwrap();
    // So far ahead only a clock is believed that has gone on for an hour.
    for now in [i64::MAX - HOUR, i64::MAX] {
        writer.maintain(Timestamp(now)).unwrap();
    }
    let left: Vec<_> = fs::read_dir(&hour).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}

#[test]
fn a_window_that_arrives_while_its_hour_is_being_joined_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    for i in 0..60 {
        writer.append_flows(window(i * 20), &[flow(window(i * 20), 1)]).unwrap();
    }
    let later = Timestamp(HOUR_0 + 2 * HOUR);
    assert!(writer.maintain(later).unwrap().unfinished, "sixty files are too many for one call");
    // Between two of its windows, and a whole one again: inputs of the joining change under it.
    writer.append_flows(window(30), &[flow(window(30), 2)]).unwrap();
    writer.append_flows(window(40), &[flow(window(40), 3)]).unwrap();
    settle(&mut writer, later.0);
    let packets: Vec<_> = stored(dir.path()).into_iter().map(|r| r.1).collect();
    assert_eq!((packets.len(), packets.iter().sum::<u64>()), (62, 65));
    assert_eq!(writer.status().files, 1);
}
