//! Requests of every kind.

use super::histogram;
use netrig_model::{PayloadCounts, PayloadStatus, RequestKind, RequestSums, RequestTally, SlowRequest, Timestamp};

/// Answered within a millisecond or so.
pub(crate) fn tally(kind: RequestKind, server: Option<&str>, code: Option<&str>, requests: u64) -> RequestTally {
    RequestTally {
        kind,
        code: code.map(str::to_owned),
        version: None,
        server: server.map(str::to_owned),
        sums: RequestSums {
            requests,
            failed: 0,
            unanswered: 0,
            retries: 1,
            latency: histogram(if requests == 0 { &[] } else { &[(-160, 1), (-150, 2)] }),
        },
        slow: Vec::new(),
    }
}

/// A slow one more, which is counted in the distribution too.
pub(crate) fn with_slow(mut tally: RequestTally, protocol: u8, latency_ns: u64, answered: Timestamp) -> RequestTally {
    tally.sums.latency.observe(latency_ns);
    let (src, dst) = (([10, 0, 0, 7], 40_000 + tally.slow.len() as u16).into(), ([192, 0, 2, 53], 53).into());
    tally.slow.push(SlowRequest { src, dst, protocol, answered, latency_ns });
    tally
}

/// Nobody answered.
fn unanswered(kind: RequestKind, server: &str, requests: u64) -> RequestTally {
    let sums = RequestSums { requests, failed: requests, unanswered: requests, retries: 2, ..RequestSums::default() };
    RequestTally { sums, ..tally(kind, Some(server), None, requests) }
}

pub(crate) fn status() -> PayloadStatus {
    use RequestKind::{Dns, Http, Http2, Quic, Tls};
    let version = |version: &str, tally| RequestTally { version: Some(version.to_owned()), ..tally };
    let failed = |mut tally: RequestTally| {
        tally.sums.failed = tally.sums.requests;
        tally
    };
    let at = |ms: i64| Timestamp(1_700_000_100_000_000_000 + ms * 1_000_000);
    PayloadStatus {
        counts: PayloadCounts {
            wanted: 5000,
            copied: 4990,
            lost: 10,
            unknown: 7,
            again: 400,
            malformed: 3,
            no_room: 1,
        },
        tallies: vec![
            with_slow(tally(Dns, Some("192.0.2.53"), Some("NOERROR"), 900), 17, 1_500_000_000, at(42)),
            failed(tally(Dns, Some("192.0.2.53"), Some("NXDOMAIN"), 40)),
            unanswered(Dns, "192.0.2.53", 4),
            version("TLS 1.3", tally(Tls, Some("api.example.org"), None, 70)),
            version("TLS 1.2", failed(tally(Tls, Some("api.example.org"), Some("handshake_failure"), 2))),
            version("TLS 1.3", tally(Quic, None, None, 12)),
            tally(Http, Some("shop.example.org:8080"), Some("2xx"), 300),
            with_slow(
                with_slow(failed(tally(Http, Some("shop.example.org:8080"), Some("5xx"), 5)), 6, 250_000_000, at(7)),
                6,
                33_000_000_000,
                at(-1),
            ),
            unanswered(Http, "shop.example.org:8080", 1),
            tally(Http2, Some("grpc.example.org"), Some("2xx"), 9),
        ],
        flows: 120,
        pending: 3,
        names: 250,
        bytes: 8_388_608,
    }
}
