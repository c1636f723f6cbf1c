//! A reader beside a writer that appends and joins sees every row once, always.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, SECOND, WINDOW, config, flow};
use netrig_model::Timestamp;
use netrig_store::{StoreReader, StoreWriter};
use std::sync::atomic::{AtomicU64, Ordering};

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
