//! Requests of every kind.

use super::histogram;
use netrig_model::{PayloadCounts, PayloadStatus, RequestKind, RequestSums, RequestTally};

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
    }
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
            tally(Dns, Some("192.0.2.53"), Some("NOERROR"), 900),
            failed(tally(Dns, Some("192.0.2.53"), Some("NXDOMAIN"), 40)),
            unanswered(Dns, "192.0.2.53", 4),
            version("TLS 1.3", tally(Tls, Some("api.example.org"), None, 70)),
            version("TLS 1.2", failed(tally(Tls, Some("api.example.org"), Some("handshake_failure"), 2))),
            version("TLS 1.3", tally(Quic, None, None, 12)),
            tally(Http, Some("shop.example.org:8080"), Some("2xx"), 300),
            failed(tally(Http, Some("shop.example.org:8080"), Some("5xx"), 5)),
            unanswered(Http, "shop.example.org:8080", 1),
            tally(Http2, Some("grpc.example.org"), Some("2xx"), 9),
        ],
        flows: 120,
        pending: 3,
        names: 250,
        bytes: 8_388_608,
    }
}
