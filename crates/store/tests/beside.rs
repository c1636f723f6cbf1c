//! A reader beside a writer that appends, joins and reduces sees every record once, always.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, SECOND, WINDOW, config, flow};
use netrig_model::Timestamp;
use netrig_store::{LeveledFlow, StoreReader, StoreWriter};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WINDOWS: u64 = 600;

#[test]
fn a_reader_never_misses_a_row_nor_sees_one_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let stored = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut readings = 0;
            loop {
                let at_least = stored.load(Ordering::Acquire);
                let mut seen = Vec::new();
                let reader = StoreReader::open(dir.path()).unwrap();
                reader.flows(None, None, &mut |r| seen.push(r.packets)).unwrap();
                seen.sort_unstable();
                // One window, one flow, numbered from 0: all up to some number, none missing, none twice.
                let want: Vec<_> = (0..seen.len() as u64).collect();
                assert_eq!(seen, want);
                assert!(seen.len() as u64 >= at_least, "{} rows after {at_least} were stored", seen.len());
                readings += 1;
                if at_least == WINDOWS {
                    return readings;
                }
            }
        });
        for n in 0..WINDOWS {
            let start = HOUR_0 + n as i64 * 300 * SECOND;
            let window = (Timestamp(start), Timestamp(start + WINDOW));
            writer.append_flows(window, &[flow(window, n)]).unwrap();
            stored.store(n + 1, Ordering::Release);
            writer.maintain(window.1.plus_ns(HOUR / 20)).unwrap();
        }
        assert!(reading.join().unwrap() > 10, "the reader hardly read");
    });
    assert!(writer.status().files < WINDOWS / 4, "hours were joined meanwhile");
}

/// How many records there are and the sum of their packets, over all levels of flows at one time.
fn of_all_levels(dir: &Path) -> (u64, u64) {
    let mut sums = (0, 0);
    let mut add = |records, packets| sums = (sums.0 + records, sums.1 + packets);
    let reader = StoreReader::open(dir).unwrap();
    reader
        .flows_of_all_levels(None, None, &mut |row| match row {
            LeveledFlow::Detail(flow) => add(1, flow.packets),
            LeveledFlow::Reduced(_, row) => add(row.records, row.packets),
        })
        .unwrap();
    sums
}

#[test]
fn a_reader_of_all_levels_sees_every_record_at_one_of_them_while_hours_are_reduced() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    writer.keep_detail(Some(Duration::from_secs(3600)));
    let stored = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut readings = 0;
            loop {
                let at_least = stored.load(Ordering::Acquire);
                let (records, packets) = of_all_levels(dir.path());
                // Window number n has one flow of n packets.
                assert_eq!(packets, (0..records).sum::<u64>(), "of {records} records");
                assert!(records >= at_least, "{records} records after {at_least} were stored");
                readings += 1;
                if at_least == WINDOWS {
                    return readings;
                }
            }
        });
        for n in 0..WINDOWS {
            let start = HOUR_0 + n as i64 * 300 * SECOND;
            let window = (Timestamp(start), Timestamp(start + WINDOW));
            writer.append_flows(window, &[flow(window, n)]).unwrap();
            stored.store(n + 1, Ordering::Release);
            writer.maintain(window.1).unwrap();
        }
        assert!(reading.join().unwrap() > 10, "the reader hardly read");
    });
    assert!(writer.status().hours_reduced > 20, "hours were reduced meanwhile");
}
