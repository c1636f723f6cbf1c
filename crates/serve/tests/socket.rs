//! The server over a real socket, with a rig that is made up.

use burst::bursts;
use connection::connections;
use drop::drop_records;
use latency::latencies;
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, EndReason, FlowRecord, LatencyRecord, PolicyEventRecord,
    PolicyRuleStatus, PolicyStatus, ProbeState, ProbeStatus, RequestRecord, Snapshot, StoreStatus, Timestamp,
};
use netrig_serve::{
    Live, OpenBursts, OpenConnections, OpenDrops, OpenFlows, OpenLatency, OpenPolicyEvents, OpenRequests, STORE_HEADER,
    STORED_BEFORE_HEADER, ServeError, ServeOptions, Server,
};
use policy_event::policy_events;
use request::requests;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

#[path = "../../store/tests/common/burst.rs"]
mod burst;
#[path = "../../store/tests/common/connection.rs"]
mod connection;
#[path = "../../store/tests/common/drop.rs"]
mod drop;
#[path = "../../store/tests/common/latency.rs"]
mod latency;
#[path = "../../store/tests/common/policy_event.rs"]
mod policy_event;
#[path = "../../store/tests/common/request.rs"]
mod request;

struct Fake {
    probe: ProbeState,
    flows: usize,
}

/// So many flows that the rig has no time to collect them.
const TOO_MANY: usize = usize::MAX;

fn now() -> Timestamp {
    let ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
    Timestamp(i64::try_from(ns).expect("before 2262"))
}

impl Live for Fake {
    fn snapshot(&self) -> Arc<Snapshot> {
        let probe = ProbeStatus { name: "flow".to_owned(), state: self.probe, detail: "no BTF".to_owned() };
        let store = StoreStatus { dir: "/var/lib/netrig".to_owned(), writing: true, ..StoreStatus::default() };
        let rules = vec![PolicyRuleStatus { id: "no-ping".to_owned(), packets: 7, ..PolicyRuleStatus::default() }];
        let policy = (self.flows > 0).then(|| PolicyStatus { rules, ..PolicyStatus::default() });
        Arc::new(Snapshot { probes: vec![probe], store: Some(store), policy, taken: now(), ..Snapshot::default() })
    }

    fn open_flows(&self) -> Option<OpenFlows> {
        (self.flows != TOO_MANY)
            .then(|| OpenFlows { records: (0..self.flows).map(record).collect(), stored_before: Timestamp(42) })
    }

    fn open_connections(&self) -> Option<OpenConnections> {
        let window = (Timestamp(43), Timestamp(53));
        Some(OpenConnections { records: connections(window, 0, self.flows as u64), stored_before: window.0 })
    }

    fn open_latency(&self) -> Option<OpenLatency> {
        let window = (Timestamp(44), Timestamp(54));
        Some(OpenLatency { records: latencies(window, 0, self.flows as u64), stored_before: window.0 })
    }

    fn open_drops(&self) -> Option<OpenDrops> {
        let window = (Timestamp(45), Timestamp(55));
        Some(OpenDrops { records: drop_records(window, 0, self.flows as u64), stored_before: window.0 })
    }

    fn open_bursts(&self) -> Option<OpenBursts> {
        let window = (Timestamp(46), Timestamp(56));
        Some(OpenBursts { records: bursts(window, 0, self.flows as u64), stored_before: window.0 })
    }

    fn open_requests(&self) -> Option<OpenRequests> {
        let window = (Timestamp(48), Timestamp(58));
        Some(OpenRequests { records: requests(window, 0, self.flows as u64), stored_before: window.0 })
    }

    fn open_policy_events(&self) -> Option<OpenPolicyEvents> {
        let window = (Timestamp(47), Timestamp(57));
        Some(OpenPolicyEvents { records: policy_events(window, 0, self.flows as u64), stored_before: window.0 })
    }
}

fn record(n: usize) -> FlowRecord {
    let json = format!(
        r#"{{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","first_seen":"2023-11-14T22:13:20Z",
        "last_seen":"2023-11-14T22:13:20Z","protocol":6,"packets":{n},"bytes":60,"reverse_packets":0,"reverse_bytes":0,
        "sampling_rate":1,"end_reason":"{}"}}"#,
        EndReason::Active.as_str()
    );
    serde_json::from_str(&json).expect("record")
}

fn start(probe: ProbeState, flows: usize) -> Server {
    let options = ServeOptions { listen: "127.0.0.1:0".parse().expect("address"), metrics: true };
    Server::start(&options, Arc::new(Fake { probe, flows })).expect("server")
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.head.to_lowercase().contains(&format!("{name}: {value}").to_lowercase())
    }
}

/// A request by hand, so that every header is as the test says. HTTP/1.0: the body ends with the connection.
fn ask(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
    write!(stream, "GET {path} HTTP/1.0\r\n{headers}\r\n").expect("write");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("head") + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("status");
    Answer { status, head, body: bytes[end..].to_vec() }
}

#[test]
fn metrics_in_the_format_asked_for() {
    let server = start(ProbeState::Running, 0);
    let plain = ask(server.address(), "/metrics", "");
    assert!(plain.has("content-type", "text/plain; version=0.0.4") && !plain.text().contains("# EOF"));
    assert!(plain.text().contains("netrig_probe_up{probe=\"flow\"} 1"));
    let open = ask(server.address(), "/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n");
    assert!(
        open.has("content-type", "application/openmetrics-text; version=1.0.0") && open.text().ends_with("# EOF\n")
    );
    let proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let native = ask(server.address(), "/metrics", &format!("Accept: text/plain;q=0.5\r\nAccept: {proto};q=0.6\r\n"));
    assert!(native.has("content-type", &proto.replace(';', "; ")));
    assert_eq!(
        native.body[1..20],
        *b"\x0a\x11netrig_build_info",
        "the first family's name behind the message's length"
    );
}

#[test]
fn metrics_can_be_off() {
    let options = ServeOptions { listen: "127.0.0.1:0".parse().expect("address"), metrics: false };
    let server = Server::start(&options, Arc::new(Fake { probe: ProbeState::Running, flows: 0 })).expect("server");
    let answer = ask(server.address(), "/metrics", "");
    assert!(answer.status == 404 && answer.text().contains("[metrics] enabled"));
}

#[test]
fn health_with_reasons() {
    let answer = ask(start(ProbeState::Running, 0).address(), "/healthz", "");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
    let answer = ask(start(ProbeState::Failed, 0).address(), "/healthz", "");
    assert_eq!((answer.status, answer.text().as_str()), (503, "failed\nfailed: probe flow: no BTF\n"));
}

#[test]
fn status_can_be_read_back() {
    let answer = ask(start(ProbeState::Running, 0).address(), "/api/v1/status", "");
    assert!(answer.has("content-type", "application/json"));
    let snapshot: Snapshot = serde_json::from_slice(&answer.body).expect("snapshot");
    assert_eq!(snapshot.probes.len(), 1);
}

#[test]
fn flows_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 3);
    let lines = ask(server.address(), "/api/v1/flows", "");
    let packets = |line: &str| serde_json::from_str::<FlowRecord>(line).expect("record").packets;
    assert_eq!(lines.text().lines().map(packets).collect::<Vec<_>>(), [0, 1, 2]);
    let parquet = ask(server.address(), "/api/v1/flows.parquet", "");
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    for answer in [lines, parquet] {
        assert!(
            answer.has(STORED_BEFORE_HEADER, "42") && answer.has(STORE_HEADER, "/var/lib/netrig"),
            "{}",
            answer.head
        );
    }
}

#[test]
fn connections_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 3);
    let lines = ask(server.address(), "/api/v1/connections", "");
    let read = |line: &str| serde_json::from_str::<ConnectionRecord>(line).expect("record");
    let want = connections((Timestamp(43), Timestamp(53)), 0, 3);
    assert_eq!(lines.text().lines().map(read).collect::<Vec<_>>(), want);
    let parquet = ask(server.address(), "/api/v1/connections.parquet", "");
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    assert!(parquet.body.windows(13).any(|bytes| bytes == b"connection_id"), "these are the columns of connections");
    assert!(lines.has("content-type", "application/jsonl"));
    assert!(parquet.has("content-type", "application/vnd.apache.parquet"));
    for answer in [lines, parquet] {
        assert!(
            answer.has(STORED_BEFORE_HEADER, "43") && answer.has(STORE_HEADER, "/var/lib/netrig"),
            "{}",
            answer.head
        );
    }
}

#[test]
fn latency_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 20);
    let lines = ask(server.address(), "/api/v1/latency", "");
    let read = |line: &str| serde_json::from_str::<LatencyRecord>(line).expect("record");
    assert_eq!(lines.text().lines().map(read).collect::<Vec<_>>(), latencies((Timestamp(44), Timestamp(54)), 0, 20));
    let parquet = ask(server.address(), "/api/v1/latency.parquet", "");
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    assert!(parquet.body.windows(16).any(|bytes| bytes == b"slow_client_addr"), "these are the columns of latency");
    assert!(lines.has("content-type", "application/jsonl"));
    assert!(parquet.has("content-type", "application/vnd.apache.parquet"));
    for answer in [lines, parquet] {
        assert!(answer.has(STORED_BEFORE_HEADER, "44"), "{}", answer.head);
        assert!(answer.has(STORE_HEADER, "/var/lib/netrig"), "{}", answer.head);
    }
}

#[test]
fn drops_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 20);
    let lines = ask(server.address(), "/api/v1/drops", "");
    let read = |line: &str| serde_json::from_str::<DropRecord>(line).expect("record");
    assert_eq!(lines.text().lines().map(read).collect::<Vec<_>>(), drop_records((Timestamp(45), Timestamp(55)), 0, 20));
    let parquet = ask(server.address(), "/api/v1/drops.parquet", "");
    is_parquet_with(&parquet, "place");
    assert!(lines.has("content-type", "application/jsonl"));
    for answer in [lines, parquet] {
        assert!(answer.has(STORED_BEFORE_HEADER, "45"), "{}", answer.head);
    }
}

#[test]
fn bursts_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 20);
    let lines = ask(server.address(), "/api/v1/bursts", "");
    let read = |line: &str| serde_json::from_str::<BurstRecord>(line).expect("record");
    assert_eq!(lines.text().lines().map(read).collect::<Vec<_>>(), bursts((Timestamp(46), Timestamp(56)), 0, 20));
    let parquet = ask(server.address(), "/api/v1/bursts.parquet", "");
    is_parquet_with(&parquet, "top_flows");
    assert!(lines.has("content-type", "application/jsonl"));
    for answer in [lines, parquet] {
        assert!(answer.has(STORED_BEFORE_HEADER, "46"), "{}", answer.head);
    }
}

#[test]
fn requests_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 20);
    let lines = ask(server.address(), "/api/v1/requests", "");
    let read = |line: &str| serde_json::from_str::<RequestRecord>(line).expect("record");
    assert_eq!(lines.text().lines().map(read).collect::<Vec<_>>(), requests((Timestamp(48), Timestamp(58)), 0, 20));
    let parquet = ask(server.address(), "/api/v1/requests.parquet", "");
    is_parquet_with(&parquet, "dns_rcode");
    assert!(lines.has("content-type", "application/jsonl"));
    for answer in [lines, parquet] {
        assert!(answer.has(STORED_BEFORE_HEADER, "48"), "{}", answer.head);
    }
}

#[test]
fn policy_events_as_lines_and_as_parquet() {
    let server = start(ProbeState::Running, 20);
    let lines = ask(server.address(), "/api/v1/policy_events", "");
    let read = |line: &str| serde_json::from_str::<PolicyEventRecord>(line).expect("record");
    let want = policy_events((Timestamp(47), Timestamp(57)), 0, 20);
    assert_eq!(lines.text().lines().map(read).collect::<Vec<_>>(), want);
    let parquet = ask(server.address(), "/api/v1/policy_events.parquet", "");
    is_parquet_with(&parquet, "verdict");
    for answer in [lines, parquet] {
        assert!(answer.has(STORED_BEFORE_HEADER, "47"), "{}", answer.head);
    }
}

#[test]
fn the_policy_can_be_read_back_and_none_is_an_answer_too() {
    let answer = ask(start(ProbeState::Running, 1).address(), "/api/v1/policy", "");
    assert!(answer.has("content-type", "application/json"));
    let status: Option<PolicyStatus> = serde_json::from_slice(&answer.body).expect("status");
    assert_eq!(status.map(|status| status.rules[0].packets), Some(7));
    let none = ask(start(ProbeState::Running, 0).address(), "/api/v1/policy", "");
    assert_eq!((none.status, none.text().as_str()), (200, "null"));
}

/// A Parquet file that knows this column.
fn is_parquet_with(answer: &Answer, column: &str) {
    assert!(answer.has("content-type", "application/vnd.apache.parquet"), "{}", answer.head);
    assert!(answer.body.starts_with(b"PAR1") && answer.body.ends_with(b"PAR1"));
    assert!(answer.body.windows(column.len()).any(|bytes| bytes == column.as_bytes()), "no column {column}");
}

#[test]
fn no_flows_are_an_answer_too() {
    let answer = ask(start(ProbeState::Running, 0).address(), "/api/v1/flows", "");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[test]
fn a_rig_that_has_no_time_to_collect_says_so_instead_of_none() {
    let server = start(ProbeState::Running, TOO_MANY);
    for path in ["/api/v1/flows", "/api/v1/flows.parquet"] {
        let answer = ask(server.address(), path, "");
        assert!(answer.status == 503 && answer.has("retry-after", "1"), "{path}: {}", answer.head);
        assert!(answer.text().contains("no time"), "{path}: {}", answer.text());
    }
}

#[test]
fn many_flows_arrive_whole() {
    let answer = ask(start(ProbeState::Running, 50_000).address(), "/api/v1/flows", "");
    assert_eq!(answer.text().lines().count(), 50_000);
}

#[test]
fn stalled_readers_are_bounded_and_do_not_hold_up_the_end() {
    let server = start(ProbeState::Running, 50_000);
    let stall = |path| {
        let mut stream = TcpStream::connect(server.address()).expect("connect");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("write");
        let mut first = [0; 1];
        stream.read_exact(&mut first).expect("the answer begins");
        stream
    };
    let stalled: Vec<TcpStream> = ["/api/v1/flows", "/api/v1/connections"].map(stall).into();
    for path in ["/api/v1/flows", "/api/v1/connections.parquet"] {
        let busy = ask(server.address(), path, "");
        assert_eq!(busy.status, 503, "{path}");
    }
    assert_eq!(ask(server.address(), "/healthz", "").status, 200, "the rest still answers");
    let before = Instant::now();
    server.stop();
    assert!(before.elapsed() < Duration::from_secs(10));
    drop(stalled);
}

#[test]
fn unknown_paths_name_the_known_ones() {
    let answer = ask(start(ProbeState::Running, 0).address(), "/nothing", "");
    assert!(answer.status == 404 && answer.text().contains("/nothing") && answer.text().contains("/api/v1/flows"));
}

#[test]
fn names_that_are_not_loopback_get_no_answer() {
    let server = start(ProbeState::Running, 0);
    let records = ["flows", "latency", "drops", "bursts", "requests", "policy", "policy_events"]
        .map(|of| format!("/api/v1/{of}"));
    for path in records.iter().map(String::as_str).chain(["/metrics", "/nothing"]) {
        let answer = ask(server.address(), path, "Host: evil.example\r\n");
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(ask(server.address(), "/healthz", "Host: localhost:9798\r\n").status, 200);
}

#[test]
fn a_port_in_use_names_the_address_its_holder_and_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("listen");
    let listen = taken.local_addr().expect("address");
    let fake = Arc::new(Fake { probe: ProbeState::Running, flows: 0 });
    let error = Server::start(&ServeOptions { listen, metrics: true }, fake).expect_err("in use").to_string();
    assert!(error.contains(&listen.to_string()) && error.contains("[serve] listen"), "{error}");
    assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
}

#[test]
fn beyond_loopback_is_refused() {
    let listen = "0.0.0.0:0".parse().expect("address");
    let fake = Arc::new(Fake { probe: ProbeState::Running, flows: 0 });
    let error = Server::start(&ServeOptions { listen, metrics: true }, fake).expect_err("refused");
    assert!(matches!(error, ServeError::NotLoopback(_)));
}

#[test]
fn stopping_frees_the_port_at_once() {
    let server = start(ProbeState::Running, 0);
    let listen = server.address();
    // A connection kept open, as Prometheus does, must not hold it.
    let kept = TcpStream::connect(listen).expect("connect");
    let before = Instant::now();
    server.stop();
    assert!(before.elapsed() < Duration::from_secs(5));
    drop(kept);
    let fake = Arc::new(Fake { probe: ProbeState::Running, flows: 0 });
    Server::start(&ServeOptions { listen, metrics: true }, fake).expect("the port is free again");
}
