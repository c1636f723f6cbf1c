//! `netrig connections`

use crate::fixture::*;
use netrig_model::ConnectionRecord;
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// Three windows: one connection that is told in each and at last reset, one that is refused, a slow one, and an open one.
fn stored() -> Vec<Vec<ConnectionRecord>> {
    let open = |id, ago, sent| {
        let columns =
            json!({"state": "established", "end_reason": "open", "bytes_sent": sent, "src_port": 40_000 + id});
        connection(id, window(ago), columns)
    };
    let refused = json!({"state": "syn_sent", "end_reason": "refused", "duration_us": 312, "error": "ECONNREFUSED",
        "dst_addr": "10.0.0.2", "dst_port": 5432, "process": "worker"});
    let slow = json!({"busy_us": 4_000_000, "limited_receiver_us": 3_000_000, "dst_port": 8443});
    let reset = json!({"state": "established", "end_reason": "reset", "reset_by": "peer", "src_port": 40_001,
        "duration_us": 25_000_000, "bytes_sent": 3_000});
    vec![
        vec![open(1, 3, 1_000), open(4, 3, 10)],
        vec![open(1, 2, 2_000), connection(2, window(2), refused), open(4, 2, 20)],
        vec![connection(1, window(1), reset), connection(3, window(1), slow), open(4, 1, 30)],
    ]
}

fn windows(records: Vec<Vec<ConnectionRecord>>) -> Vec<(netrig_model::Timestamp, Vec<ConnectionRecord>)> {
    records.into_iter().map(|rows| (rows[0].window_start, rows)).collect()
}

fn run_on(dir: &tempfile::TempDir, words: &[&str]) -> (String, String) {
    let mut all = vec!["connections", "--store", dir.path().to_str().expect("path")];
    all.extend(words);
    let output = run(&all);
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    (stdout(&output), stderr(&output))
}

#[test]
fn live_and_stored_records_are_one_answer_and_each_connection_counts_once() {
    let mut all = windows(stored());
    let (_, live) = all.pop().expect("window");
    let store = store_of_connections(&all);
    let rig = rig_of_connections(live, window(1), Some(store.path()));
    let url = format!("http://{}", rig.address());
    let output = run(&["connections", "--json", "--url", &url]);
    let mut records = lines(&stdout(&output));
    records.sort_by_key(|r| r["connection_id"].as_u64());
    let told: Vec<_> = records
        .iter()
        .map(|r| (r["connection_id"].as_u64(), r["end_reason"].as_str(), r["bytes_sent"].as_u64()))
        .collect();
    let want = [(1, "reset", 3_000), (2, "refused", 0), (3, "closed", 0), (4, "open", 30)];
    assert_eq!(told, want.map(|(id, end, sent)| (Some(id), Some(end), Some(sent))));
    assert!(records.iter().all(|r| r["record"] == "connections"));
    assert!(stderr(&output).contains("its store in"), "{}", stderr(&output));

    let table = stdout(&run(&["connections", "--url", &url]));
    let order: Vec<_> = table.lines().skip(1).map(|l| l.split_whitespace().nth(5).unwrap_or_default()).collect();
    assert_eq!(order, ["reset", "refused", "closed", "established"], "{table}");
}

#[test]
fn failed_slow_and_open_choose() {
    let store = store_of_connections(&windows(stored()));
    let (failed, _) = run_on(&store, &["--failed"]);
    assert!(failed.contains("refused by 10.0.0.2:5432 after 312 µs"), "{failed}");
    assert!(failed.contains("reset by the peer after 25.0 s, 3.00 kB sent, nothing received"), "{failed}");
    assert_eq!(failed.lines().count(), 3, "{failed}");
    let (slow, _) = run_on(&store, &["--slow"]);
    assert!(slow.contains("peer's receive window held it up 75 % of 4.00 s"), "{slow}");
    assert_eq!(slow.lines().count(), 2, "{slow}");
    let (none, said) = run_on(&store, &["--slow", "5s", "--json"]);
    assert!(none.is_empty() && said.contains("no connections that lost more than 5.00 s in that time"), "{said}");
    let (open, _) = run_on(&store, &["--open", "--json"]);
    assert_eq!(lines(&open).iter().map(|r| r["connection_id"].as_u64()).collect::<Vec<_>>(), [Some(4)]);
    let (first, _) = run_on(&store, &["--top", "1", "--json"]);
    assert_eq!(lines(&first)[0]["end_reason"], "reset", "the latest failure comes first");
    let (first, _) = run_on(&store, &["--top", "1"]);
    assert!(first.contains("… and 3 more connections: 1 failed"), "{first}");
}

#[test]
fn groups_count_each_connection_once() {
    let store = store_of_connections(&windows(stored()));
    let (groups, _) = run_on(&store, &["--by", "process", "--json"]);
    let groups = lines(&groups);
    assert_eq!((groups[0]["process"].as_str(), groups[0]["connections"].as_u64()), (Some("curl"), Some(3)));
    assert_eq!((groups[0]["failed"].as_u64(), groups[0]["bytes_sent"].as_u64()), (Some(1), Some(3_030)));
    assert_eq!((groups[1]["process"].as_str(), groups[1]["failed"].as_u64()), (Some("worker"), Some(1)));
    let (table, _) = run_on(&store, &["--failed", "--by", "dst,end_reason"]);
    assert!(table.starts_with("DST_ADDR") && table.contains("5432"), "{table}");
    let (slowest, _) = run_on(&store, &["--slow", "1ms", "--by", "dst_port", "--top", "1", "--json"]);
    assert_eq!(
        (lines(&slowest)[0]["dst_port"].as_u64(), lines(&slowest)[0]["lost_us"].as_u64()),
        (Some(8443), Some(3_000_000))
    );
}

#[test]
fn where_nothing_is_found_it_is_said_why() {
    let store = store_of_connections(&[(window(360), vec![connection(1, window(360), json!({}))])]);
    let (text, said) = run_on(&store, &["--failed"]);
    assert!(text.is_empty() && said.contains("no failed connections in that time"), "{said}");
    assert!(said.contains("the store in") && said.contains("newest record is 5"), "{said}");
    let rig = rig_of_connections(Vec::new(), window(0), None);
    let output = run(&["connections", "--url", &format!("http://{}", rig.address())]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(stderr(&output).contains("[tcp] enabled = true"), "{}", stderr(&output));
}

#[test]
fn neither_is_a_failure_that_says_what_to_do() {
    let output = run(&["connections"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("netrig run"), "{}", stderr(&output));
}

#[test]
fn wrong_words_exit_with_2_and_name_the_nearest() {
    for (words, part) in [
        (&["--by", "proces"][..], "did you mean `process`?"),
        (&["--by", "retransmits"], "is a measure"),
        (&["--by", "lost_us"], "is a measure"),
        (&["--slow", "fast"], "invalid value"),
        (&["--failed", "--open"], "cannot be used with"),
        (&["--since", "yesterday"], "5m"),
    ] {
        let output = run(&[&["connections"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
