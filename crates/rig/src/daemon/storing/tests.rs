//! The store's thread: all tables at once, what is pending, and what is lost.

use super::*;
use burst::bursts;
use connection::connections;
use drop::drop_records;
use latency::latencies;
use netrig_store::StoreReader;
use request::requests;
use std::path::Path;

#[path = "../../../../store/tests/common/burst.rs"]
mod burst;
#[path = "../../../../store/tests/common/connection.rs"]
mod connection;
#[path = "../../../../store/tests/common/drop.rs"]
mod drop;
#[path = "../../../../store/tests/common/latency.rs"]
mod latency;
#[path = "../../../../store/tests/common/request.rs"]
mod request;

fn window(n: i64) -> Window {
    (Timestamp(n * 10), Timestamp(n * 10 + 10))
}

fn flows(window: Window, count: u64) -> Vec<FlowRecord> {
    let text = r#"{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:00Z",
        "first_seen":"1970-01-01T00:00:00Z","last_seen":"1970-01-01T00:00:00Z","protocol":6,"packets":1,"bytes":60,
        "reverse_packets":0,"reverse_bytes":0,"sampling_rate":1,"end_reason":"idle"}"#;
    let one: FlowRecord = serde_json::from_str(text).expect("record");
    let of_window = FlowRecord { window_start: window.0, window_end: window.1, ..one };
    (0..count).map(|packets| FlowRecord { packets, ..of_window.clone() }).collect()
}

fn ledger(window: Window) -> Vec<LedgerRecord> {
    vec![LedgerRecord { window_start: window.0, window_end: window.1, ..LedgerRecord::default() }]
}

fn start(dir: &Path) -> Storing {
    let (retain, budget_bytes) = (Duration::from_secs(1_000_000), u64::MAX);
    let limits = Limits { retain, detail_retain: retain, budget_bytes };
    Storing::start(StoreConfig { dir: dir.to_owned(), retain, budget_bytes }, limits).expect("store")
}

/// Rows of each window on disk, in order.
fn stored<R: Record>(dir: &Path) -> Vec<(i64, usize)> {
    let mut windows = std::collections::BTreeMap::<i64, usize>::new();
    let mut count = |row: R| *windows.entry(row.window().start.0).or_default() += 1;
    StoreReader::open(dir).expect("store").records(None, None, &mut count).expect("rows");
    windows.into_iter().collect()
}

#[test]
fn windows_of_all_tables_may_be_under_way_at_once() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    let nothing = &mut || ();
    store.rows(window(0), flows(window(0), 100), nothing);
    store.connection_rows(window(0), connections(window(0), 0, 30), nothing);
    store.latency_rows(window(0), latencies(window(0), 0, 24), nothing);
    store.drop_rows(window(0), drop_records(window(0), 0, 12), nothing);
    store.burst_rows(window(0), bursts(window(0), 0, 4), nothing);
    store.requests(window(0), requests(window(0), 0, 9), nothing);
    store.rows(window(0), flows(window(0), 20), nothing);
    store.close_connections(window(0), nothing);
    store.connection_rows(window(1), connections(window(1), 0, 5), nothing);
    store.close(window(0), ledger(window(0)), nothing);
    store.rows(window(2), flows(window(2), 7), nothing);
    store.connection_rows(window(1), connections(window(1), 5, 9), nothing);
    store.latency_rows(window(0), latencies(window(0), 24, 36), nothing);
    store.close_latency(window(0), nothing);
    store.drop_rows(window(0), drop_records(window(0), 12, 15), nothing);
    store.close_bursts(window(0), nothing);
    store.close_drops(window(0), nothing);
    store.requests(window(0), requests(window(0), 9, 10), nothing);
    store.close_requests(window(0), nothing);
    store.requests(window(1), requests(window(1), 0, 2), nothing);
    store.burst_rows(window(1), bursts(window(1), 0, 3), nothing);
    store.latency_rows(window(1), latencies(window(1), 0, 12), nothing);
    // None is closed: the rig stops here.
    drop(store);
    assert_eq!(stored::<FlowRecord>(dir.path()), [(0, 120), (20, 7)]);
    assert_eq!(stored::<ConnectionRecord>(dir.path()), [(0, 30), (10, 9)]);
    assert_eq!(stored::<LatencyRecord>(dir.path()), [(0, 36), (10, 12)]);
    assert_eq!(stored::<DropRecord>(dir.path()), [(0, 15)]);
    assert_eq!(stored::<BurstRecord>(dir.path()), [(0, 4), (10, 3)]);
    assert_eq!(stored::<RequestRecord>(dir.path()), [(0, 10), (10, 2)]);
    assert_eq!(stored::<LedgerRecord>(dir.path()), [(0, 1)]);
}

#[test]
fn what_is_pending_and_what_is_stored_are_all_records() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    let nothing = &mut || ();
    let mut told = 0;
    for n in 0..50 {
        let (begin, end) = window(n);
        store.rows(window(n), flows(window(n), 10), nothing);
        // Every third window of connections is closed early: they need not end with those of flows.
        let cut = if n % 3 == 0 { begin.plus_ns(4) } else { end };
        for part in [(begin, cut), (cut, end)] {
            if part.0 < part.1 {
                store.connection_rows(part, connections(part, 0, 20), nothing);
                store.connection_rows(part, connections(part, 20, 23), nothing);
                store.close_connections(part, nothing);
                told += 23;
            }
        }
        store.close(window(n), ledger(window(n)), nothing);
        let (chunks, before) = store.pending_connections(end).expect("few are kept at hand");
        let pending: usize = chunks.iter().map(|rows| rows.len()).sum();
        let mut on_disk = 0;
        let reader = StoreReader::open(dir.path()).expect("store");
        reader.connections(None, Some(before), &mut |_| on_disk += 1).expect("rows");
        assert_eq!(pending + on_disk, told, "after window {n}, stored before {before}");
    }
}

#[test]
fn of_a_large_window_none_are_kept_and_one_is_asked_to_wait() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    for n in 0..40 {
        store.connection_rows(window(0), connections(window(0), n * 10, n * 10 + 10), &mut || ());
    }
    // What is open is not pending, however large.
    assert!(store.pending_connections(window(0).0).is_some_and(|(chunks, _)| chunks.is_empty()));
    assert!(store.pending_connections(window(1).0).is_none());
    assert!(store.pending(window(1).0).is_some(), "flows have no part in it");
    store.close_connections(window(0), &mut || ());
    let (chunks, before) = loop {
        match store.pending_connections(window(1).0) {
            Some(pending) => break pending,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    assert_eq!((chunks.len(), before), (0, window(1).0));
    assert_eq!(stored::<ConnectionRecord>(dir.path()), [(0, 400)]);
}

#[test]
fn latency_is_pending_until_it_is_stored_and_then_not_any_more() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    let nothing = &mut || ();
    let mut told = 0;
    for n in 0..50 {
        store.latency_rows(window(n), latencies(window(n), 0, 24), nothing);
        store.latency_rows(window(n), latencies(window(n), 24, 30), nothing);
        store.close_latency(window(n), nothing);
        // Windows of others end in between.
        store.rows(window(n), flows(window(n), 10), nothing);
        store.close(window(n), ledger(window(n)), nothing);
        told += 30;
        let (chunks, before) = store.pending_latency(window(n).1).expect("few are kept at hand");
        let pending: usize = chunks.iter().map(|rows| rows.len()).sum();
        let mut on_disk = 0;
        let reader = StoreReader::open(dir.path()).expect("store");
        reader.latency(None, Some(before), &mut |_| on_disk += 1).expect("rows");
        assert_eq!(pending + on_disk, told, "after window {n}, stored before {before}");
    }
    drop(store);
    assert_eq!(stored::<LatencyRecord>(dir.path()), (0..50).map(|n| (n * 10, 30)).collect::<Vec<_>>());
}

#[test]
fn drops_bursts_and_requests_are_pending_until_they_are_stored() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    let nothing = &mut || ();
    for n in 0..20 {
        store.drop_rows(window(n), drop_records(window(n), 0, 7), nothing);
        store.burst_rows(window(n), bursts(window(n), 0, 2), nothing);
        store.close_bursts(window(n), nothing);
        store.close_drops(window(n), nothing);
        store.requests(window(n), requests(window(n), 0, 3), nothing);
        store.close_requests(window(n), nothing);
        let (drops, drops_before) = store.pending_drops(window(n).1).expect("few are kept at hand");
        let (bursts, bursts_before) = store.pending_bursts(window(n).1).expect("few are kept at hand");
        let (requests, requests_before) = store.pending_requests(window(n).1).expect("few are kept at hand");
        let mut drop_count: usize = drops.iter().map(|rows| rows.len()).sum();
        let mut burst_count: usize = bursts.iter().map(|rows| rows.len()).sum();
        let reader = StoreReader::open(dir.path()).expect("store");
        let mut request_count: usize = requests.iter().map(|rows| rows.len()).sum();
        reader.requests(None, Some(requests_before), &mut |_| request_count += 1).expect("rows");
        reader.drops(None, Some(drops_before), &mut |_| drop_count += 1).expect("rows");
        reader.bursts(None, Some(bursts_before), &mut |_| burst_count += 1).expect("rows");
        let told = n as usize + 1;
        assert_eq!((drop_count, burst_count, request_count), (told * 7, told * 2, told * 3), "after window {n}");
    }
}

#[test]
fn a_window_that_is_never_closed_ends_with_the_next() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    store.rows(window(5), flows(window(5), 3), &mut || ());
    // The clock is set back.
    store.rows(window(1), flows(window(1), 4), &mut || ());
    store.close(window(1), ledger(window(1)), &mut || ());
    drop(store);
    assert_eq!(stored::<FlowRecord>(dir.path()), [(10, 4), (50, 3)]);
}

#[test]
fn a_table_that_cannot_be_written_loses_its_rows_and_no_others() {
    let dir = tempfile::tempdir().expect("folder");
    let store = start(dir.path());
    // Where the table's folder should be, there is a file.
    std::fs::write(dir.path().join("connections"), "in the way").expect("write");
    for part in 0..10 {
        store.connection_rows(window(0), connections(window(0), part, part + 1), &mut || ());
        store.rows(window(0), flows(window(0), 2), &mut || ());
    }
    store.close_connections(window(0), &mut || ());
    while store.status().rows_lost == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = store.status();
    assert!(!status.writing && status.detail.contains("a file is in the way"), "{}", status.detail);
    store.close(window(0), ledger(window(0)), &mut || ());
    drop(store);
    assert_eq!(status.rows_lost, 10);
    std::fs::remove_file(dir.path().join("connections")).expect("remove");
    assert_eq!(stored::<FlowRecord>(dir.path()), [(0, 20)]);
}
