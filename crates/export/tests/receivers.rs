//! What real servers make of it: Prometheus, which also scrapes the same rig, and VictoriaMetrics. Reported as SKIPPED, on
//! stderr, where they are not installed.

#[path = "../../metrics/tests/common/mod.rs"]
mod common;
mod support;

use netrig_export::RemoteWrite;
use netrig_metrics::{Exporter, Exposition};
use netrig_model::Snapshot;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{DEADLINE, options};

/// A server of a time-series database.
struct Database {
    child: Child,
    address: SocketAddr,
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Database {
    /// Runs `command`, which is told its address; none, and a word on stderr, where there is no such program.
    fn start(test: &str, dir: &Path, command: impl Fn(SocketAddr) -> Command) -> Option<Self> {
        // Between here and the server's bind somebody else may take the port; then it ends, and another is tried.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = free.local_addr().expect("its address");
            drop(free);
            let mut command = command(address);
            let spawned = command
                .stderr(File::create(dir.join("log")).expect("a log"))
                .stdout(std::process::Stdio::null())
                .spawn();
            let child = match spawned {
                Ok(child) => child,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let program = command.get_program().to_string_lossy();
                    // Past the test harness' capture: a skip must be seen.
                    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {program} is not installed");
                    return None;
                }
                Err(error) => panic!("{command:?}: {error}"),
            };
            let mut started = Self { child, address };
            let begun = Instant::now();
            while started.child.try_wait().expect("wait").is_none() && begun.elapsed() < DEADLINE {
                if started.get("/-/ready").or_else(|| started.get("/health")).is_some() {
                    return Some(started);
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        panic!("no server: {}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).filter(|status| *status == "200")?;
        Some(serde_json::from_str(body).unwrap_or_default())
    }

    /// Every series of an instant query, without its job and instance, and its value.
    fn query(&self, query: &str) -> BTreeMap<String, String> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={escaped}&nocache=1")).unwrap_or_default();
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let one = |each: &Value| {
            let mut labels: BTreeMap<String, Value> = serde_json::from_value(each["metric"].clone()).expect("labels");
            labels.retain(|name, _| name != "job" && name != "instance");
            let value = if each["histogram"].is_array() { &each["histogram"][1] } else { &each["value"][1] };
            (format!("{labels:?}"), value.to_string())
        };
        series.iter().map(one).collect()
    }

    /// The same, once there are as many as `count` or more.
    fn query_until(&self, query: &str, count: usize) -> BTreeMap<String, String> {
        let begun = Instant::now();
        loop {
            let found = self.query(query);
            if found.len() >= count {
                return found;
            }
            assert!(begun.elapsed() < DEADLINE, "{query}: {} of {count}", found.len());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn prometheus(test: &str, dir: &Path, config: &str) -> Option<Database> {
    std::fs::write(dir.join("prometheus.yml"), config).expect("write");
    Database::start(test, dir, |address| {
        let mut command = Command::new("prometheus");
        command.args([
            format!("--config.file={}", dir.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", dir.join("data").display()),
            format!("--web.listen-address={address}"),
            "--web.enable-remote-write-receiver".to_owned(),
            "--enable-feature=native-histograms".to_owned(),
        ]);
        command
    })
}

/// Answers scrapes of one picture in the text format.
fn scraped(picture: Snapshot) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        let mut exporter = Exporter::default();
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away in the middle is its own business.
            let _ = answer(stream, &exporter.render(&picture, Exposition::Prometheus));
        }
    });
    address
}

fn answer(mut stream: TcpStream, body: &[u8]) -> std::io::Result<()> {
    BufReader::new(stream.try_clone()?)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .for_each(drop);
    let kind = Exposition::Prometheus.content_type();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

fn send(database: &Database, native_histograms: bool) -> RemoteWrite {
    let options = netrig_export::RemoteWriteOptions {
        interval: Duration::from_secs(1),
        native_histograms,
        ..options(database.address)
    };
    let exporter = Arc::new(Mutex::new(Exporter::default()));
    RemoteWrite::start(&options, exporter, support::always(common::snapshot())).expect("it starts")
}

#[test]
fn prometheus_has_the_same_of_a_scrape_and_of_remote_write() {
    let dir = tempfile::tempdir().expect("a folder");
    let target = scraped(common::snapshot());
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- {{ job_name: scraped, static_configs: [{{ targets: [\"{target}\"] }}] }}\n"
    );
    let test = "prometheus_has_the_same_of_a_scrape_and_of_remote_write";
    let Some(prometheus) = prometheus(test, dir.path(), &config) else { return };
    let sending = send(&prometheus, false);
    let of = |job: &str| format!("{{__name__=~\"netrig_.+\",job=\"{job}\"}}");
    let scraped = prometheus.query_until(&of("scraped"), 500);
    let written = prometheus.query_until(&of("netrig"), scraped.len());
    assert_eq!(scraped, written);
    let status = sending.handle().status();
    assert_eq!((status.rejected, status.dropped, status.requests_failed), (0, 0, 0), "{}", status.detail);
    eprintln!("{} series, the same by a scrape and by remote write; {} samples taken", written.len(), status.sent);
    // At its end the rig tells that its series end: they are gone at once, not after five minutes.
    sending.stop();
    let begun = Instant::now();
    while !prometheus.query(&of("netrig")).is_empty() {
        assert!(begun.elapsed() < DEADLINE, "series go on without a rig");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn prometheus_takes_native_histograms() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(prometheus) = prometheus("prometheus_takes_native_histograms", dir.path(), "{}") else { return };
    let sending = send(&prometheus, true);
    let snapshot = common::snapshot();
    let rtt =
        &snapshot.tcp.as_ref().expect("TCP").services.iter().find(|s| !s.rtt.buckets.is_empty()).expect("one").rtt;
    let counts = prometheus.query_until("histogram_count(netrig_tcp_rtt_seconds{kind=\"all\"})", 1);
    assert!(counts.values().any(|count| *count == format!("\"{}\"", rtt.count())), "{counts:?}");
    let quantiles = prometheus.query_until("histogram_quantile(0.5, netrig_tcp_rtt_seconds{kind=\"all\"})", 1);
    let want = rtt.quantile_s(0.5).expect("values");
    let near =
        |value: &String| value.trim_matches('"').parse::<f64>().is_ok_and(|value| (value / want - 1.0).abs() < 0.05);
    assert!(quantiles.values().any(near), "{quantiles:?}: {want}");
    assert_eq!(sending.stop().rejected, 0);
}

#[test]
fn victoria_metrics_has_every_series() {
    let dir = tempfile::tempdir().expect("a folder");
    let database = Database::start("victoria_metrics_has_every_series", dir.path(), |address| {
        let mut command = Command::new("victoria-metrics");
        command.args([
            format!("-storageDataPath={}", dir.path().join("data").display()),
            format!("-httpListenAddr={address}"),
            "-search.latencyOffset=0s".to_owned(),
        ]);
        command
    });
    let Some(database) = database else { return };
    let sending = send(&database, false);
    let text =
        String::from_utf8(Exporter::default().render(&common::snapshot(), Exposition::Prometheus)).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
    let written = database.query_until("{__name__=~\"netrig_.+\",job=\"netrig\"}", lines);
    assert_eq!(written.len(), lines);
    let status = sending.stop();
    assert_eq!((status.rejected, status.requests_failed), (0, 0), "{}", status.detail);
    eprintln!("{lines} series");
}
