//! Whatever a clock does and whenever the rig restarts: every row handed over is read back exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, connection, flow, latency, stored};
use netrig_model::{ConnectionRecord, FlowRecord, LatencyRecord, Timestamp};
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

/// What may befall the three tables whose files are open at once.
#[derive(Clone, Copy, Debug)]
enum Part {
    Flow,
    Connection,
    Latency,
    EndFlows,
    EndConnections,
    EndLatency,
    Append,
    Maintain,
}

fn part() -> impl Strategy<Value = Part> {
    use Part::{Append, Connection, EndConnections, EndFlows, EndLatency, Flow, Latency, Maintain};
    prop_oneof![
        6 => Just(Flow), 6 => Just(Connection), 6 => Just(Latency), 2 => Just(EndFlows), 2 => Just(EndConnections),
        2 => Just(EndLatency), 1 => Just(Append), 1 => Just(Maintain)
    ]
}

/// A table's window: how many there were, and its file, if one is open.
struct Open<R>(i64, Option<WindowFile<R>>);

/// Window's start and number of each row: those that must be there, and those in a file that is open.
#[derive(Default)]
struct Rows {
    given: Vec<(i64, u64)>,
    open: Vec<(i64, u64)>,
}

impl Rows {
    fn end(&mut self) {
        self.given.append(&mut self.open);
        self.given.sort_unstable();
    }
}

/// What of a table is on disk.
fn there<R: Record>(dir: &Path, number: fn(&R) -> u64) -> Vec<(i64, u64)> {
    let mut rows = Vec::new();
    let mut take = |row: R| rows.push((row.window().start.0, number(&row)));
    StoreReader::open(dir).unwrap().records(None, None, &mut take).unwrap();
    rows.sort_unstable();
    rows
}

impl<R: Record> Open<R> {
    /// Of unequal length, so that the tables' windows do not end together.
    fn window(&self, minutes: i64) -> (Timestamp, Timestamp) {
        let start = HOUR_0 + self.0 * minutes * HOUR / 60;
        (Timestamp(start), Timestamp(start + minutes * HOUR / 60))
    }

    fn push(&mut self, writer: &StoreWriter, minutes: i64, row: impl Fn((Timestamp, Timestamp)) -> R) -> i64 {
        let window = self.window(minutes);
        self.1.get_or_insert_with(|| writer.begin(window)).push(&[row(window)]);
        window.0.0
    }

    fn end(&mut self, writer: &mut StoreWriter) {
        if let Some(file) = self.1.take() {
            writer.finish(file).unwrap();
            self.0 += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn every_row_of_all_tables_once_however_they_interleave(parts in prop::collection::vec(part(), 1..50)) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::open(config(dir.path())).unwrap();
        let (mut flows, mut connections) = (Open::<FlowRecord>(0, None), Open::<ConnectionRecord>(0, None));
        let mut latencies = Open::<LatencyRecord>(0, None);
        let (mut of_flows, mut of_connections, mut of_latency) = (Rows::default(), Rows::default(), Rows::default());
        for (n, part) in (0..).zip(&parts) {
            match part {
                Part::Flow => of_flows.open.push((flows.push(&writer, 7, |w| flow(w, n)), n)),
                Part::Connection => of_connections.open.push((connections.push(&writer, 3, |w| connection(w, n)), n)),
                Part::Latency => of_latency.open.push((latencies.push(&writer, 5, |w| latency(w, n)), n)),
                Part::EndFlows => {
                    flows.end(&mut writer);
                    of_flows.end();
                }
                Part::EndConnections => {
                    connections.end(&mut writer);
                    of_connections.end();
                }
                Part::EndLatency => {
                    latencies.end(&mut writer);
                    of_latency.end();
                }
                Part::Append => {
                    // Into the window that is open.
                    let window = flows.window(7);
                    writer.append_flows(window, &[flow(window, n)]).unwrap();
                    of_flows.given.push((window.0.0, n));
                    of_flows.given.sort_unstable();
                }
                Part::Maintain => drop(writer.maintain(Timestamp(HOUR_0 + 30 * HOUR)).unwrap()),
            }
            prop_assert_eq!(&stored(dir.path()), &of_flows.given);
            prop_assert_eq!(&there(dir.path(), |r: &ConnectionRecord| r.connection_id), &of_connections.given);
            prop_assert_eq!(&there(dir.path(), |r: &LatencyRecord| r.samples - 1), &of_latency.given);
        }
    }
}
