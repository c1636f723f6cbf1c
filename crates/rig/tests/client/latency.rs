//! `netrig latency`

use crate::fixture::*;
use netrig_model::{LatencyRecord, Stage};
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

fn records(ago: i64) -> Vec<LatencyRecord> {
    let at = window(ago);
    let slow = json!({"slow_client_addr": "10.0.0.9", "slow_client_port": 43210});
    vec![
        latency(Stage::Read, 100, 3_000, at, json!({})),
        latency(Stage::Total, 100, 4_000, at, json!({})),
        latency(Stage::Total, 10, 200_000, at, slow),
    ]
}

#[test]
fn live_and_stored_records_are_one_answer_and_none_counts_twice() {
    let store = store_of_latency(&[(window(3), records(3)), (window(2), records(2))]);
    // The window is in the store meanwhile.
    let live = [records(2), records(1)].concat();
    let rig = rig_of_latency(live, window(2), Some(store.path()));
    let url = format!("http://{}", rig.address());
    let told = lines(&stdout(&run(&["latency", "--json", "--url", &url])));
    assert_eq!(told.len(), 9);
    assert!(told.iter().all(|r| r["record"] == "latency" && r["histogram"].is_string()));
    let output = run(&["latency", "--by", "stage", "--json", "--url", &url]);
    let told = lines(&stdout(&output));
    assert_eq!((told[0]["stage"].as_str(), told[0]["samples"].as_u64()), (Some("total"), Some(300)));
    let median = told[0]["latency_ns_p50"].as_u64().expect("p50") as f64;
    assert!((median / 4e6 - 1.0).abs() < 0.05, "{median}");
    assert!(stderr(&output).contains("3 records of slow connections are left out"), "{}", stderr(&output));
}

#[test]
fn stages_are_listed_with_slow_connections_apart() {
    let store = store_of_latency(&[(window(1), records(1))]);
    let output = run(&["latency", "--store", store.path().to_str().expect("path")]);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.starts_with("SERVICE") && text.contains(":8080 ← 10.0.0.9:43210  server"), "{text}");
    assert!(!stderr(&output).contains("left out"), "{}", stderr(&output));
    let output = run(&["latency", "--top", "1", "--store", store.path().to_str().expect("path")]);
    assert!(stdout(&output).contains("… and 2 more stages"), "{}", stdout(&output));
    let words = ["latency", "--by", "slow_client,stage", "--json", "--store", store.path().to_str().expect("path")];
    let told = lines(&stdout(&run(&words)));
    assert!(told.iter().any(|r| r["slow_client_port"] == 43210 && r["samples"] == 10), "{told:?}");
}

#[test]
fn wrong_words_exit_with_2_and_name_the_nearest() {
    for (words, part) in [
        (&["--by", "servce"][..], "did you mean `service`?"),
        (&["--by", "latency_ns_p50"], "is a measure"),
        (&["--by", ","], "such as service"),
        (&["--by", "dst"], "there is no column `dst`"),
        (&["--top", "many"], "invalid value"),
    ] {
        let output = run(&[&["latency"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
