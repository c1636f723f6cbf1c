//! What a real Prometheus makes of the metrics: it scrapes them, native histograms and classic ones, and its quantiles are
//! the rig's. Reported as SKIPPED, on stderr, where Prometheus is not installed. It takes as long as a few scrapes.

mod common;

use netrig_metrics::{Exporter, Exposition};
use netrig_model::{Histogram, Role, ServiceStatus, Snapshot, TcpStatus};
use netrig_testkit::{Prometheus, PrometheusSetup};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

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

fn check(prometheus: &Prometheus, formats: &Receiver<Exposition>) {
    let truth = round_trips();
    for share in [0.5, 0.9, 0.99, 0.999] {
        let want = truth.quantile_s(share).expect("values");
        let all = r#"service=":443",kind="all""#;
        let native = format!(r#"histogram_quantile({share}, rate(netrig_tcp_rtt_seconds{{job="asked",{all}}}[1m]))"#);
        let native = prometheus.wait_value(&native);
        assert!((native / want - 1.0).abs() < 0.03, "{share}: native {native}, rig {want}");
        let classic =
            format!(r#"histogram_quantile({share}, rate(netrig_tcp_rtt_seconds_bucket{{job="text",{all}}}[1m]))"#);
        let classic = prometheus.wait_value(&classic);
        assert!((0.5..=2.0).contains(&(classic / want)), "{share}: classic {classic}, rig {want}");
        eprintln!("quantile {share}: rig {want:.6} s, native {native:.6} s, classic {classic:.6} s");
    }
    assert_eq!(formats.recv().expect("a scrape"), Exposition::Protobuf, "Prometheus asked for native histograms");
    let mean = prometheus.wait_value(
        r#"histogram_sum(netrig_tcp_rtt_seconds{job="asked",service=":443"}) / histogram_count(netrig_tcp_rtt_seconds{job="asked",service=":443"})"#,
    );
    let want = truth.sum_ns as f64 / 1e9 / truth.count() as f64;
    assert!((mean / want - 1.0).abs() < 1e-9, "mean {mean}, rig {want}");
    // Counters, gauges and labels come through protobuf as they do in text.
    assert_eq!(prometheus.wait_value(r#"netrig_tcp_accept_queue{job="asked",listener=":8080"}"#), 6.0);
    assert!(prometheus.wait_value(r#"netrig_tcp_connections_opened_total{job="asked",role="client"}"#) >= 7.0);
    let names = |job, without| {
        format!(
            r#"count(count by (__name__) ({{__name__=~"netrig_.*",__name__!~"netrig_.*_seconds({without})",job="{job}"}}))"#
        )
    };
    // The text has three series' names for a histogram where the native one has its own.
    let text = prometheus.wait_value(&names("text", "_bucket|_sum|_count"));
    assert_eq!(prometheus.wait_value(&names("asked", "none")), text + 8.0, "every family is there");
    assert_eq!(prometheus.wait_value(r#"count(up{job=~"asked|text"} == 1)"#), 2.0);
}

#[test]
fn quantiles_of_prometheus_are_those_of_the_rig() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let target = listener.local_addr().expect("address").to_string();
    let (formats, asked) = channel();
    std::thread::spawn(move || serve(&listener, &formats));
    let setup = PrometheusSetup::every(Duration::from_secs(1)).native_histograms();
    let setup = setup.job_at("asked", &target, "/asked").job_at("text", &target, "/text");
    let Some(prometheus) = setup.start(None) else { return };
    check(&prometheus, &asked);
}
