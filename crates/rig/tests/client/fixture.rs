//! A made-up rig, a store, and the binary.

use netrig_model::{
    BurstRecord, CONNECTION_COLUMNS, ColumnType, ConnectionRecord, Direction, DropClass, DropRecord, DropSource,
    EndReason, FlowRecord, InterfaceCounts, InterfaceStatus, LatencyRecord, LatencyStatus, OverheadStatus,
    PayloadStatus, ProbeState, ProbeStatus, QueuesStatus, RequestRecord, Snapshot, Stage, StoreStatus, Timestamp,
    TrafficCounts, transport_name,
};
use netrig_serve::{
    Live, OpenBursts, OpenConnections, OpenDrops, OpenFlows, OpenLatency, OpenRequests, ServeOptions, Server,
};
use netrig_store::{StoreConfig, StoreWriter};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) const WINDOW_NS: i64 = 10_000_000_000;

/// The start of the window `ago` windows before the present one.
pub(crate) fn window(ago: i64) -> Timestamp {
    let ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
    Timestamp(i64::try_from(ns).expect("before 2262")).window_start(WINDOW_NS).plus_ns(-ago * WINDOW_NS)
}

/// A TCP flow from `src` to port 443 of 192.0.2.80, in a window.
pub(crate) fn flow(src: &str, bytes: u64, window_start: Timestamp) -> FlowRecord {
    FlowRecord {
        window_start,
        window_end: window_start.plus_ns(WINDOW_NS),
        first_seen: window_start,
        last_seen: window_start.plus_ns(1),
        host: Some("lab".to_owned()),
        iface: Some("eth0".to_owned()),
        netns: None,
        vlan: None,
        vlan_inner: None,
        protocol: 6,
        transport: transport_name(6).map(str::to_owned),
        src_addr: src.parse().ok(),
        src_port: Some(40_000),
        dst_addr: "192.0.2.80".parse().ok(),
        dst_port: Some(443),
        packets: bytes / 100,
        bytes,
        reverse_packets: 0,
        reverse_bytes: 0,
        tcp_flags: Some(0x1b),
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
        end_reason: EndReason::Active,
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        dropped_packets: None,
        drop_reason: None,
        src_name: None,
        dst_name: None,
    }
}

/// A closed connection of curl's to port 443 of 192.0.2.80, with these columns besides, in a window.
pub(crate) fn connection(id: u64, window_start: Timestamp, columns: serde_json::Value) -> ConnectionRecord {
    let mut record: serde_json::Map<_, _> = CONNECTION_COLUMNS
        .iter()
        .filter(|c| !c.nullable && matches!(c.kind, ColumnType::U16 | ColumnType::U32 | ColumnType::U64))
        .map(|c| (c.name.to_owned(), 0.into()))
        .collect();
    let known = serde_json::json!({
        "window_start": window_start, "window_end": window_start.plus_ns(WINDOW_NS), "connection_id": id,
        "last_seen": window_start.plus_ns(WINDOW_NS), "state": "time_wait", "end_reason": "closed", "role": "client",
        "src_addr": "10.0.0.1", "src_port": 40_000, "dst_addr": "192.0.2.80", "dst_port": 443, "process": "curl",
        "older_than_rig": false, "sampling_rate": 1,
    });
    for object in [known, columns] {
        record.extend(object.as_object().expect("columns").clone());
    }
    serde_json::from_value(record.into()).expect("connection")
}

/// A stage of nginx's service at port 8080, with so many messages of about `us` microseconds each and these columns besides, in a
/// window.
pub(crate) fn latency(
    stage: Stage,
    samples: u64,
    us: u64,
    window_start: Timestamp,
    columns: serde_json::Value,
) -> LatencyRecord {
    let ns = us * 1000;
    let bucket = ((us as f64 / 1e6).log2() * 16.0).ceil();
    let known = serde_json::json!({
        "window_start": window_start, "window_end": window_start.plus_ns(WINDOW_NS), "service": ":8080",
        "transport": "tcp", "role": "server", "service_port": 8080, "process": "nginx", "stage": stage, "samples": samples,
        "eligible": samples, "censored": 0, "sampling_rate": 16, "latency_ns_sum": samples * ns, "latency_ns_p50": ns,
        "latency_ns_p90": ns, "latency_ns_p99": ns, "latency_ns_p999": ns, "latency_ns_max": ns,
        "histogram": format!("{bucket}:{samples}"),
    });
    let mut record = known.as_object().expect("columns").clone();
    record.extend(columns.as_object().expect("columns").clone());
    serde_json::from_value(record.into()).expect("latency")
}

/// So many packets that were dropped for this reason, with these columns besides, in a window.
pub(crate) fn drops(
    source: DropSource,
    reason: &str,
    class: Option<DropClass>,
    packets: u64,
    window_start: Timestamp,
    columns: serde_json::Value,
) -> DropRecord {
    let known = serde_json::json!({
        "window_start": window_start, "window_end": window_start.plus_ns(WINDOW_NS), "source": source, "reason": reason,
        "class": class, "packets": packets,
    });
    let mut record = known.as_object().expect("columns").clone();
    record.extend(columns.as_object().expect("columns").clone());
    serde_json::from_value(record.into()).expect("drops")
}

/// A request of this kind that was answered, with these columns besides, in a window.
pub(crate) fn request(kind: &str, window_start: Timestamp, columns: serde_json::Value) -> RequestRecord {
    let known = serde_json::json!({
        "window_start": window_start, "window_end": window_start.plus_ns(WINDOW_NS), "started": window_start.plus_ns(1_000_000),
        "kind": kind, "outcome": "answered", "failed": false, "requests": 1, "retries": 0, "sampling_rate": 1,
        "src_addr": "10.0.0.1", "src_port": 40_000, "dst_addr": "192.0.2.80", "dst_port": 443,
    });
    let mut record = known.as_object().expect("columns").clone();
    record.extend(columns.as_object().expect("columns").clone());
    serde_json::from_value(record.into()).expect("request")
}

/// A burst of five milliseconds with so many octets in each, with these columns besides, in a window.
pub(crate) fn burst(iface: &str, bytes: u64, window_start: Timestamp, columns: serde_json::Value) -> BurstRecord {
    let known = serde_json::json!({
        "window_start": window_start, "window_end": window_start.plus_ns(WINDOW_NS), "iface": iface, "direction": "egress",
        "trigger": "times_mean", "burst_start": window_start, "burst_end": window_start.plus_ns(5_000_000),
        "duration_ns": 5_000_000, "bytes": 5 * bytes, "packets": bytes / 200, "ce_packets": 0, "retransmits": 0, "flows": 3,
        "peak_bits_per_second": bytes * 8000, "mean_bits_per_second": 1_000_000, "bucket_ns": 1_000_000,
        "series_start": window_start, "series": format!("0 {bytes} {bytes} {bytes} {bytes} {bytes} 0"),
        "top_flows": r#"[{"flow":"udp 10.0.0.1:9 > 10.0.0.2:9","bytes":1000,"process":"sender"}]"#,
    });
    let mut record = known.as_object().expect("columns").clone();
    record.extend(columns.as_object().expect("columns").clone());
    serde_json::from_value(record.into()).expect("burst")
}

struct Fake {
    open: OpenFlows,
    connections: Vec<ConnectionRecord>,
    latency: Vec<LatencyRecord>,
    drops: Vec<DropRecord>,
    bursts: Vec<BurstRecord>,
    requests: Vec<RequestRecord>,
    latency_status: Option<LatencyStatus>,
    queues: Option<QueuesStatus>,
    payload: Option<PayloadStatus>,
    overhead: Option<OverheadStatus>,
    interfaces: Vec<InterfaceStatus>,
    store: Option<PathBuf>,
}

impl Fake {
    fn new(open: OpenFlows, store: Option<&Path>) -> Self {
        let store = store.map(Path::to_owned);
        Self {
            open,
            connections: Vec::new(),
            latency: Vec::new(),
            drops: Vec::new(),
            bursts: Vec::new(),
            requests: Vec::new(),
            latency_status: None,
            queues: None,
            payload: None,
            overhead: None,
            interfaces: Vec::new(),
            store,
        }
    }
}

impl Live for Fake {
    fn snapshot(&self) -> Arc<Snapshot> {
        let store = self.store.as_ref().map(|dir| StoreStatus {
            dir: dir.display().to_string(),
            writing: true,
            ..StoreStatus::default()
        });
        let probe = ProbeStatus { name: "flow".to_owned(), state: ProbeState::Running, detail: String::new() };
        Arc::new(Snapshot {
            probes: vec![probe],
            payload: self.payload.clone(),
            overhead: self.overhead.clone(),
            interfaces: self.interfaces.clone(),
            store,
            taken: window(0),
            latency: self.latency_status.clone(),
            queues: self.queues.clone(),
            ..Snapshot::default()
        })
    }

    fn open_flows(&self) -> Option<OpenFlows> {
        Some(self.open.clone())
    }

    fn open_connections(&self) -> Option<OpenConnections> {
        Some(OpenConnections { records: self.connections.clone(), stored_before: self.open.stored_before })
    }

    fn open_latency(&self) -> Option<OpenLatency> {
        Some(OpenLatency { records: self.latency.clone(), stored_before: self.open.stored_before })
    }

    fn open_drops(&self) -> Option<OpenDrops> {
        Some(OpenDrops { records: self.drops.clone(), stored_before: self.open.stored_before })
    }

    fn open_bursts(&self) -> Option<OpenBursts> {
        Some(OpenBursts { records: self.bursts.clone(), stored_before: self.open.stored_before })
    }

    fn open_requests(&self) -> Option<OpenRequests> {
        Some(OpenRequests { records: self.requests.clone(), stored_before: self.open.stored_before })
    }
}

/// A rig on a port of its own, whose store ends at `stored_before`.
pub(crate) fn rig(records: Vec<FlowRecord>, stored_before: Timestamp, store: Option<&Path>) -> Server {
    serve(Fake::new(OpenFlows { records, stored_before }, store))
}

/// The same, with connections.
pub(crate) fn rig_of_connections(
    connections: Vec<ConnectionRecord>,
    stored_before: Timestamp,
    store: Option<&Path>,
) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before };
    serve(Fake { connections, ..Fake::new(open, store) })
}

/// The same, with latency, of which this host cannot show the hardware's part.
pub(crate) fn rig_of_latency(latency: Vec<LatencyRecord>, stored_before: Timestamp, store: Option<&Path>) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before };
    let unseen = vec![(Stage::Nic, "no driver here stamps in hardware".to_owned())];
    let latency_status = Some(LatencyStatus { sampling_rate: 16, unseen, ..LatencyStatus::default() });
    serve(Fake { latency, latency_status, ..Fake::new(open, store) })
}

/// The same, with drops.
pub(crate) fn rig_of_drops(drops: Vec<DropRecord>, stored_before: Timestamp, store: Option<&Path>) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before };
    serve(Fake { drops, ..Fake::new(open, store) })
}

/// The same, with bursts.
pub(crate) fn rig_of_bursts(bursts: Vec<BurstRecord>, stored_before: Timestamp, store: Option<&Path>) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before };
    serve(Fake { bursts, ..Fake::new(open, store) })
}

/// The same, with requests.
pub(crate) fn rig_of_requests(requests: Vec<RequestRecord>, stored_before: Timestamp, store: Option<&Path>) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before };
    serve(Fake { requests, ..Fake::new(open, store) })
}

/// The same, that looks at these queues.
pub(crate) fn rig_of_queues(queues: QueuesStatus) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before: window(0) };
    serve(Fake { queues: Some(queues), ..Fake::new(open, None) })
}

/// A rig that costs this much.
pub(crate) fn rig_of_overhead(overhead: OverheadStatus) -> Server {
    let open = OpenFlows { records: Vec::new(), stored_before: window(0) };
    serve(Fake { overhead: Some(overhead), ..Fake::new(open, None) })
}

/// A rig that looks for requests at these interfaces and has seen none.
pub(crate) fn rig_that_saw_no_requests(interfaces: &[&str]) -> Server {
    let interface = |name: &&str| InterfaceStatus {
        iface: (*name).to_owned(),
        ifindex: 1,
        direction: Direction::Egress,
        hook: "tcx".to_owned(),
        counts: InterfaceCounts::default(),
        told: TrafficCounts::default(),
        not_ip: BTreeMap::new(),
        kernel: None,
        policy: None,
        unaccounted_packets: 0,
        unsent_packets: 0,
        imbalance_packets: 0,
    };
    let open = OpenFlows { records: Vec::new(), stored_before: window(0) };
    serve(Fake {
        payload: Some(PayloadStatus::default()),
        interfaces: interfaces.iter().map(interface).collect(),
        ..Fake::new(open, None)
    })
}

fn serve(fake: Fake) -> Server {
    let options = ServeOptions { listen: "127.0.0.1:0".parse().expect("address"), metrics: true };
    Server::start(&options, Arc::new(fake)).expect("server")
}

/// A store with these windows.
pub(crate) fn store(windows: &[(Timestamp, Vec<FlowRecord>)]) -> tempfile::TempDir {
    let (dir, mut writer) = empty_store();
    for (start, rows) in windows {
        writer.append_flows((*start, start.plus_ns(WINDOW_NS)), rows).expect("append");
    }
    dir
}

/// A store with these windows of connections.
pub(crate) fn store_of_connections(windows: &[(Timestamp, Vec<ConnectionRecord>)]) -> tempfile::TempDir {
    let (dir, mut writer) = empty_store();
    for (start, rows) in windows {
        writer.append_connections((*start, start.plus_ns(WINDOW_NS)), rows).expect("append");
    }
    dir
}

/// A store with these windows of latency.
pub(crate) fn store_of_latency(windows: &[(Timestamp, Vec<LatencyRecord>)]) -> tempfile::TempDir {
    let (dir, mut writer) = empty_store();
    for (start, rows) in windows {
        writer.append_latency((*start, start.plus_ns(WINDOW_NS)), rows).expect("append");
    }
    dir
}

/// A store with these windows of drops.
pub(crate) fn store_of_drops(windows: &[(Timestamp, Vec<DropRecord>)]) -> tempfile::TempDir {
    let (dir, mut writer) = empty_store();
    for (start, rows) in windows {
        writer.append_drops((*start, start.plus_ns(WINDOW_NS)), rows).expect("append");
    }
    dir
}

/// A store with these windows of bursts.
pub(crate) fn store_of_bursts(windows: &[(Timestamp, Vec<BurstRecord>)]) -> tempfile::TempDir {
    let (dir, mut writer) = empty_store();
    for (start, rows) in windows {
        writer.append_bursts((*start, start.plus_ns(WINDOW_NS)), rows).expect("append");
    }
    dir
}

/// A store with these windows of requests.
pub(crate) fn store_of_requests(windows: &[(Timestamp, Vec<RequestRecord>)]) -> tempfile::TempDir {
    let (dir, mut writer) = empty_store();
    for (start, rows) in windows {
        writer.append_requests((*start, start.plus_ns(WINDOW_NS)), rows).expect("append");
    }
    dir
}

fn empty_store() -> (tempfile::TempDir, StoreWriter) {
    let dir = tempfile::tempdir().expect("folder");
    let config =
        StoreConfig { dir: dir.path().to_owned(), retain: Duration::from_secs(1_000_000), budget_bytes: 1 << 30 };
    let writer = StoreWriter::open(config).expect("store");
    (dir, writer)
}

/// The binary, knowing no rig and no store but those that a test names.
pub(crate) fn netrig() -> Command {
    command(env!("CARGO_BIN_EXE_netrig"))
}

pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NETRIG_") {
            command.env_remove(name);
        }
    }
    // Port 9 is where nothing listens.
    command.env("NETRIG_SERVE__LISTEN", "127.0.0.1:9").env("NETRIG_STORE__DIR", "/nonexistent/netrig");
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Runs `netrig` with these words.
pub(crate) fn run(words: &[&str]) -> Output {
    netrig().args(words).output().expect("netrig")
}
