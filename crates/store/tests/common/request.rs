//! A request's record for tests, of this crate and of others: `#[path]` brings it there.

use netrig_model::{Direction, RequestKind, RequestOutcome, RequestRecord, Timestamp};
use std::net::Ipv4Addr;

/// The record number `n` of a window: plain, and told apart by its requests, which are `n` + 1. The kinds come in turn; every
/// seventh fails, every eleventh is a server's own.
pub(crate) fn request(window: (Timestamp, Timestamp), n: u64) -> RequestRecord {
    let kind = RequestKind::ALL[(n % RequestKind::ALL.len() as u64) as usize];
    let (dns, hello) = (kind == RequestKind::Dns, matches!(kind, RequestKind::Tls | RequestKind::Quic));
    let http = !dns && !hello;
    let (failed, served) = (n % 7 == 6, n % 11 == 10);
    let answered = !failed || n.is_multiple_of(2);
    let name = ["example.com", "api.example.org", "db.internal"][(n / 5 % 3) as usize];
    let (here, there) = (Ipv4Addr::new(10, 1, 0, 1), Ipv4Addr::new(10, 2, 0, (n % 61) as u8));
    let (src, dst) = if served { (there, here) } else { (here, there) };
    let latency_us = answered.then_some(200 + n * 7919 % 90_000);
    let told = |is: bool, text: &str| is.then(|| text.to_owned());
    RequestRecord {
        window_start: window.0,
        window_end: window.1,
        started: window.0.plus_ns((n as i64 * 7_919_333) % (window.1.0 - window.0.0)),
        host: Some("rig-1".into()),
        iface: Some(if n.is_multiple_of(2) { "eth0" } else { "eth1" }.into()),
        direction: Some(if served { Direction::Ingress } else { Direction::Egress }),
        netns: Some(4_026_531_840),
        kind,
        outcome: if answered { RequestOutcome::Answered } else { RequestOutcome::Unanswered },
        failed,
        transport: told(true, if dns || kind == RequestKind::Quic { "udp" } else { "tcp" }),
        src_addr: Some(src.into()),
        src_port: Some(32_768 + (n * 37 % 28_000) as u16),
        dst_addr: Some(dst.into()),
        dst_port: Some(if dns { 53 } else { [443, 8080][usize::from(http)] }),
        requests: n + 1,
        retries: u64::from(!answered),
        latency_us,
        latency_us_max: latency_us.map(|us| us * 2),
        dns_name: told(dns, name),
        dns_type: told(dns, "A"),
        dns_rcode: told(dns && answered, if failed { "NXDOMAIN" } else { "NOERROR" }),
        dns_answers: (dns && answered).then_some(u16::from(!failed)),
        dns_addresses: told(dns && !failed, "10.2.0.7"),
        tls_sni: told(hello, name),
        tls_alpn: told(hello, "h2"),
        tls_version: told(hello, if n.is_multiple_of(4) { "TLS 1.2" } else { "TLS 1.3" }),
        tls_cipher: told(hello && answered, "TLS_AES_128_GCM_SHA256"),
        tls_ja4: told(hello, "t13d1516h2_8daaf6152771_b186095e22b6"),
        tls_resumed: hello.then_some(n.is_multiple_of(3)),
        tls_ech: hello.then_some(false),
        tls_alert: told(hello && failed && answered, "handshake_failure"),
        http_version: told(http, if kind == RequestKind::Http { "1.1" } else { "2" }),
        http_method: told(http, "GET"),
        http_host: told(http, name),
        http_path: told(http, "/index.html"),
        http_status: (http && answered).then_some(if failed { 503 } else { 200 }),
        grpc: (kind == RequestKind::Http2).then_some(n.is_multiple_of(2)),
        sampling_rate: 1,
        process: told(true, if served { "nginx" } else { "curl" }),
        pid: Some(4711),
        cgroup: told(true, "/system.slice/demo.service"),
        container: told(true, "demo.service"),
        src_name: None,
        dst_name: told(!served, name),
    }
}

/// Records `from..to` of a window.
pub(crate) fn requests(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<RequestRecord> {
    (from..to).map(|n| request(window, n)).collect()
}
