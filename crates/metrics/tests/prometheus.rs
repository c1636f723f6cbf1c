//! What a real Prometheus makes of the metrics: it scrapes them, native histograms and classic ones, and its quantiles are
//! the rig's. Reported as SKIPPED, on stderr, where Prometheus is not installed. It takes as long as a few scrapes.

mod common;

use netrig_metrics::{Exporter, Exposition};
use netrig_model::{Histogram, Role, ServiceStatus, Snapshot, TcpStatus};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// One second's round trips: a hump around a millisecond with a long tail, over many octaves.
fn round_trips() -> Histogram {
    let count = |bucket: i32| (4000.0 * (-f64::from(bucket + 158).powi(2) / 800.0).exp()) as u64;
    let hump = (-240..-60).map(|bucket| (bucket, count(bucket) + 3)).collect::<Vec<_>>();
    common::histogram(&hump)
}

fn times(histogram: &Histogram, times: u64) -> Histogram {
    let buckets = histogram.buckets.iter().map(|(bucket, count)| (*bucket, count * times)).collect();
    Histogram { buckets, sum_ns: histogram.sum_ns * times }
}

/// The picture at the n-th scrape: everything has grown by the same.
fn picture(n: u64) -> Snapshot {
    let service = ServiceStatus {
        role: Some(Role::Server),
        port: 443,
        rtt: times(&round_trips(), n),
        connect: times(&common::histogram(&[(-200, 1), (-199, 5), (-190, 1)]), n),
        ..ServiceStatus::default()
    };
    let tcp = TcpStatus { opened: [7 * n, 0], services: vec![service], ..common::tcp_status() };
    Snapshot { tcp: Some(tcp), ..common::snapshot() }
}

/// Serves pictures: at `/asked` in the format that is asked for, at `/text` in the oldest. Tells what was asked for.
fn serve(listener: &TcpListener, formats: &Sender<Exposition>) {
    let mut exporter = Exporter::default();
    for n in 1.. {
        let Ok((stream, _)) = listener.accept() else { return };
        // A client that goes away in the middle is its own business.
        let _ = answer(stream, &mut exporter, n, formats);
    }
}

fn answer(mut stream: TcpStream, exporter: &mut Exporter, n: u64, formats: &Sender<Exposition>) -> std::io::Result<()> {
    let head: Vec<String> =
        BufReader::new(stream.try_clone()?).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let accept = head.iter().filter_map(|line| line.strip_prefix("Accept: "));
    let mut exposition = Exposition::negotiate(accept);
    if head[0].starts_with("GET /text ") {
        exposition = Exposition::Prometheus;
    } else {
        // Nobody listens once the test is over.
        let _ = formats.send(exposition);
    }
    let body = exporter.render(&picture(n), exposition);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        exposition.content_type(),
        body.len()
    )?;
    stream.write_all(&body)
}

struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(dir: &Path) -> Self {
        // Between here and Prometheus' bind somebody else may take the port; then it ends, and another is tried.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = free.local_addr().expect("its address");
            drop(free);
            let child = Command::new("prometheus")
                .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
                .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .arg(NATIVE_FLAG)
                .stderr(std::fs::File::create(dir.join("log")).expect("a log file"))
                .spawn()
                .expect("prometheus");
            let mut started = Self { child, address };
            let deadline = Instant::now() + DEADLINE;
            while started.child.try_wait().expect("wait").is_none() && Instant::now() < deadline {
                if started.get("/-/ready").is_some_and(|answer| answer.starts_with("HTTP/1.0 200")) {
                    return started;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        panic!("prometheus does not start: {}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The one value of a query, as soon as there is one.
    fn value(&self, query: &str) -> f64 {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.get(&format!("/api/v1/query?query={escaped}")).unwrap_or_default();
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let json: Value = serde_json::from_str(body).unwrap_or_default();
            let result = json["data"]["result"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(result.len() <= 1, "{query}: {body}");
            let value =
                result.first().and_then(|series| series["value"][1].as_str()).map(|v| v.parse().expect("a number"));
            if let Some(value) = value.filter(|value: &f64| value.is_finite()) {
                return value;
            }
            assert!(Instant::now() < deadline, "{query} has no value: {body}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }
}

/// Before 3.8 a flag of the whole server makes Prometheus read native histograms; from then on the scrape's configuration
/// does, and the flag is let pass.
const NATIVE_FLAG: &str = "--enable-feature=native-histograms";

/// The lines of a scrape's configuration that do it; none where Prometheus is not installed.
fn native_lines() -> Option<&'static str> {
    let output = Command::new("prometheus").arg("--version").output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let version = said.split("version ").nth(1).expect("a version");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Some(if version >= (3, 8) { "    scrape_native_histograms: true\n" } else { "" })
}

fn configure(dir: &Path, target: SocketAddr, native: &str) {
    let config = format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n\
         \x20 - job_name: asked\n    metrics_path: /asked\n{native}    static_configs: [{{ targets: [\"{target}\"] }}]\n\
         \x20 - job_name: text\n    metrics_path: /text\n    static_configs: [{{ targets: [\"{target}\"] }}]\n"
    );
    std::fs::write(dir.join("prometheus.yml"), config).expect("write the configuration");
}

fn check(prometheus: &Prometheus, formats: &Receiver<Exposition>) {
    let truth = round_trips();
    for share in [0.5, 0.9, 0.99, 0.999] {
        let want = truth.quantile_s(share).expect("values");
        let all = r#"service=":443",kind="all""#;
        let native = format!(r#"histogram_quantile({share}, rate(netrig_tcp_rtt_seconds{{job="asked",{all}}}[1m]))"#);
        let native = prometheus.value(&native);
        assert!((native / want - 1.0).abs() < 0.03, "{share}: native {native}, rig {want}");
        let classic =
            format!(r#"histogram_quantile({share}, rate(netrig_tcp_rtt_seconds_bucket{{job="text",{all}}}[1m]))"#);
        let classic = prometheus.value(&classic);
        assert!((0.5..=2.0).contains(&(classic / want)), "{share}: classic {classic}, rig {want}");
        eprintln!("quantile {share}: rig {want:.6} s, native {native:.6} s, classic {classic:.6} s");
    }
    assert_eq!(formats.recv().expect("a scrape"), Exposition::Protobuf, "Prometheus asked for native histograms");
    let mean = prometheus.value(
        r#"histogram_sum(netrig_tcp_rtt_seconds{job="asked",service=":443"}) / histogram_count(netrig_tcp_rtt_seconds{job="asked",service=":443"})"#,
    );
    let want = truth.sum_ns as f64 / 1e9 / truth.count() as f64;
    assert!((mean / want - 1.0).abs() < 1e-9, "mean {mean}, rig {want}");
    // Counters, gauges and labels come through protobuf as they do in text.
    assert_eq!(prometheus.value(r#"netrig_tcp_accept_queue{job="asked",listener=":8080"}"#), 6.0);
    assert!(prometheus.value(r#"netrig_tcp_connections_opened_total{job="asked",role="client"}"#) >= 7.0);
    let names = |job, without| {
        format!(
            r#"count(count by (__name__) ({{__name__=~"netrig_.*",__name__!~"netrig_.*_seconds({without})",job="{job}"}}))"#
        )
    };
    // The text has three series' names for a histogram where the native one has its own.
    let text = prometheus.value(&names("text", "_bucket|_sum|_count"));
    assert_eq!(prometheus.value(&names("asked", "none")), text + 8.0, "every family is there");
    assert_eq!(prometheus.value(r#"count(up{job=~"asked|text"} == 1)"#), 2.0);
}

#[test]
fn quantiles_of_prometheus_are_those_of_the_rig() {
    let Some(native) = native_lines() else {
        // Past the test harness' capture: a skip must be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED quantiles_of_prometheus_are_those_of_the_rig: no prometheus");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let target = listener.local_addr().expect("address");
    let (formats, asked) = channel();
    std::thread::spawn(move || serve(&listener, &formats));
    let dir = tempfile::tempdir().expect("a folder");
    configure(dir.path(), target, native);
    check(&Prometheus::start(dir.path()), &asked);
}
