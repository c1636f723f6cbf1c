//! Killed at any moment, the store holds whole files with every row that was acknowledged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, SECOND, WINDOW, config, connections, flows, stored};
use netrig_model::Timestamp;
use netrig_store::{StoreReader, StoreWriter, Table};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD_DIR: &str = "NETRIG_TEST_CRASH_DIR";
const CHILD_FROM: &str = "NETRIG_TEST_CRASH_FROM";
const KILLS: u32 = 40;

/// Rows of window `i`: mostly few, at times enough that writing takes a while.
fn rows_of(i: i64) -> u64 {
    if i % 17 == 0 { 40_000 } else { 50 }
}

fn window_of(i: i64) -> (Timestamp, Timestamp) {
    // Steps of six minutes, so that hours finish and are joined all the time.
    let start = HOUR_0 + i * 360 * SECOND;
    (Timestamp(start), Timestamp(start + WINDOW))
}

/// What the child does until it is killed: append, say so, maintain.
fn write_for_ever(dir: &Path, from: i64) {
    let mut writer = StoreWriter::open(config(dir)).unwrap();
    let mut out = std::io::stdout().lock();
    for i in from.. {
        let w = window_of(i);
        // A file of each table is open at once, as in the rig; connections end first.
        let (mut ours, mut theirs) = (writer.begin(w), writer.begin(w));
        for (from, to) in [(0, rows_of(i) / 2), (rows_of(i) / 2, rows_of(i))] {
            ours.push(&flows(w, from, to));
            theirs.push(&connections(w, from / 4, to / 4));
        }
        writer.finish(theirs).unwrap();
        writer.finish(ours).unwrap();
        // Not println: the test harness would capture it.
        writeln!(out, "stored {i}").unwrap();
        out.flush().unwrap();
        writer.maintain(w.1.plus_ns(HOUR / 10)).unwrap();
    }
}

#[test]
fn killed_at_any_moment_every_acknowledged_row_is_there_once() {
    if let Ok(dir) = std::env::var(CHILD_DIR) {
        return write_for_ever(Path::new(&dir), std::env::var(CHILD_FROM).unwrap().parse().unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut next = 0;
    let mut killed_while_joining = false;
    for kill in 0..KILLS {
        let acknowledged = run_and_kill(dir.path(), next, Duration::from_micros(20_000 + u64::from(kill) * 7919));
        let mut windows = BTreeMap::<i64, u64>::new();
        for (start, _) in stored(dir.path()) {
            *windows.entry((start - HOUR_0) / (360 * SECOND)).or_default() += 1;
        }
        for (i, rows) in &windows {
            assert_eq!(*rows, rows_of(*i), "window {i} after kill {kill}");
        }
        let last = windows.keys().last().copied().unwrap_or(-1);
        let with_connections = windows_of_connections(dir.path());
        for (i, rows) in &with_connections {
            assert_eq!(*rows, rows_of(*i) / 4, "connections of window {i} after kill {kill}");
        }
        // A kill between the two leaves connections whose flows are not there; the next child stores both, once more.
        let more = with_connections.len() as i64 - (last + 1);
        assert!((0..=1).contains(&more), "{more} more windows of connections");
        if more == 1 {
            remove_last_connections(dir.path());
        }
        assert_eq!(windows.len() as i64, last + 1, "no window is missing");
        assert!(last >= acknowledged, "window {acknowledged} was acknowledged, {last} is the last one there");
        assert!(last <= acknowledged.max(next - 1) + 1, "at most one more than was acknowledged");
        killed_while_joining |= leftovers(dir.path()) > 0;
        next = last + 1;
    }
    assert!(next > 20, "the child hardly wrote: {next} windows");
    assert!(killed_while_joining, "no kill fell into a write, so this showed nothing");
    StoreWriter::open(config(dir.path())).unwrap();
    assert_eq!(leftovers(dir.path()), 0, "the next writer clears up");
}

fn windows_of_connections(dir: &Path) -> BTreeMap<i64, u64> {
    let mut windows = BTreeMap::<i64, u64>::new();
    let mut count = |start: Timestamp| *windows.entry((start.0 - HOUR_0) / (360 * SECOND)).or_default() += 1;
    StoreReader::open(dir).unwrap().connections(None, None, &mut |r| count(r.window_start)).unwrap();
    windows
}

fn remove_last_connections(dir: &Path) {
    let files = StoreReader::open(dir).unwrap().files(Table::Connections, None, None).unwrap();
    std::fs::remove_file(files.last().unwrap()).unwrap();
}

/// Gives the last window the child acknowledged, or −1.
fn run_and_kill(dir: &Path, from: i64, after: Duration) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "killed_at_any_moment_every_acknowledged_row_is_there_once"])
        .env(CHILD_DIR, dir)
        .env(CHILD_FROM, from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines =
        lines.map_while(Result::ok).filter_map(|l| l.split_once("stored ").and_then(|(_, n)| n.parse().ok()));
    let first: Option<i64> = lines.next();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.last().or(first).unwrap_or(-1)
}

fn leftovers(dir: &Path) -> usize {
    let count = |e: std::fs::DirEntry| match e.path() {
        path if path.is_dir() => leftovers(&path),
        path => usize::from(path.extension().is_some_and(|x| x == "tmp")),
    };
    std::fs::read_dir(dir).unwrap().map(|e| count(e.unwrap())).sum()
}
