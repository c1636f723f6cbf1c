//! `netrig explain`

use crate::fixture::*;
use netrig_model::{LatencyRecord, Stage, Timestamp};
use serde_json::{Value, json};
use std::path::Path;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// A server that reads so late, and thinks for 400 µs.
fn server(read_us: u64, at: Timestamp) -> Vec<LatencyRecord> {
    let parts = [(Stage::Read, read_us), (Stage::Think, 400), (Stage::TcpQueue, 10), (Stage::Total, read_us + 430)];
    parts.into_iter().map(|(stage, us)| latency(stage, 100, us, at, json!({}))).collect()
}

/// Beside that server, a client of a database, a resolver, a slow connection, and the host.
fn others(at: Timestamp) -> Vec<LatencyRecord> {
    let database = json!({"service": "10.0.0.1:5432", "role": "client", "service_addr": "10.0.0.1", "service_port": 5432,
        "process": "app", "container": "app.service"});
    let resolver = json!({"service": ":53/udp", "transport": "udp", "service_port": 53, "process": "named"});
    let slow = json!({"slow_client_addr": "10.0.0.9", "slow_client_port": 43210});
    let host = json!({"service": "host", "transport": null, "role": null, "service_port": null, "process": null});
    vec![
        latency(Stage::WirePeer, 50, 8_000, at, database.clone()),
        latency(Stage::Total, 50, 8_050, at, database),
        latency(Stage::Read, 40, 2_000, at, resolver),
        latency(Stage::Think, 30, 200_000, at, slow.clone()),
        latency(Stage::Total, 30, 200_100, at, slow),
        latency(Stage::Softirq, 500, 5, at, host),
    ]
}

fn store_at(windows: &[(i64, u64)]) -> tempfile::TempDir {
    let windows: Vec<_> = windows
        .iter()
        .map(|(ago, read_us)| (window(*ago), [server(*read_us, window(*ago)), others(window(*ago))].concat()))
        .collect();
    store_of_latency(&windows)
}

fn run_on(dir: &Path, words: &[&str]) -> String {
    let mut all = vec!["explain", "--store", dir.to_str().expect("path")];
    all.extend(words);
    let output = run(&all);
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    stdout(&output)
}

#[test]
fn each_service_has_a_line_that_says_where_the_time_goes() {
    let store = store_at(&[(3, 3_000), (2, 3_000)]);
    let text = run_on(store.path(), &[]);
    let line =
        |start: &str| text.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("{start} in\n{text}"));
    assert!(
        line(":8080").contains("~3,200") && line(":8080").contains("application slow to read (read 3.00 ms of 3.43")
    );
    assert!(line("10.0.0.1:5432").contains("app (app.service)") && line("10.0.0.1:5432").contains("wire or peer"));
    assert!(line(":53/udp").contains("application slow to read"));
    assert!(line("└ 10.0.0.9:43210").contains("application thinks"));
    assert!(text.lines().last().is_some_and(|l| l.starts_with("host") && l.contains("softirq in time")), "{text}");
    assert!(!text.contains('\x1b'));
}

#[test]
fn live_and_stored_records_are_one_answer() {
    let store = store_of_latency(&[(window(2), server(3_000, window(2)))]);
    let rig = rig_of_latency(server(3_000, window(1)), window(1), Some(store.path()));
    let url = format!("http://{}", rig.address());
    let output = run(&["explain", "--json", "--url", &url]);
    let told = lines(&stdout(&output));
    assert_eq!(told.len(), 1, "{}", stderr(&output));
    let service = &told[0];
    assert_eq!((service["record"].as_str(), service["dominant"].as_str()), (Some("explain"), Some("read")));
    assert_eq!((service["samples"].as_u64(), service["messages"].as_u64()), (Some(200), Some(3_200)));
    assert_eq!(service["total"]["latency_ns_mean"].as_u64(), Some(3_430_000));
    assert_eq!((service["sum_of_parts_ns"].as_u64(), service["residual_ns"].as_i64()), (Some(3_410_000), Some(20_000)));
    assert_eq!(service["unseen"][0]["stage"].as_str(), Some("nic"));
    assert_eq!(service["stages"].as_array().map(Vec::len), Some(3));
    assert!(stderr(&output).contains("its store in"), "{}", stderr(&output));
}

#[test]
fn a_service_has_a_waterfall_by_any_of_its_names() {
    let store = store_at(&[(2, 3_000)]);
    for name in [":8080", "8080", "nginx"] {
        let text = run_on(store.path(), &[name]);
        assert!(text.starts_with(":8080  server  nginx\napplication slow to read"), "{name}: {text}");
        assert!(text.contains("3.43 ms measured by itself") && text.contains("1 in 16"), "{name}: {text}");
        assert!(text.contains('█') && text.contains("COVERAGE"), "{name}: {text}");
        assert!(text.contains(":8080 ← 10.0.0.9:43210"), "{name}: {text}");
        assert!(text.lines().filter(|l| !l.contains('←')).all(|line| line.chars().count() <= 80), "{text}");
    }
    for (name, words) in [
        ("10.0.0.1:5432", "wire or peer"),
        (":53/udp", "slow to read"),
        ("app.service", "wire or peer"),
        ("host", "softirq"),
    ] {
        let text = run_on(store.path(), &[name]);
        assert!(text.contains(words) && !text.contains(":8080"), "{name}: {text}");
    }
    let rig = rig_of_latency(server(3_000, window(1)), window(1), None);
    let text = stdout(&run(&["explain", ":8080", "--url", &format!("http://{}", rig.address())]));
    assert!(text.contains("not seen: nic (no driver here stamps in hardware)"), "{text}");
}

#[test]
fn what_has_changed_is_told() {
    let store = store_at(&[(200, 100), (100, 100), (3, 3_000), (2, 3_000)]);
    let text = run_on(store.path(), &["--against", "1h"]);
    let line = text.lines().nth(1).unwrap_or_default();
    assert!(line.starts_with(":8080") && line.ends_with("read +2.90 ms of +2.90 ms"), "{text}");
    assert!(text.lines().skip(2).all(|line| line.ends_with("as it was")), "{text}");
    let text = run_on(store.path(), &[":8080", "--against", "1h"]);
    let read = text.lines().find(|line| line.starts_with("read ")).unwrap_or_default();
    assert!(text.contains("WAS") && read.contains("3.00 ms") && read.contains("100 µs"), "{text}");
    let told = lines(&run_on(store.path(), &["nginx", "--against", "1h", "--json"]));
    let web = &told.iter().find(|line| line["slow_client_addr"].is_null()).expect("the service")["was"];
    assert_eq!((web["moved"].as_str(), web["moved_ns"].as_i64()), (Some("read"), Some(2_900_000)));
    let gone = run_on(store.path(), &["--since", "1s", "--against", "1h"]);
    assert!(gone.contains("gone"), "{gone}");
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let store = store_at(&[(2, 3_000)]);
    let dir = store.path().to_str().expect("path");
    for (name, parts) in [
        (":8081", ["did you mean `:8080`?", "10.0.0.1:5432"]),
        ("ngin", ["did you mean `nginx`?", ":53/udp"]),
        ("zebra", ["`zebra`", ":8080"]),
    ] {
        let output = run(&["explain", name, "--store", dir]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(
            output.stdout.is_empty() && parts.iter().all(|part| stderr(&output).contains(part)),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn where_nothing_is_found_it_is_said_why() {
    let store = store_at(&[(360, 3_000)]);
    let output = run(&["explain", "--store", store.path().to_str().expect("path")]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(stderr(&output).contains("newest record is 5"), "{}", stderr(&output));
    let rig = rig(Vec::new(), window(0), None);
    for words in [&["explain"][..], &["explain", ":8080"], &["latency"]] {
        let url = format!("http://{}", rig.address());
        let output = run(&[words, &["--url", &url]].concat());
        assert!(output.status.success() && output.stdout.is_empty(), "{words:?}");
        assert!(stderr(&output).contains("[latency] enabled = true"), "{words:?}: {}", stderr(&output));
    }
}

#[test]
fn neither_is_a_failure_that_says_what_to_do() {
    let output = run(&["explain"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("netrig run"), "{}", stderr(&output));
}

#[test]
fn wrong_words_exit_with_2() {
    let store = store_at(&[(2, 3_000)]);
    let dir = store.path().to_str().expect("path");
    for (words, part) in [
        (&["--since", "yesterday"][..], "5m"),
        (&["--against", "soon"], "5m"),
        (&["--against", "1m"], "no further back"),
        (&["--since", "all", "--against", "1h"], "no further back"),
        (&[""], "a value is required"),
        (&[":80", ":90"], "unexpected argument"),
        (&["--top", "3"], "unexpected argument"),
    ] {
        let output = run(&[&["explain", "--store", dir], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
