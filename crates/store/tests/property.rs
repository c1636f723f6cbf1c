//! Whatever a clock does and whenever the rig restarts: every row handed over is read back exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, burst, config, connection, drop_record, flow, latency, request, stored};
use netrig_model::Timestamp;
use netrig_store::{Record, StoreReader, StoreWriter, WindowFile};
use proptest::prelude::*;
use std::path::Path;

#[derive(Clone, Debug)]
enum Step {
    /// A window of so many minutes from that minute.
    Append(i64, i64),
    /// Maintenance at that minute.
    Maintain(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..240i64, 1..70i64).prop_map(|(start, length)| Step::Append(start, length)),
        2 => (0..400i64).prop_map(Step::Maintain),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_row_once(steps in prop::collection::vec(step(), 1..24)) {
        const MINUTE: i64 = HOUR / 60;
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        let mut given = Vec::new();
        for (n, step) in (0..).zip(&steps) {
            match step {
                Step::Append(start, length) => {
                    let start = HOUR_0 + start * MINUTE;
                    let window = (Timestamp(start), Timestamp(start + length * MINUTE));
                    writer.append_flows(window, &[flow(window, n), flow(window, n)]).unwrap();
                    given.extend([(start, n); 2]);
                }
                Step::Maintain(at) => drop(writer.maintain(Timestamp(HOUR_0 + at * MINUTE)).unwrap()),
                Step::Restart => {
                    drop(writer);
                    writer = StoreWriter::open(config(dir.path())).unwrap();
                }
            }
            let mut want = given.clone();
            want.sort_unstable();
            prop_assert_eq!(stored(dir.path()), want);
        }
    }
}

/// What may befall tables whose files are open at once.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// A row for the table of this number.
    Row(usize),
    /// The end of its window.
    End(usize),
    Append,
    Maintain,
}

const TABLES: usize = 6;

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        18 => (0..TABLES).prop_map(Part::Row),
        6 => (0..TABLES).prop_map(Part::End),
        1 => Just(Part::Append),
        1 => Just(Part::Maintain),
    ]
}

/// A table on its way to the disk. Windows are of unequal length, so that those of the tables do not end together.
struct Lane<R> {
    /// Length of a window.
    minutes: i64,
    /// How many windows there were, and the file of the one that is open.
    windows: i64,
    file: Option<WindowFile<R>>,
    /// Window's start and number of each row: those that must be there, and those in the open file.
    given: Vec<(i64, u64)>,
    open: Vec<(i64, u64)>,
    row: fn((Timestamp, Timestamp), u64) -> R,
    /// The number that a row was made from.
    number: fn(&R) -> u64,
}

impl<R: Record> Lane<R> {
    fn new(minutes: i64, row: fn((Timestamp, Timestamp), u64) -> R, number: fn(&R) -> u64) -> Self {
        Self { minutes, windows: 0, file: None, given: Vec::new(), open: Vec::new(), row, number }
    }

    fn window(&self) -> (Timestamp, Timestamp) {
        let start = HOUR_0 + self.windows * self.minutes * HOUR / 60;
        (Timestamp(start), Timestamp(start + self.minutes * HOUR / 60))
    }
}

/// What is the same for lanes of all kinds.
trait AnyLane {
    fn push(&mut self, writer: &StoreWriter, n: u64);
    fn end(&mut self, writer: &mut StoreWriter);
    /// What of it is on disk, and what should be.
    fn there_and_given(&self, dir: &Path) -> [Vec<(i64, u64)>; 2];
}

impl<R: Record> AnyLane for Lane<R> {
    fn push(&mut self, writer: &StoreWriter, n: u64) {
        let window = self.window();
        self.file.get_or_insert_with(|| writer.begin(window)).push(&[(self.row)(window, n)]);
        self.open.push((window.0.0, n));
    }

    fn end(&mut self, writer: &mut StoreWriter) {
        if let Some(file) = self.file.take() {
            writer.finish(file).unwrap();
            self.windows += 1;
        }
        self.given.append(&mut self.open);
    }

    fn there_and_given(&self, dir: &Path) -> [Vec<(i64, u64)>; 2] {
        let mut there = Vec::new();
        let mut take = |row: R| there.push((row.window().start.0, (self.number)(&row)));
        StoreReader::open(dir).unwrap().records(None, None, &mut take).unwrap();
        let mut given = self.given.clone();
        there.sort_unstable();
        given.sort_unstable();
        [there, given]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn every_row_of_all_tables_once_however_they_interleave(parts in prop::collection::vec(part(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        let mut flows = Lane::new(7, flow, |r| r.packets);
        let mut connections = Lane::new(3, connection, |r| r.connection_id);
        let mut latencies = Lane::new(5, latency, |r| r.samples - 1);
        let mut drops = Lane::new(11, drop_record, |r| r.packets - 1);
        let mut bursts = Lane::new(2, burst, |r| r.bytes - 100_000);
        let mut requests = Lane::new(13, request, |r| r.requests - 1);
        for (n, part) in (0..).zip(&parts) {
            if let Part::Append = part {
                // Into the window that is open.
                let window = flows.window();
                writer.append_flows(window, &[flow(window, n)]).unwrap();
                flows.given.push((window.0.0, n));
            }
            let lanes: [&mut dyn AnyLane; TABLES] =
                [&mut flows, &mut connections, &mut latencies, &mut drops, &mut bursts, &mut requests];
            match part {
                Part::Row(table) => lanes[*table].push(&writer, n),
                Part::End(table) => lanes[*table].end(&mut writer),
                Part::Append => {}
                Part::Maintain => drop(writer.maintain(Timestamp(HOUR_0 + 30 * HOUR)).unwrap()),
            }
            for lane in lanes {
                let [there, given] = lane.there_and_given(dir.path());
                prop_assert_eq!(there, given);
            }
        }
    }
}
