//! `netrig bursts`

use crate::fixture::*;
use netrig_model::BurstRecord;
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// Two bursts of eth0, the second higher, and one of veth7.
fn records(ago: i64) -> Vec<BurstRecord> {
    let at = window(ago);
    vec![
        burst("eth0", 100_000, at, json!({"link_bits_per_second": 1_000_000_000})),
        burst("eth0", 120_000, at, json!({"link_bits_per_second": 1_000_000_000, "gap_ns": 990_000_000})),
        burst("veth7", 50_000, at, json!({"direction": "ingress", "retransmits": null})),
    ]
}

#[test]
fn live_and_stored_records_are_one_answer_and_none_counts_twice() {
    let store = store_of_bursts(&[(window(3), records(3)), (window(2), records(2))]);
    // The window is in the store meanwhile.
    let live = [records(2), records(1)].concat();
    let rig = rig_of_bursts(live, window(2), Some(store.path()));
    let url = format!("http://{}", rig.address());
    let told = lines(&stdout(&run(&["bursts", "--json", "--url", &url])));
    assert_eq!(told.len(), 9);
    assert!(told.iter().all(|r| r["record"] == "bursts" && r["series"].is_string()));
    let told = lines(&stdout(&run(&["bursts", "--top", "1", "--json", "--url", &url])));
    assert_eq!((told.len(), told[0]["peak_bits_per_second"].as_u64()), (1, Some(960_000_000)));
    let told = lines(&stdout(&run(&["bursts", "--by", "iface", "--json", "--url", &url])));
    let sums: Vec<_> = told.iter().map(|r| (r["iface"].as_str(), r["bursts"].as_u64(), r["bytes"].as_u64())).collect();
    assert_eq!(sums, [(Some("eth0"), Some(6), Some(3_300_000)), (Some("veth7"), Some(3), Some(750_000))]);
}

#[test]
fn interfaces_come_first_then_the_highest_with_their_series_and_flows() {
    let store = store_of_bursts(&[(window(1), records(1))]);
    let output = run(&["bursts", "--top", "2", "--store", store.path().to_str().expect("path")]);
    let text = stdout(&output);
    let (interfaces, bursts) = text.split_once("\n\n").expect("two tables");
    let shapes = (interfaces.lines().count(), bursts.lines().count());
    assert_eq!(shapes, (3, 6), "{text}");
    assert!(interfaces.contains("eth0") && interfaces.contains("veth7"), "{text}");
    let highest = bursts.lines().nth(1).expect("a burst");
    assert!(highest.contains("▁█████▁") && highest.contains("960 Mbit/s") && highest.contains("96 %"), "{text}");
    assert!(
        bursts.contains("udp 10.0.0.1:9 > 10.0.0.2:9 (sender)") && bursts.contains("… and 1 burst, 250 kB more"),
        "{text}"
    );
}

#[test]
fn none_of_the_bursts_is_a_table_of_interfaces_alone() {
    let store = store_of_bursts(&[(window(1), records(1))]);
    let output = run(&["bursts", "--top", "0", "--store", store.path().to_str().expect("path")]);
    let text = stdout(&output);
    assert!(text.starts_with("IFACE") && !text.contains("SERIES") && !text.contains("\n\n"), "{text}");
}

#[test]
fn where_nothing_is_looked_at_that_is_said() {
    let rig = rig(Vec::new(), window(0), None);
    let output = run(&["bursts", "--url", &format!("http://{}", rig.address())]);
    let said = stderr(&output);
    assert!(said.contains("no bursts in that time") && said.contains("[burst] enabled = true"), "{said}");
}

#[test]
fn wrong_words_exit_with_2_and_name_the_nearest() {
    for (words, part) in [
        (&["--by", "ifcae"][..], "did you mean `iface`?"),
        (&["--by", "flows"], "is a measure"),
        (&["--by", ","], "such as iface"),
        (&["--top", "many"], "invalid value"),
    ] {
        let output = run(&[&["bursts"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
