//! A real Prometheus keeps the exemplars it scrapes, in each format that has them. Reported as SKIPPED, on stderr, where Prometheus is
//! not installed. It takes as long as a few scrapes.

mod common;

use common::requests::{status, tally, with_slow};
use netrig_metrics::{Exporter, Exposition};
use netrig_model::{PayloadStatus, RequestKind, Snapshot, Timestamp};
use netrig_testkit::{Prometheus, PrometheusSetup};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Prometheus keeps milliseconds.
const FIRST_MS: i64 = 1_700_000_000_125;
const PERIOD_S: (i64, i64) = (1_699_999_990, 1_700_000_100);

/// From the second scrape on there is a later one in the first one's bucket. None comes again that Prometheus has a later one of.
fn picture(is_first: bool) -> Snapshot {
    let at = |ms: i64| Timestamp((FIRST_MS + ms) * 1_000_000);
    let one = tally(RequestKind::Http, Some("shop.example.org"), Some("2xx"), 7);
    let mut one = with_slow(one, 6, 300_000_000, at(0));
    one = with_slow(one, 6, 2_500_000_000, at(1000));
    if !is_first {
        one.slow.remove(0);
        one = with_slow(one, 6, 400_000_000, at(2000));
    }
    Snapshot { payload: Some(PayloadStatus { tallies: vec![one], ..status() }), ..common::snapshot() }
}

/// Each job asks at a path of its own, which says what it gets.
fn serve(listener: &TcpListener) {
    let mut exporter = Exporter::default();
    let mut seen = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept() else { return };
        // A client that goes away in the middle is its own business.
        let _ = answer(stream, &mut exporter, &mut seen);
    }
}

fn answer(mut stream: TcpStream, exporter: &mut Exporter, seen: &mut Vec<String>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let asked = lines.next().transpose()?.unwrap_or_default();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
    let exposition = match path.as_str() {
        "/openmetrics" => Exposition::OpenMetrics,
        "/native" => Exposition::Protobuf,
        _ => Exposition::Prometheus,
    };
    let body = exporter.render(&picture(!seen.contains(&path)), exposition);
    seen.push(path);
    let (kind, length) = (exposition.content_type(), body.len());
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)
}

/// An exemplar: the bound of its series, its value, milliseconds since the first, its labels.
type Told = (String, f64, i64, BTreeMap<String, String>);

fn exemplars(prometheus: &Prometheus, selector: &str, count: usize) -> Vec<Told> {
    let told = |one: netrig_testkit::Exemplar| {
        let ms = (one.time_s * 1000.0).round() as i64 - FIRST_MS;
        (one.series.get("le").cloned().unwrap_or_default(), one.value, ms, one.labels)
    };
    prometheus.exemplars(selector, PERIOD_S, count).into_iter().map(told).collect()
}

fn labels(port: u16) -> BTreeMap<String, String> {
    let all = [("src", format!("10.0.0.7:{port}")), ("dst", "192.0.2.53:53".into()), ("transport", "tcp".into())];
    all.map(|(name, text)| (name.to_owned(), text)).into()
}

#[test]
fn prometheus_keeps_exemplars_of_each_format_that_has_them() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let target = listener.local_addr().expect("address").to_string();
    std::thread::spawn(move || serve(&listener));
    let mut setup = PrometheusSetup::every(Duration::from_secs(1)).native_histograms();
    setup = setup.flag("--enable-feature=exemplar-storage");
    for job in ["openmetrics", "native", "text"] {
        setup = setup.job_at(job, &target, &format!("/{job}"));
    }
    let Some(prometheus) = setup.start(None) else { return };

    let bucket = r#"netrig_http_seconds_bucket{job="openmetrics",host="shop.example.org"}"#;
    let in_buckets = |bound: &str, value, ms, port| (bound.to_owned(), value, ms, labels(port));
    let expected =
        [in_buckets("1.0", 0.3, 0, 40_000), in_buckets("4.0", 2.5, 1000, 40_001), in_buckets("1.0", 0.4, 2000, 40_001)];
    assert_eq!(exemplars(&prometheus, bucket, 3), expected, "each of the bucket that counts it");
    // The native histogram is one series. Older Prometheus takes one of its exemplars at a scrape, that of the lowest bucket.
    let of_all = expected.map(|(_, value, ms, labels)| (String::new(), value, ms, labels));
    let native = exemplars(&prometheus, r#"netrig_http_seconds{job="native",host="shop.example.org"}"#, 2);
    assert!(native == of_all || native == [of_all[0].clone(), of_all[2].clone()], "{native:?}");
    assert!(prometheus.wait_value(r#"netrig_http_seconds_count{job="text",host="shop.example.org"}"#) > 0.0);
    assert_eq!(exemplars(&prometheus, r#"{job="text"}"#, 0), []);
    // What is scraped again and again is no news, and nothing that it complains of.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(exemplars(&prometheus, bucket, 3).len(), 3);
    let log = prometheus.log();
    let complaints: Vec<_> =
        log.lines().filter(|line| line.contains("xemplar") && !line.contains("level=info")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
