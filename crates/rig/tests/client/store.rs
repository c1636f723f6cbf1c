//! `netrig store`, and `netrig flows` over flows that were reduced.

use crate::fixture::*;
use netrig_model::Timestamp;
use netrig_store::{StoreConfig, StoreWriter};
use serde_json::Value;
use std::time::Duration;

const DAY_NS: i64 = 86_400_000_000_000;

/// A window of two days ago that was reduced to minutes, and one of today.
fn reduced() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("folder");
    let config =
        StoreConfig { dir: dir.path().to_owned(), retain: Duration::from_secs(1_000_000), budget_bytes: 1 << 30 };
    let mut writer = StoreWriter::open(config).expect("store");
    writer.keep_detail(Some(Duration::from_secs(86_400)));
    let today = window(1);
    for (start, bytes) in [(today.plus_ns(-2 * DAY_NS), 70_000), (today, 3_000)] {
        let rows = [flow("10.0.0.1", bytes, start), flow("10.0.0.1", bytes, start), flow("10.0.0.2", 1, start)];
        writer.append_flows((start, start.plus_ns(10_000_000_000)), &rows).expect("append");
    }
    while writer.maintain(Timestamp(today.0 + 20_000_000_000)).expect("upkeep").unfinished {}
    dir
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

#[test]
fn the_store_says_what_each_level_holds_and_forgets() {
    let dir = reduced();
    let path = dir.path().to_str().expect("path");
    let output = run(&["store", "--store", path, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let all = lines(&stdout(&output));
    let of = |table: &str| all.iter().find(|line| line["table"] == table).unwrap_or_else(|| panic!("{table}: {all:?}"));
    assert_eq!((of("flows")["rows"].as_u64(), of("flows_1m")["rows"].as_u64()), (Some(3), Some(2)));
    assert!(
        of("flows")["forgets"].is_null() && of("flows_1m")["forgets"].as_str().is_some_and(|t| t.contains("ports"))
    );
    let whole = all.last().expect("the whole");
    assert_eq!((whole["record"].as_str(), whole["files"].as_u64()), (Some("store"), Some(2)));
    let bytes = |line: &Value| line["bytes"].as_u64().expect("bytes");
    assert_eq!(bytes(whole), bytes(of("flows")) + bytes(of("flows_1m")));

    let table = stdout(&run(&["store", "--store", path]));
    assert!(table.contains("flows_1m can no longer tell: ports of clients"), "{table}");
}

#[test]
fn of_a_young_store_no_rate_is_told_but_that_it_is_too_young() {
    let now = window(1);
    let dir = store(&[(now.plus_ns(-WINDOW_NS), vec![flow("10.0.0.1", 7000, now.plus_ns(-WINDOW_NS))])]);
    let ask =
        |words: &[&str]| stdout(&netrig().env("NETRIG_STORE__DIR", dir.path()).args(words).output().expect("netrig"));
    let table = ask(&["store"]);
    assert!(table.contains("too young to tell") && table.contains("the latest cover 10s"), "{table}");
    let all = lines(&ask(&["store", "--json"]));
    let whole = all.last().expect("the whole");
    assert!(whole["detail_days"].is_null() && all[0]["bytes_per_day"].is_null(), "{all:?}");
    assert_eq!(whole["detail_rate_span_ns"].as_i64(), Some(WINDOW_NS));
}

#[test]
fn no_store_is_an_error_that_says_where_it_was_looked_for() {
    let output = run(&["store"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no store at /nonexistent/netrig"), "{}", stderr(&output));
}

#[test]
fn flows_of_all_levels_are_one_answer_that_says_what_is_told_how_coarsely() {
    let dir = reduced();
    let path = dir.path().to_str().expect("path");
    let output = run(&["flows", "--store", path, "--since", "all", "--by", "src_addr,src_port", "--json"]);
    let groups = lines(&stdout(&output));
    let sum: u64 = groups.iter().filter_map(|line| line["bytes"].as_u64()).sum();
    assert_eq!(sum, 2 * 70_000 + 2 * 3_000 + 2, "{groups:?}");
    assert!(groups.iter().any(|line| line["src_port"].is_null() && line["bytes"] == 140_000), "{groups:?}");
    let said = stderr(&output);
    assert!(said.contains("is told from flows_1m") && said.contains("src_port is not known any more"), "{said}");
    // Of today there is detail, and nothing to say.
    let today = run(&["flows", "--store", path, "--since", "1h", "--by", "src_port", "--json"]);
    assert!(!stderr(&today).contains("flows_1m"), "{}", stderr(&today));
}
