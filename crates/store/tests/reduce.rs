//! Old flows become coarser before they go, and nobody ever sees one twice, or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, WINDOW, config, connections, flow, flows, ledger, window};
use netrig_model::{FlowRecord, Timestamp};
use netrig_store::reduce::Level;
use netrig_store::{LeveledFlow, Segment, StoreConfig, StoreReader, StoreWriter, Table};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Packets, bytes, reverse packets, reverse bytes and flow records of all levels together.
fn sums(dir: &Path) -> [u64; 5] {
    let mut sums = [0; 5];
    let reader = StoreReader::open(dir).unwrap();
    let mut add = |values: [u64; 5]| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    reader
        .flows_of_all_levels(None, None, &mut |row| match row {
            LeveledFlow::Detail(f) => add([f.packets, f.bytes, f.reverse_packets, f.reverse_bytes, 1]),
            LeveledFlow::Reduced(_, r) => add([r.packets, r.bytes, r.reverse_packets, r.reverse_bytes, r.records]),
        })
        .unwrap();
    sums
}

fn sums_of(rows: &[FlowRecord]) -> [u64; 5] {
    let sum = |get: fn(&FlowRecord) -> u64| rows.iter().map(get).sum();
    [sum(|f| f.packets), sum(|f| f.bytes), sum(|f| f.reverse_packets), sum(|f| f.reverse_bytes), rows.len() as u64]
}

fn segments(dir: &Path, table: Table) -> Vec<Segment> {
    StoreReader::open(dir).unwrap().segments(table, None, None).unwrap()
}

fn bytes_on_disk(dir: &Path) -> u64 {
    let size = |path: std::path::PathBuf| {
        if path.is_dir() { bytes_on_disk(&path) } else { path.metadata().map_or(0, |meta| meta.len()) }
    };
    fs::read_dir(dir).unwrap().map(|entry| size(entry.unwrap().path())).sum()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn settle(writer: &mut StoreWriter, now: Timestamp) {
    while writer.maintain(now).unwrap().unfinished {}
}

#[test]
fn within_its_budget_the_store_keeps_all_sums_for_much_longer_than_detail_would_last() {
    let dir = tempfile::tempdir().unwrap();
    let budget_bytes = 1_200_000;
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes, ..config(dir.path()) }).unwrap();
    let mut all = [0; 5];
    // Two hours, of which the detail alone would take three times the budget.
    for i in 0..720 {
        let w = window(i * 10);
        let rows = flows(w, 0, 120);
        all.iter_mut().zip(sums_of(&rows)).for_each(|(sum, add)| *sum += add);
        writer.append_flows(w, &rows).unwrap();
        assert!(bytes_on_disk(dir.path()) <= budget_bytes, "after window {i}");
        writer.maintain(w.1).unwrap();
        assert!(bytes_on_disk(dir.path()) <= budget_bytes, "after the upkeep of window {i}");
        assert!(writer.status().bytes <= budget_bytes);
    }
    assert_eq!(sums(dir.path()), all);
    let status = writer.status();
    assert_eq!((status.files_retired, status.windows_over_budget), (0, 0));
    assert!(status.hours_reduced > 3, "{status:?}");
    let newest = segments(dir.path(), Table::Flows).iter().map(|s| s.range.end).max();
    assert_eq!(newest, Some(window(7190).1), "the newest window is there as it was told");
}

#[test]
fn each_level_is_older_than_the_finer_one_and_the_coarsest_goes_last() {
    let dir = tempfile::tempdir().unwrap();
    let budget_bytes = 300_000;
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes, ..config(dir.path()) }).unwrap();
    // A window every five minutes, for three days.
    for i in 0..864 {
        let w = window(i * 300);
        writer.append_flows(w, &flows(w, i as u64 % 50, i as u64 % 50 + 100)).unwrap();
        writer.append_ledger(w, &[ledger(w, 1)]).unwrap();
        writer.maintain(w.1).unwrap();
        if i % 40 == 0 {
            assert!(bytes_on_disk(dir.path()) <= budget_bytes, "after window {i}");
        }
    }
    let spans: Vec<_> = Table::FLOW_LEVELS
        .iter()
        .map(|table| {
            let all = segments(dir.path(), *table);
            let start = all.iter().map(|s| s.range.start).min().unwrap();
            (start, all.iter().map(|s| s.range.end).max().unwrap())
        })
        .collect();
    let [detail, minutes, hours] = spans[..] else { panic!("three levels") };
    assert!(hours.1 <= minutes.0 && minutes.1 <= detail.0, "{spans:?}");
    assert_eq!(detail.1, window(863 * 300).1);
    assert!(writer.status().files_retired > 0);
    // Other tables share the room and are not pushed out by flows.
    assert!(!segments(dir.path(), Table::Ledger).is_empty());
}

/// A store with an hour of detail that is old enough to be reduced, and a newer window.
fn aged(dir: &Path) -> (StoreWriter, [u64; 5]) {
    let mut writer = StoreWriter::open(config(dir)).unwrap();
    writer.keep_detail(Some(Duration::from_secs(3600)));
    let mut all = [0; 5];
    for i in (0..3600).step_by(120).chain([7200]) {
        let rows = flows(window(i), 0, 5000);
        all.iter_mut().zip(sums_of(&rows)).for_each(|(sum, add)| *sum += add);
        writer.append_flows(window(i), &rows).unwrap();
    }
    (writer, all)
}

const LATER: Timestamp = Timestamp(HOUR_0 + 3 * HOUR);

#[test]
fn detail_of_a_certain_age_becomes_minutes_even_where_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, all) = aged(dir.path());
    settle(&mut writer, Timestamp(HOUR_0 + HOUR + HOUR / 2));
    assert_eq!(segments(dir.path(), Table::FlowsMinute), [], "not old enough");
    settle(&mut writer, LATER);
    assert_eq!((segments(dir.path(), Table::FlowsMinute).len(), segments(dir.path(), Table::Flows).len()), (1, 1));
    assert_eq!(sums(dir.path()), all);
    let mut ports = 0;
    let reader = StoreReader::open(dir.path()).unwrap();
    let until = Some(window(3600).0);
    reader
        .flows_of_all_levels(None, until, &mut |row| match row {
            LeveledFlow::Reduced(Level::Minute, row) => ports += usize::from(row.src_port.is_some()),
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_eq!(ports, 0);
}

#[test]
fn killed_at_any_moment_of_a_reduction_no_row_is_doubled_or_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, all) = aged(dir.path());
    let before = tempfile::tempdir().unwrap();
    copy(dir.path(), before.path());
    let (mut moments, mut half_done) = (0, 0);
    loop {
        let unfinished = writer.maintain(LATER).unwrap().unfinished;
        // What a reader sees now, and what the next process finds if this one dies here.
        assert_eq!(sums(dir.path()), all, "moment {moments}");
        let dead = tempfile::tempdir().unwrap();
        copy(dir.path(), dead.path());
        half_done += leftovers(dead.path());
        drop(StoreWriter::open(config(dead.path())).unwrap());
        assert_eq!((sums(dead.path()), leftovers(dead.path())), (all, 0), "after moment {moments}");
        moments += 1;
        if !unfinished {
            break;
        }
    }
    assert!(half_done > 0, "no copy was made while a file was being written: {moments} moments");
    drop(writer);
    // Between the rename and each of the deletes: the finer files are still there, or some of them.
    let finer = segments(before.path(), Table::Flows);
    for kept in 0..finer.len() {
        let dead = tempfile::tempdir().unwrap();
        copy(dir.path(), dead.path());
        for segment in &finer[kept..] {
            let target = dead.path().join(segment.path.strip_prefix(before.path()).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&segment.path, target).unwrap();
        }
        assert_eq!(sums(dead.path()), all, "{kept} removed");
        drop(StoreWriter::open(config(dead.path())).unwrap());
        assert_eq!(sums(dead.path()), all, "{kept} removed, and opened again");
        assert_eq!(segments(dead.path(), Table::Flows).len(), 1);
    }
}

fn leftovers(dir: &Path) -> usize {
    let count = |entry: fs::DirEntry| match entry.path() {
        path if path.is_dir() => leftovers(&path),
        path => usize::from(path.extension().is_some_and(|x| x == "tmp")),
    };
    fs::read_dir(dir).unwrap().map(|entry| count(entry.unwrap())).sum()
}

#[test]
fn a_reduction_that_fails_loses_nothing_says_why_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, all) = aged(dir.path());
    let in_the_way = dir.path().join("flows_1m");
    fs::write(&in_the_way, "not a folder").unwrap();
    let error = writer.maintain(LATER).unwrap_err().to_string();
    assert!(error.contains("flows_1m"), "{error}");
    assert!(writer.status().detail.contains("not reduced for now"), "{}", writer.status().detail);
    settle(&mut writer, LATER);
    assert_eq!(sums(dir.path()), all);
    fs::remove_file(&in_the_way).unwrap();
    settle(&mut writer, LATER.plus_ns(2 * HOUR));
    assert_eq!((sums(dir.path()), segments(dir.path(), Table::Flows).len()), (all, 1));
}

#[test]
fn a_damaged_file_stops_only_its_own_hour() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.keep_detail(Some(Duration::from_secs(3600)));
    for i in [0, 10, 3600, 3610, 7200] {
        writer.append_flows(window(i), &[flow(window(i), 1)]).unwrap();
    }
    let victim = segments(dir.path(), Table::Flows).remove(1).path;
    fs::write(&victim, b"PAR1 not at all PAR1").unwrap();
    let now = Timestamp(HOUR_0 + 5 * HOUR);
    let error = writer.maintain(now).unwrap_err().to_string();
    assert!(error.contains(victim.to_str().unwrap()), "{error}");
    for _ in 0..5 {
        let _ = writer.maintain(now);
    }
    assert_eq!(segments(dir.path(), Table::FlowsMinute).len(), 1, "the other hour");
    assert!(victim.exists());
}

#[test]
fn what_comes_late_for_an_hour_that_was_reduced_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut all) = aged(dir.path());
    settle(&mut writer, LATER);
    for (i, later) in [(240, LATER), (250, LATER.plus_ns(HOUR)), (240, LATER.plus_ns(2 * HOUR))] {
        // What was written last stays detail: another window follows, as it does in a rig.
        for window in [window(i), (later.plus_ns(-WINDOW), later)] {
            let rows = flows(window, 0, 100);
            all.iter_mut().zip(sums_of(&rows)).for_each(|(sum, add)| *sum += add);
            writer.append_flows(window, &rows).unwrap();
            assert_eq!(sums(dir.path()), all, "as detail");
        }
        settle(&mut writer, later);
        assert_eq!(sums(dir.path()), all, "reduced");
        let of_hour = |table| segments(dir.path(), table).iter().filter(|s| s.range.start.0 < HOUR_0 + HOUR).count();
        let of_levels = [Table::Flows, Table::FlowsMinute].map(of_hour);
        assert_eq!(of_levels, [0, 1], "with what there was of the hour");
    }
}

#[test]
fn a_window_that_comes_while_its_hour_is_being_reduced_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut all) = aged(dir.path());
    assert!(writer.maintain(LATER).unwrap().unfinished);
    for i in [245, 240, 5] {
        let rows = flows(window(i), 0, 10);
        all.iter_mut().zip(sums_of(&rows)).for_each(|(sum, add)| *sum += add);
        writer.append_flows(window(i), &rows).unwrap();
        assert_eq!(sums(dir.path()), all);
    }
    settle(&mut writer, LATER);
    assert_eq!(sums(dir.path()), all);
}

#[test]
fn a_window_larger_than_the_budget_is_kept_said_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let budget_bytes = 20_000;
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes, ..config(dir.path()) }).unwrap();
    for i in 0..5 {
        let w = window(i * 10);
        writer.append_connections(w, &connections(w, 0, 10)).unwrap();
        writer.append_flows(w, &flows(w, 0, 10_000)).unwrap();
        writer.maintain(w.1).unwrap();
        let left = segments(dir.path(), Table::Flows);
        assert_eq!((left.len(), left[0].range.end), (1, w.1));
    }
    let status = writer.status();
    assert_eq!(status.windows_over_budget, 5, "each once: {status:?}");
    assert!(status.detail.contains("raise [store] budget") && status.detail.contains("20000"), "{}", status.detail);
    assert!(status.writing);
}

#[test]
fn rows_that_are_pushed_a_little_at_a_time_find_room_within_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let budget_bytes = 4 << 20;
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes, ..config(dir.path()) }).unwrap();
    for i in 0..60 {
        let w = window(i * 10);
        let mut file = writer.begin(w);
        for part in 0..3 {
            file.push(&flows(w, part * 4000, (part + 1) * 4000));
            writer.make_room(&file);
            assert!(bytes_on_disk(dir.path()) <= budget_bytes, "window {i}, part {part}");
        }
        writer.finish(file).unwrap();
        assert!(bytes_on_disk(dir.path()) <= budget_bytes, "window {i}");
        writer.maintain(w.1).unwrap();
        assert!(bytes_on_disk(dir.path()) <= budget_bytes, "upkeep of window {i}");
    }
    assert!(writer.status().windows_over_budget == 0 && writer.status().hours_reduced > 0, "{:?}", writer.status());
}
