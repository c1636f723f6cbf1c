//! A store to ask, a rig to ask beside it, and the asking.

use burst::bursts;
use connection::connections;
use drop::drop_records;
use latency::latencies;
use netrig_model::{
    BurstRecord, ConnectionRecord, Direction, DropRecord, EndReason, FlowRecord, LatencyRecord, LedgerRecord,
    PolicyEventRecord, RequestRecord, Timestamp,
};
use netrig_store::{Record, StoreConfig, StoreWriter, to_parquet};
use policy_event::policy_events;
use request::requests;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

#[path = "../../../store/tests/common/burst.rs"]
mod burst;
#[path = "../../../store/tests/common/connection.rs"]
mod connection;
#[path = "../../../store/tests/common/drop.rs"]
mod drop;
#[path = "../../../store/tests/common/latency.rs"]
mod latency;
#[path = "../../../store/tests/common/policy_event.rs"]
mod policy_event;
#[path = "../../../store/tests/common/request.rs"]
mod request;

/// 2023-11-14T23:00:00Z.
pub(crate) const HOUR_0: i64 = 1_700_002_800_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

/// The ten-second window number `i`.
pub(crate) fn window(i: i64) -> (Timestamp, Timestamp) {
    let start = HOUR_0 + i * 10 * SECOND;
    (Timestamp(start), Timestamp(start + 10 * SECOND))
}

/// A flow of window `i`: host `host` asks the name server.
pub(crate) fn flow(i: i64, host: u8, bytes: u64) -> FlowRecord {
    let (window_start, window_end) = window(i);
    FlowRecord {
        window_start,
        window_end,
        first_seen: window_start.plus_ns(123_456_789),
        last_seen: window_start.plus_ns(223_456_789),
        host: Some("rig-1".into()),
        iface: Some("eth0".into()),
        netns: None,
        vlan: (host == 2).then_some(100),
        vlan_inner: None,
        protocol: 17,
        transport: Some("udp".into()),
        src_addr: Some([10, 0, 0, host].into()),
        src_port: Some(40_000 + u16::from(host)),
        dst_addr: Some([10, 0, 0, 53].into()),
        dst_port: Some(53),
        packets: bytes / 100,
        bytes,
        reverse_packets: 1,
        reverse_bytes: 2 * bytes,
        tcp_flags: None,
        reverse_tcp_flags: None,
        icmp_type: None,
        icmp_code: None,
        dscp: Some(0),
        fragment: None,
        tunnel: None,
        tunnel_id: None,
        sampling_rate: 1,
        packets_error: Some(0),
        bytes_error: Some(0),
        reverse_packets_error: Some(0),
        reverse_bytes_error: Some(0),
        end_reason: EndReason::Idle,
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        dropped_packets: Some(if host == 2 { 2 } else { 0 }),
        drop_reason: (host == 2).then(|| "SOCKET_RCVBUFF".into()),
        src_name: (host == 1).then(|| "a \"quoted\", name".into()),
        dst_name: None,
    }
}

/// Three hosts in each of the windows; host 1 sends most, and two packets of host 2 are dropped.
pub(crate) fn flows(i: i64) -> Vec<FlowRecord> {
    [(1, 500), (2, 300), (3, 100)].map(|(host, bytes)| flow(i, host, bytes)).to_vec()
}

/// Three connections in each of the windows, with numbers of their own.
pub(crate) fn three_connections(i: i64) -> Vec<ConnectionRecord> {
    let first = u64::try_from(i).unwrap() * 3;
    connections(window(i), first, first + 3)
}

/// The twelve stages of one service in each of the windows, with samples of their own.
pub(crate) fn twelve_stages(i: i64) -> Vec<LatencyRecord> {
    let first = u64::try_from(i).unwrap() * 12;
    latencies(window(i), first, first + 12)
}

/// Six rows of drops in each of the windows, with packets of their own.
pub(crate) fn six_drops(i: i64) -> Vec<DropRecord> {
    let first = u64::try_from(i).unwrap() * 6;
    drop_records(window(i), first, first + 6)
}

/// Four bursts in each of the windows, with octets of their own.
pub(crate) fn four_bursts(i: i64) -> Vec<BurstRecord> {
    let first = u64::try_from(i).unwrap() * 4;
    bursts(window(i), first, first + 4)
}

/// Five requests, one of each kind, in each of the windows, with numbers of their own.
pub(crate) fn five_requests(i: i64) -> Vec<RequestRecord> {
    let first = u64::try_from(i).unwrap() * 5;
    requests(window(i), first, first + 5)
}

/// Four packets that rules matched in each of the windows, with lengths of their own.
pub(crate) fn four_events(i: i64) -> Vec<PolicyEventRecord> {
    let first = u64::try_from(i).unwrap() * 4;
    policy_events(window(i), first, first + 4)
}

pub(crate) fn config(dir: &Path) -> StoreConfig {
    StoreConfig { dir: dir.to_owned(), retain: Duration::from_secs(86_400 * 365_000), budget_bytes: u64::MAX }
}

/// A store with the flows, connections, latency, drops, bursts, requests and policies' events of these windows, and a ledger row for each.
pub(crate) fn fill(dir: &Path, windows: std::ops::Range<i64>) -> StoreWriter {
    let mut writer = StoreWriter::open(config(dir)).unwrap();
    for i in windows {
        writer.append_flows(window(i), &flows(i)).unwrap();
        writer.append_connections(window(i), &three_connections(i)).unwrap();
        writer.append_latency(window(i), &twelve_stages(i)).unwrap();
        writer.append_drops(window(i), &six_drops(i)).unwrap();
        writer.append_bursts(window(i), &four_bursts(i)).unwrap();
        writer.append_requests(window(i), &five_requests(i)).unwrap();
        writer.append_policy_events(window(i), &four_events(i)).unwrap();
        let account = LedgerRecord {
            window_start: window(i).0,
            window_end: window(i).1,
            iface: Some("eth0".into()),
            direction: Some(Direction::Ingress),
            seen_packets: 9,
            told_packets: 9,
            ..LedgerRecord::default()
        };
        writer.append_ledger(window(i), &[account]).unwrap();
    }
    writer
}

/// Runs the binary.
pub(crate) fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netrig-query")).args(args).output().unwrap()
}

/// Stdout of a query that must succeed.
pub(crate) fn ask(dir: &Path, args: &[&str]) -> String {
    let mut all = vec!["--store", dir.to_str().unwrap()];
    all.extend(args);
    let out = run(&all);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Exit code and stderr of a query that must fail and print nothing.
pub(crate) fn refused(dir: &Path, sql: &str) -> (i32, String) {
    let out = run(&["--store", dir.to_str().unwrap(), sql]);
    assert!(!out.status.success(), "{sql} went through");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "", "{sql}");
    (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
}

/// A rig that answers one request with these records; gives its URL.
pub(crate) fn rig<R: Record>(records: &[R], stored_before: Timestamp, store: Option<&Path>) -> String {
    server(vec![told(records, stored_before, store)])
}

/// A rig's answer: what it is asked for, and what it says.
pub(crate) fn told<R: Record>(records: &[R], stored_before: Timestamp, store: Option<&Path>) -> (String, Vec<u8>) {
    let body = to_parquet(records).unwrap();
    let store = store.map(|p| format!("x-netrig-store: {}\r\n", p.display())).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-netrig-stored-before: {}\r\n{store}connection: close\r\n\r\n",
        body.len(),
        stored_before.0
    );
    (format!("/api/v1/{}.parquet", R::TABLE), [head.into_bytes(), body].concat())
}

/// Answers one request for flows with these bytes; gives the URL.
pub(crate) fn says(answer: &[u8]) -> String {
    server(vec![("/api/v1/flows.parquet".to_owned(), answer.to_vec())])
}

/// Answers a request for each path, in this order; gives the URL.
pub(crate) fn server(answers: Vec<(String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (path, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            let wanted = format!("GET {path} HTTP/1.1\r\n");
            if request[..read].starts_with(wanted.as_bytes()) {
                stream.write_all(&answer).unwrap();
            }
        }
    });
    url
}
