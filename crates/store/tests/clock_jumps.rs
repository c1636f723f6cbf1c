//! A wall clock that jumps ahead by days and comes back, or is set back by hours, costs no record.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, SECOND, WINDOW, config, flow, flows, ledger, window};
use netrig_model::{FlowRecord, Timestamp};
use netrig_store::{LeveledFlow, Segment, StoreConfig, StoreReader, StoreWriter, Table};
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

const DAY: i64 = 24 * HOUR;
const MINUTE: i64 = 60 * SECOND;

/// Packets, bytes and records of all levels.
fn sums(dir: &Path) -> [u64; 3] {
    let mut sums = [0; 3];
    let mut add = |values: [u64; 3]| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    let reader = StoreReader::open(dir).unwrap();
    reader
        .flows_of_all_levels(None, None, &mut |row| match row {
            LeveledFlow::Detail(f) => add([f.packets, f.bytes, 1]),
            LeveledFlow::Reduced(_, r) => add([r.packets, r.bytes, r.records]),
        })
        .unwrap();
    sums
}

fn grow(all: &mut [u64; 3], rows: &[FlowRecord]) {
    let of = [rows.iter().map(|f| f.packets).sum(), rows.iter().map(|f| f.bytes).sum(), rows.len() as u64];
    all.iter_mut().zip(of).for_each(|(sum, value)| *sum += value);
}

/// The rows of detail that a window has.
fn detail_of(dir: &Path, window: (Timestamp, Timestamp)) -> usize {
    let mut rows = 0;
    let reader = StoreReader::open(dir).unwrap();
    let mut count = |f: FlowRecord| rows += usize::from((f.window_start, f.window_end) == window);
    reader.flows(Some(window.0), Some(window.1), &mut count).unwrap();
    rows
}

fn segments(dir: &Path, table: Table) -> Vec<Segment> {
    StoreReader::open(dir).unwrap().segments(table, None, None).unwrap()
}

/// A rig's windows by a clock that can be set.
struct Rig {
    writer: StoreWriter,
    now: i64,
    windows: u64,
    all: [u64; 3],
}

impl Rig {
    fn new(config: StoreConfig) -> Self {
        Self { writer: StoreWriter::open(config).unwrap(), now: HOUR_0, windows: 0, all: [0; 3] }
    }

    /// The next window of so many nanoseconds ends: it is stored, and upkeep is done as the rig does it.
    fn window(&mut self, length_ns: i64, rows: u64) -> (Timestamp, Timestamp) {
        let start = Timestamp(self.now).window_start(length_ns);
        let window = (start, start.plus_ns(length_ns));
        let rows = flows(window, self.windows, self.windows + rows);
        self.writer.append_flows(window, &rows).unwrap();
        self.writer.append_ledger(window, &[ledger(window, 1)]).unwrap();
        grow(&mut self.all, &rows);
        self.writer.maintain(window.1).unwrap();
        self.now = window.1.0;
        self.windows += 1;
        window
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Windows(u8),
    /// By so many minutes, either way.
    Set(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_u8).prop_map(Step::Windows),
        2 => (-5 * 60..0_i64).prop_map(Step::Set),
        1 => (0..40 * 24 * 60_i64).prop_map(Step::Set),
        1 => (-40 * 24 * 60..0_i64).prop_map(Step::Set),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn however_the_clock_is_set_sums_are_exact_and_the_newest_window_is_there(
        steps in prop::collection::vec(step(), 1..14), minutes in prop::sample::select(vec![1, 10, 60_i64])
    ) {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let mut rig = Rig::new(config.clone());
        rig.writer.keep_detail(Some(Duration::from_secs(3600)));
        for step in steps {
            match step {
                Step::Set(minutes) => rig.now += minutes * MINUTE,
                Step::Restart => {
                    drop(rig.writer);
                    rig.writer = StoreWriter::open(config.clone()).unwrap();
                    rig.writer.keep_detail(Some(Duration::from_secs(3600)));
                }
                Step::Windows(count) => {
                    for _ in 0..count {
                        let window = rig.window(minutes * MINUTE, 3);
                        prop_assert!(detail_of(dir.path(), window) >= 3, "the newest window");
                    }
                }
            }
            prop_assert_eq!(sums(dir.path()), rig.all);
        }
        while rig.writer.maintain(Timestamp(rig.now + 50 * DAY)).unwrap().unfinished {}
        prop_assert_eq!(sums(dir.path()), rig.all);
        prop_assert_eq!(rig.writer.status().files_retired, 0);
    }
}

#[test]
fn a_clock_that_jumps_weeks_ahead_and_comes_back_within_an_hour_removes_and_reduces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(StoreConfig { retain: Duration::from_secs(2 * 86_400), ..config(dir.path()) });
    rig.writer.keep_detail(Some(Duration::from_secs(86_400)));
    for _ in 0..36 {
        rig.window(5 * MINUTE, 5);
    }
    let right = rig.now;
    rig.now += 30 * DAY;
    for _ in 0..10 {
        rig.window(5 * MINUTE, 5);
        assert_eq!(sums(dir.path()), rig.all);
    }
    rig.now = right + 50 * MINUTE;
    for _ in 0..36 {
        rig.window(5 * MINUTE, 5);
    }
    assert_eq!(sums(dir.path()), rig.all);
    assert_eq!((segments(dir.path(), Table::FlowsMinute), rig.writer.status().files_retired), (vec![], 0));
    // A clock that stays where it jumped to is right.
    rig.now += 30 * DAY;
    let first = rig.window(5 * MINUTE, 5);
    for _ in 0..12 {
        rig.window(5 * MINUTE, 5);
    }
    let old = |s: &Segment| s.range.end < first.0 && s.range.start < Timestamp(right + DAY);
    assert!(!segments(dir.path(), Table::Flows).iter().any(old), "what is too old by now has gone");
    assert!(rig.writer.status().files_retired > 0);
}

#[test]
fn a_rig_that_starts_with_a_wrong_clock_keeps_what_an_earlier_one_stored() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { retain: Duration::from_secs(86_400), ..config(dir.path()) };
    let mut rig = Rig::new(config.clone());
    for _ in 0..8 {
        rig.window(5 * MINUTE, 5);
    }
    let (all, right) = (rig.all, rig.now);
    for wrong in [right + 4000 * DAY, 0, right - 40 * DAY] {
        drop(rig.writer);
        rig.writer = StoreWriter::open(config.clone()).unwrap();
        rig.now = wrong;
        for _ in 0..6 {
            rig.window(5 * MINUTE, 5);
        }
        rig.now = right;
        for _ in 0..6 {
            rig.window(5 * MINUTE, 5);
        }
        assert!(sums(dir.path()).iter().zip(all).all(|(there, before)| *there >= before));
        assert_eq!(rig.writer.status().files_retired, 0, "{wrong}");
    }
    assert_eq!(sums(dir.path()), rig.all);
}

#[test]
fn the_newest_window_stays_in_a_full_store_whose_clock_was_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(StoreConfig { budget_bytes: 300_000, ..config(dir.path()) });
    for _ in 0..40 {
        rig.window(MINUTE, 100);
    }
    for back in [2 * HOUR, 3 * DAY, 20_000 * DAY] {
        rig.now -= back;
        for n in 0..15 {
            let newest = rig.window(MINUTE, 100);
            assert_eq!(detail_of(dir.path(), newest), 100, "window {n} after {back} ns");
            assert!(rig.writer.status().bytes <= 300_000);
        }
    }
}

#[test]
fn an_hour_that_is_not_joined_for_now_is_tried_again_although_the_clock_had_jumped_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    for i in [0, 10] {
        writer.append_flows(window(i), &[flow(window(i), 1)]).unwrap();
    }
    let victim = segments(dir.path(), Table::Flows).remove(0).path;
    let whole = std::fs::read(&victim).unwrap();
    std::fs::write(&victim, b"PAR1 not at all PAR1").unwrap();
    assert!(writer.maintain(Timestamp(HOUR_0 + 100 * DAY)).is_err());
    std::fs::write(&victim, whole).unwrap();
    // Back again, and two hours later.
    let done = writer.maintain(Timestamp(HOUR_0 + 2 * HOUR)).unwrap();
    assert_eq!(done.files_joined, 2);
    assert_eq!(segments(dir.path(), Table::Flows)[0].range.end.0, HOUR_0 + 10 * SECOND + WINDOW);
}

#[test]
fn a_window_that_ends_before_it_began_is_stored_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::open(config(dir.path())).unwrap();
    let back = (window(50).1, window(20).0);
    let rows = [ledger(back, 7)];
    assert!(rows[0].window_end < rows[0].window_start);
    writer.append_ledger(back, &rows).unwrap();
    let mut read = Vec::new();
    StoreReader::open(dir.path()).unwrap().ledger(None, None, &mut |row| read.push(row)).unwrap();
    assert_eq!(read, rows);
}
