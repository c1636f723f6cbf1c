//! DNS, held against the resolver's own log and dnsperf's own counts.

use crate::support::servers::{Resolver, ZONE};
use crate::support::street::{FAR, NEAR};
use crate::support::{Rig, Street, wait_for};
use netrig_model::{RequestKind, RequestOutcome};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::time::Duration;

const CONFIG: &str = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n";

#[test]
fn every_question_is_told_once_with_its_answer() {
    require_root!();
    let street = Street::new("reqdns");
    let resolver = Resolver::start(&street.far, FAR);
    let rig = Rig::start_with(&street.near, CONFIG);
    let mut questions = String::new();
    for n in 0..500 {
        let kind = ["A", "AAAA", "TXT", "MX"][n % 4];
        let zone = if n % 5 == 0 { "nowhere.test" } else { ZONE };
        writeln!(questions, "n{n}.{zone} {kind}").expect("write to a string");
    }
    let file = rig.folder().join("questions");
    std::fs::write(&file, questions).expect("write the questions");
    let said = street.near.run(&format!("dnsperf -s {} -d {} -n 4 -c 4 -Q 2000", resolver.address(), file.display()));
    let completed = said.lines().find_map(|line| line.trim().strip_prefix("Queries completed:"));
    assert!(completed.is_some_and(|rest| rest.trim().starts_with("2000 ")), "{said}");
    let mut logged: BTreeMap<(String, String), u64> = BTreeMap::new();
    for question in resolver.log(2000) {
        *logged.entry(question).or_default() += 1;
    }
    let stored = rig.stop();
    let mut told: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    for row in stored.requests.iter().filter(|row| row.kind == RequestKind::Dns) {
        let name = row.dns_name.clone().expect("a question has a name");
        let code = row.dns_rcode.clone().expect("an answer has a code");
        assert_eq!((row.outcome, row.failed), (RequestOutcome::Answered, code != "NOERROR"), "{row:?}");
        *codes.entry(code).or_default() += row.requests;
        assert_eq!(row.process.as_deref(), Some("dnsperf"), "{row:?}");
        assert_eq!(row.src_addr.map(|a| a.to_string()).as_deref(), Some(NEAR), "{row:?}");
        assert!(row.latency_us.is_some(), "{row:?}");
        *told.entry((row.dns_type.clone().expect("and a type"), name)).or_default() += row.requests;
    }
    assert_eq!(told, logged);
    assert_eq!(codes, answered(&said));
}

/// dnsperf's own count of answers: `Response codes: NOERROR 300 (15.00%), NXDOMAIN 1700 (85.00%)`.
fn answered(said: &str) -> BTreeMap<String, u64> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("Response codes:")).expect("dnsperf tells codes");
    let code = |part: &str| {
        let mut words = part.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    line.split(',').filter_map(code).collect()
}

#[test]
fn a_question_that_nobody_answers_is_told_after_its_time() {
    require_root!();
    let street = Street::new("reqmute");
    let rig = Rig::start_with(&street.near, &format!("{CONFIG}[payload]\ntimeout = \"1s\"\n"));
    // A resolver that hears and says nothing.
    let mute = street.far.inside(|| UdpSocket::bind((FAR, 53))).expect("bind");
    let asks = street.near.inside(|| UdpSocket::bind((NEAR, 0))).expect("bind");
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05never\x04test\0\0\x01\0\x01";
    for _ in 0..3 {
        asks.send_to(question, (FAR, 53)).expect("ask");
        std::thread::sleep(Duration::from_millis(200));
    }
    wait_for("it is told", Duration::from_secs(10), || {
        let rows = rig.ask(&["requests", "--since", "1h", "--failed", "--json"]);
        rows.contains("never.test").then_some(())
    });
    let stored = rig.stop();
    let rows: Vec<_> = stored.requests.iter().filter(|row| row.dns_name.as_deref() == Some("never.test")).collect();
    let [row] = rows[..] else { panic!("one question: {rows:?}") };
    assert_eq!((row.outcome, row.failed, row.retries), (RequestOutcome::Unanswered, true, 2), "{row:?}");
    assert_eq!((row.latency_us, &row.dns_rcode), (None, &None), "{row:?}");
    drop(mute);
}

#[test]
fn with_the_payload_probe_off_nothing_is_copied() {
    require_root!();
    let street = Street::new("reqoff");
    let resolver = Resolver::start(&street.far, FAR);
    let rig = Rig::start_with(&street.near, &format!("{CONFIG}[payload]\nenabled = false\n"));
    let file = rig.folder().join("questions");
    std::fs::write(&file, format!("one.{ZONE} A\n")).expect("write the question");
    street.near.run(&format!("dnsperf -s {} -d {} -n 20", resolver.address(), file.display()));
    resolver.log(20);
    assert!(rig.status().payload.is_none());
    let stored = rig.stop();
    assert_eq!(stored.requests, []);
    assert!(stored.flows.iter().any(|flow| flow.dst_port == Some(53)), "the flows are told all the same");
}
