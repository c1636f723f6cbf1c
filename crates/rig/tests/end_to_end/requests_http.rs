//! Requests of HTTP and TLS, held against nginx' own log and curl's own clock.

use crate::support::servers::{Access, Nginx, Resolver, SLOW, ZONE, run_resolving};
use crate::support::street::{FAR, NEAR};
use crate::support::{Rig, Stored, Street};
use netrig_model::{RequestKind, RequestOutcome, RequestRecord};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const FULL: &str = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n[payload]\ncontent = \"full\"\npath = \"keep\"\n";

fn of_kind(stored: &Stored, kind: RequestKind) -> Vec<RequestRecord> {
    stored.requests.iter().filter(|row| row.kind == kind).cloned().collect()
}

/// Host, method, path and status of each request, and how often.
type Tally = BTreeMap<(String, String, String, u16), u64>;

fn tally_of(log: &[Access]) -> Tally {
    let mut tally = Tally::new();
    for each in log {
        *tally.entry((each.host.clone(), each.method.clone(), each.path.clone(), each.status)).or_default() += 1;
    }
    tally
}

fn tally_told(rows: &[RequestRecord]) -> Tally {
    let mut tally = Tally::new();
    for row in rows {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let host = text(&row.http_host).split(':').next().unwrap_or_default().to_owned();
        let key = (host, text(&row.http_method), text(&row.http_path), row.http_status.unwrap_or(0));
        *tally.entry(key).or_default() += row.requests;
    }
    tally
}

#[test]
fn every_request_of_http_is_told_once_with_host_and_status_as_in_the_servers_log() {
    require_root!();
    let street = Street::new("reqhttp");
    let Some(nginx) = Nginx::start(&street.far) else { return };
    let rig = Rig::start_with(&street.near, FULL);
    // One connection for very many, several beside each other, other ports, other endings.
    street.near.run_script(&format!(
        "curl -s -o /dev/null --resolve 'one.{ZONE}:80:{FAR}' 'http://one.{ZONE}/[1-400]?a=b'
         curl -s -o /dev/null -Z --parallel-max 8 --resolve 'two.{ZONE}:8080:{FAR}' 'http://two.{ZONE}:8080/missing/[1-60]'
         curl -s -o /dev/null --resolve 'three.{ZONE}:80:{FAR}' 'http://three.{ZONE}/broken'
         curl -s -o /dev/null -I http://{FAR}/head
         curl -s -o /dev/null http://{FAR}/large http://{FAR}/large http://{FAR}/after
         head -c 100000 /dev/zero | curl -s -o /dev/null --data-binary @- http://{FAR}/upload"
    ));
    let log = nginx.log(400 + 60 + 1 + 1 + 3 + 1);
    let stored = rig.stop();
    let rows = of_kind(&stored, RequestKind::Http);
    assert_eq!(tally_told(&rows), tally_of(&log));
    for row in &rows {
        assert_eq!(row.outcome, RequestOutcome::Answered, "{row:?}");
        assert_eq!(row.src_addr.map(|a| a.to_string()).as_deref(), Some(NEAR), "{row:?}");
        assert_eq!(row.process.as_deref(), Some("curl"), "{row:?}");
        assert_eq!(row.failed, row.http_status.is_some_and(|status| status >= 400), "{row:?}");
    }
}

#[test]
fn requests_in_one_segment_or_in_very_many_are_told_each_once() {
    require_root!();
    let street = Street::new("reqpipe");
    let Some(nginx) = Nginx::start(&street.far) else { return };
    let rig = Rig::start_with(&street.near, FULL);
    let head = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: pipe.{ZONE}\r\nUser-Agent: by-hand\r\n\r\n");
    street.near.inside(|| {
        // Seven at once.
        let mut stream = TcpStream::connect((FAR, 80)).expect("connect");
        let all: String = (0..7).map(|n| head(&format!("/pipelined/{n}"))).collect();
        stream.write_all(all.as_bytes()).expect("send");
        read_answers(&mut stream, 7);
        // An octet at a time.
        let mut stream = TcpStream::connect((FAR, 80)).expect("connect");
        stream.set_nodelay(true).expect("no delay");
        for octet in head("/drop-by-drop").bytes() {
            stream.write_all(&[octet]).expect("send");
            thread::sleep(Duration::from_millis(1));
        }
        read_answers(&mut stream, 1);
        // Two, the second of which is cut in the middle.
        let two = head("/first") + &head("/second");
        stream.write_all(&two.as_bytes()[..two.len() - 20]).expect("send");
        thread::sleep(Duration::from_millis(20));
        stream.write_all(&two.as_bytes()[two.len() - 20..]).expect("send");
        read_answers(&mut stream, 2);
    });
    let log = nginx.log(10);
    let stored = rig.stop();
    assert_eq!(tally_told(&of_kind(&stored, RequestKind::Http)), tally_of(&log));
}

fn read_answers(stream: &mut TcpStream, count: usize) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while text.matches("hello\n").count() < count {
        let read = stream.read(&mut piece).expect("an answer");
        assert!(read > 0, "the server closed after {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
}

#[test]
fn latency_is_the_clients_own_and_the_slow_host_is_named_with_who_asked() {
    require_root!();
    let street = Street::new("reqslow");
    let Some(nginx) = Nginx::start(&street.far) else { return };
    let resolver = Resolver::start(&street.far, FAR);
    let rig = Rig::start_with(&street.near, "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n");
    // As a browser: many hosts, some files each, one of them slow.
    let told = run_resolving(
        &street.near,
        &resolver,
        &format!(
            "for host in a b c d e f; do curl -s http://$host.{ZONE}/ http://$host.{ZONE}/style.css > /dev/null; done
             curl -s -k -o /dev/null https://secure.{ZONE}/
             curl -s -o /dev/null -w '%{{time_starttransfer}} %{{time_pretransfer}}' http://slow.{ZONE}/slow"
        ),
    );
    let mut times = told.split_whitespace().map(|word| word.parse::<f64>().expect("curl tells seconds"));
    let (first_byte, asked) = (times.next().expect("a time"), times.next().expect("another"));
    let client_us = (first_byte - asked) * 1e6;
    nginx.log(14);
    let table = rig.ask(&["requests", "--since", "1h", "--slow", "500ms"]);
    let line = table.lines().find(|line| line.contains(&format!("slow.{ZONE}"))).unwrap_or_else(|| panic!("{table}"));
    assert!(line.contains("curl"), "{line}");
    assert!(!table.contains(&format!("a.{ZONE}")), "only the slow ones: {table}");
    let queries = resolver.log(8 * 2);
    let stored = rig.stop();
    let slow: Vec<_> = stored.requests.iter().filter(|r| r.http_host == Some(format!("slow.{ZONE}"))).collect();
    let [slow] = slow[..] else { panic!("one is slow: {slow:?}") };
    let us = slow.latency_us.expect("it was answered") as f64;
    assert!(us >= SLOW.as_micros() as f64, "{us} µs");
    assert!((us / client_us - 1.0).abs() < 0.1, "{us} µs on the wire, {client_us} by curl");
    assert_eq!((slow.dst_name.clone(), slow.http_path.as_ref()), (Some(format!("slow.{ZONE}")), None));
    // What was looked up, as the resolver tells it; the flows are named by it.
    let mut asked: Vec<_> = of_kind(&stored, RequestKind::Dns)
        .iter()
        .flat_map(|r| {
            vec![(r.dns_type.clone().unwrap_or_default(), r.dns_name.clone().unwrap_or_default()); r.requests as usize]
        })
        .collect();
    let mut queries = queries;
    asked.sort();
    queries.sort();
    assert_eq!(asked, queries);
    let named = stored.flows.iter().filter(|f| f.dst_port == Some(80) && f.dst_name == Some(format!("slow.{ZONE}")));
    assert!(named.count() > 0, "flows have the name that was asked for");
    let tls: Vec<_> = of_kind(&stored, RequestKind::Tls);
    assert_eq!(tls.len(), 1, "{tls:?}");
    assert_eq!(tls[0].tls_sni, Some(format!("secure.{ZONE}")));
}

#[test]
fn handshakes_are_told_with_the_name_and_version_that_the_server_logs() {
    require_root!();
    let street = Street::new("reqtls");
    let Some(nginx) = Nginx::start(&street.far) else { return };
    let rig = Rig::start_with(&street.near, FULL);
    let resolve = |name: &str| format!("--resolve {name}.{ZONE}:443:{FAR} https://{name}.{ZONE}/");
    street.near.run_script(&format!(
        "for n in 1 2 3 4 5 6 7 8 9; do curl -s -k -o /dev/null {}; done
         curl -s -k -o /dev/null --tls-max 1.2 --http1.1 {}
         curl -s -k -o /dev/null https://{FAR}/unnamed",
        resolve("new"),
        resolve("old"),
    ));
    let log = nginx.log(11);
    let stored = rig.stop();
    let rows = of_kind(&stored, RequestKind::Tls);
    let mut told: Vec<_> = rows.iter().map(|row| row.tls_sni.clone().unwrap_or_default()).collect();
    let mut logged: Vec<_> = log.iter().map(|each| each.sni.clone()).collect();
    told.sort();
    logged.sort();
    assert_eq!(told, logged);
    for row in &rows {
        let old = row.tls_sni == Some(format!("old.{ZONE}"));
        assert_eq!(row.tls_version.as_deref(), Some(if old { "TLS 1.2" } else { "TLS 1.3" }), "{row:?}");
        assert_eq!(row.outcome, RequestOutcome::Answered, "{row:?}");
        assert!(row.tls_ja4.as_ref().is_some_and(|ja4| ja4.starts_with("t1")), "{row:?}");
        assert!(row.latency_us.is_some() && row.process.as_deref() == Some("curl"), "{row:?}");
    }
}

#[test]
fn a_client_that_does_not_trust_the_servers_certificate_is_told_with_its_alert() {
    require_root!();
    let street = Street::new("reqalert");
    let Some(nginx) = Nginx::start(&street.far) else { return };
    let rig = Rig::start_with(&street.near, FULL);
    // Without -k. Of TLS 1.3 too: OpenSSL enciphers what it says from its last message of the handshake on.
    let resolve = |name: &str| format!("--resolve {name}.{ZONE}:443:{FAR} https://{name}.{ZONE}/");
    street.near.run_script(&format!(
        "for n in 1 2 3; do curl -s -o /dev/null --tls-max 1.2 {} || true; done
         curl -s -o /dev/null {} || true
         curl -s -k -o /dev/null --tls-max 1.2 {}",
        resolve("distrusted"),
        resolve("new"),
        resolve("trusted"),
    ));
    nginx.log(1);
    let stored = rig.stop();
    let rows = of_kind(&stored, RequestKind::Tls);
    let mut told: Vec<_> = rows
        .iter()
        .map(|row| (row.tls_sni.clone().unwrap_or_default(), row.tls_alert.as_deref(), row.failed))
        .collect();
    told.sort();
    let refused = |name: &str| (format!("{name}.{ZONE}"), Some("unknown_ca"), true);
    let mut expected = vec![refused("distrusted"); 3];
    expected.extend([refused("new"), (format!("trusted.{ZONE}"), None, false)]);
    assert_eq!(told, expected);
    for row in &rows {
        assert_eq!(row.outcome, RequestOutcome::Answered, "{row:?}");
        assert!(row.latency_us.is_some() && row.process.as_deref() == Some("curl"), "{row:?}");
    }
}
