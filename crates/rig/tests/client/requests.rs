//! `netrig requests`

use crate::fixture::*;
use netrig_model::RequestRecord;
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// A name that is there and one that is not, a session, a page that took its time, and many that did not.
fn records(ago: i64) -> Vec<RequestRecord> {
    let at = window(ago);
    let dns = |name: &str, rcode: &str, us: u64| {
        json!({"dst_addr": "10.0.0.53", "dst_port": 53, "dns_name": name, "dns_type": "A", "dns_rcode": rcode,
            "failed": rcode != "NOERROR", "latency_us": us, "latency_us_max": us, "process": "curl", "pid": 7})
    };
    let page = |requests: u64, us: u64| {
        json!({"dst_name": "web", "http_method": "GET", "http_host": "web", "http_status": 200, "requests": requests,
            "latency_us": us, "latency_us_max": us, "process": "curl", "pid": 7})
    };
    vec![
        request("dns", at, dns("example.com", "NOERROR", 900)),
        request("dns", at, dns("exampel.com", "NXDOMAIN", 1_100)),
        request("tls", at, json!({"tls_sni": "example.com", "latency_us": 30_000, "latency_us_max": 30_000})),
        request("http", at, page(1, 250_000)),
        request("http", at, page(96, 2_000)),
    ]
}

#[test]
fn live_and_stored_records_are_one_answer_and_none_counts_twice() {
    let store = store_of_requests(&[(window(3), records(3)), (window(2), records(2))]);
    // The window is in the store meanwhile.
    let live = [records(2), records(1)].concat();
    let rig = rig_of_requests(live, window(2), Some(store.path()));
    let url = format!("http://{}", rig.address());
    let told = lines(&stdout(&run(&["requests", "--json", "--url", &url])));
    assert_eq!(told.len(), 15);
    assert!(told.iter().all(|r| r["record"] == "requests" && r["requests"].is_u64() && r.get("http_path").is_some()));
    let told = lines(&stdout(&run(&["requests", "--by", "kind", "--json", "--url", &url])));
    let sums = |r: &Value| ["requests", "failed"].map(|name| r[name].as_u64().expect("a count"));
    assert_eq!((told[0]["kind"].as_str(), sums(&told[0])), (Some("http"), [3 * 97, 0]));
    assert_eq!((told[1]["kind"].as_str(), sums(&told[1])), (Some("dns"), [6, 3]));
    let told = lines(&stdout(&run(&["requests", "--kind", "dns", "--failed", "--json", "--url", &url])));
    assert!(told.len() == 3 && told.iter().all(|r| r["dns_rcode"] == "NXDOMAIN"), "{told:?}");
    let told = lines(&stdout(&run(&["requests", "--top", "2", "--json", "--url", &url])));
    let latest = window(1).plus_ns(1_000_000).to_string();
    // Written with as many decimals as each writer likes.
    let instant = |text: &str| text.trim_end_matches('Z').trim_end_matches('0').to_owned();
    let is_latest = |r: &Value| r["started"].as_str().is_some_and(|started| instant(started) == instant(&latest));
    assert!(told.len() == 2 && told.iter().all(is_latest), "{told:?}");
}

#[test]
fn they_are_listed_with_what_was_asked_and_answered() {
    let store = store_of_requests(&[(window(1), records(1))]);
    let on = |words: &[&str]| {
        let output = run(&[&["requests", "--store", store.path().to_str().expect("path")], words].concat());
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        stdout(&output)
    };
    let text = on(&[]);
    assert!(text.starts_with("100 requests in 10s: 2 dns, 1 tls, 97 http. 1 failed. Answers: median "), "{text}");
    let line = |part: &str| text.lines().find(|l| l.contains(part)).unwrap_or_else(|| panic!("{part} in\n{text}"));
    for part in ["curl[7]", "→ 10.0.0.53:53", "A exampel.com", "NXDOMAIN", "1.10 ms"] {
        assert!(line("exampel.com").starts_with('✗') && line("exampel.com").contains(part), "{part} in\n{text}");
    }
    assert!(line("×96").contains("GET web"), "{text}");
    let slow = on(&["--slow"]);
    assert!(slow.starts_with("1 request slower than 100 ms in 10s."), "{slow}");
    assert!(slow.contains("250 ms") && !slow.contains("30.0 ms"), "{slow}");
    let slow = on(&["--slow", "10ms"]);
    let at = |part: &str| slow.find(part).unwrap_or_else(|| panic!("{part} in\n{slow}"));
    assert!(at("→ web:443") < at("→ 192.0.2.80:443"), "the slowest comes first:\n{slow}");
    let by_name = on(&["--by", "dst_name", "--top", "1"]);
    assert!(by_name.contains("web") && by_name.contains("97") && by_name.contains("… and 1 more groups"), "{by_name}");
}

#[test]
fn slow_is_what_the_configuration_calls_slow() {
    let store = store_of_requests(&[(window(1), records(1))]);
    let asked = ["requests", "--slow", "--store", store.path().to_str().expect("path")];
    let output = netrig().env("NETRIG_PAYLOAD__SLOW", "20ms").args(asked).output().expect("netrig");
    assert!(stdout(&output).starts_with("2 requests slower than 20.0 ms"), "{}", stdout(&output));
}

#[test]
fn where_nothing_is_found_it_is_said_what_is_looked_at() {
    let off = rig(Vec::new(), window(0), None);
    let said = stderr(&run(&["requests", "--failed", "--url", &format!("http://{}", off.address())]));
    assert!(said.contains("no failed requests in that time") && said.contains("[payload] enabled = true"), "{said}");
    let on = rig_that_saw_no_requests(&["eth0", "eth1"]);
    let said = stderr(&run(&["requests", "--url", &format!("http://{}", on.address())]));
    assert!(said.contains("no requests in that time") && said.contains("looked at: eth0, eth1; "), "{said}");
    assert!(said.contains("`[rig] interfaces = [\"auto\", \"lo\"]`"), "{said}");
    let on = rig_that_saw_no_requests(&["lo"]);
    let said = stderr(&run(&["requests", "--url", &format!("http://{}", on.address())]));
    assert!(said.contains("looked at: lo\n"), "{said}");
}

#[test]
fn wrong_words_exit_with_2_and_name_the_nearest() {
    for (words, part) in [
        (&["--by", "dns_nam"][..], "did you mean `dns_name`?"),
        (&["--by", "failed"], "is a measure"),
        (&["--by", ","], "such as dst_name"),
        (&["--kind", "gopher"], "there are dns, tls, quic, http, http2"),
        (&["--slow", "fast"], "does not begin with a number"),
        (&["--top", "many"], "invalid value"),
    ] {
        let output = run(&[&["requests"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
