//! `netrig drops`

use crate::fixture::*;
use netrig_model::{DropClass, DropRecord, DropSource};
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// A full receive buffer of two flows, a missing route, what is harmless, and the socket's own count of the same.
fn records(ago: i64) -> Vec<DropRecord> {
    let at = window(ago);
    let resource = Some(DropClass::Resource);
    let flow = |port: u16| {
        json!({"place": "udp_queue_rcv_one_skb+0x2a3", "iface": "eth0", "direction": "ingress", "protocol": 17,
            "src_addr": "10.0.0.9", "src_port": port, "dst_addr": "10.0.0.1", "dst_port": 53, "process": "named",
            "example": "45000054abcd"})
    };
    let socket = json!({"process": "named"});
    vec![
        drops(DropSource::Skb, "SOCKET_RCVBUFF", resource, 900, at, flow(40_000)),
        drops(DropSource::Skb, "SOCKET_RCVBUFF", resource, 100, at, flow(40_001)),
        drops(DropSource::Skb, "IP_OUTNOROUTES", Some(DropClass::Error), 7, at, json!({})),
        drops(DropSource::Skb, "TCP_OLD_DATA", Some(DropClass::Harmless), 30, at, json!({})),
        drops(DropSource::Socket, "SOCK_RCVQUEUE_FULL", resource, 1_000, at, socket),
    ]
}

#[test]
fn live_and_stored_records_are_one_answer_and_none_counts_twice() {
    let store = store_of_drops(&[(window(3), records(3)), (window(2), records(2))]);
    // The window is in the store meanwhile.
    let live = [records(2), records(1)].concat();
    let rig = rig_of_drops(live, window(2), Some(store.path()));
    let url = format!("http://{}", rig.address());
    let told = lines(&stdout(&run(&["drops", "--json", "--url", &url])));
    assert_eq!(told.len(), 15);
    assert!(told.iter().all(|r| r["record"] == "drops" && r["packets"].is_u64()));
    let output = run(&["drops", "--by", "reason", "--json", "--url", &url]);
    let told = lines(&stdout(&output));
    assert_eq!((told[0]["reason"].as_str(), told[0]["packets"].as_u64()), (Some("SOCKET_RCVBUFF"), Some(3_000)));
    assert!(told.iter().all(|r| r["reason"] != "SOCK_RCVQUEUE_FULL"), "{told:?}");
    assert!(stderr(&output).contains("3 records of other counters are left out"), "{}", stderr(&output));
    let told = lines(&stdout(&run(&["drops", "--top", "1", "--json", "--url", &url])));
    assert_eq!((told.len(), told[0]["packets"].as_u64()), (1, Some(3_000)));
}

#[test]
fn reasons_are_listed_worst_first_with_what_to_do() {
    let store = store_of_drops(&[(window(1), records(1))]);
    let on = |words: &[&str]| {
        let output = run(&[&["drops", "--store", store.path().to_str().expect("path")], words].concat());
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        stdout(&output)
    };
    let text = on(&[]);
    assert!(
        text.starts_with("The kernel dropped 1,037 packets in 10s: 7 error, 1,000 resource, 30 harmless\n"),
        "{text}"
    );
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in\n{text}"));
    assert!(at("IP_OUTNOROUTES") < at("SOCKET_RCVBUFF") && at("SOCKET_RCVBUFF") < at("Other counters"), "{text}");
    assert!(at("SOCKET_RCVBUFF") < at("90 % of them: udp 10.0.0.9:40000 > 10.0.0.1:53"), "{text}");
    let advice = netrig_model::drop_advice(DropSource::Skb, "SOCKET_RCVBUFF", None).expect("advice");
    assert!(text.contains(advice), "{advice} in\n{text}");
    assert!(text.contains("… and harmless: 30 packets of 1 reason") && !text.contains("TCP_OLD_DATA"), "{text}");
    assert!(on(&["--all"]).contains("TCP_OLD_DATA"));
    assert!(on(&["--examples"]).contains("A packet of udp 10.0.0.9:40001 > 10.0.0.1:53: 4500 0054 abcd"));
    let by_flow = on(&["--by", "src,reason", "--top", "1"]);
    assert!(by_flow.contains("10.0.0.9") && by_flow.contains("… and 3 more groups"), "{by_flow}");
    let by_source = on(&["--by", "source"]);
    assert!(by_source.contains("socket") && by_source.contains("1,037"), "{by_source}");
}

#[test]
fn where_nothing_is_looked_at_that_is_said() {
    let rig = rig(Vec::new(), window(0), None);
    let output = run(&["drops", "--url", &format!("http://{}", rig.address())]);
    let said = stderr(&output);
    assert!(said.contains("no drops in that time") && said.contains("[drop] enabled = true"), "{said}");
}

#[test]
fn wrong_words_exit_with_2_and_name_the_nearest() {
    for (words, part) in [
        (&["--by", "resaon"][..], "did you mean `reason`?"),
        (&["--by", "packets"], "is a measure"),
        (&["--by", ","], "such as reason"),
        (&["--examples", "--json"], "cannot be used with"),
        (&["--top", "many"], "invalid value"),
    ] {
        let output = run(&[&["drops"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}
