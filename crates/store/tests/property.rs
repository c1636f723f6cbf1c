//! Whatever a clock does and whenever the rig restarts: every row handed over is read back exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, config, flow, stored};
use netrig_model::Timestamp;
use netrig_store::StoreWriter;
use proptest::prelude::*;

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
