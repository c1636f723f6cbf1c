//! Requests that were seen to pass: what was asked, what was answered, how long it took; and the records of them.

use crate::record::{opt, req};
use crate::words::words;
use crate::{Column, ColumnType, Direction, FlowKey, KernelOwner, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;

words! {
    /// What kind of request.
    RequestKind {
        /// A DNS question.
        Dns = "dns",
        /// The opening of a TLS session over TCP.
        Tls = "tls",
        /// The opening of a QUIC connection.
        Quic = "quic",
        /// A request of HTTP/1.
        Http = "http",
        /// The first request of an HTTP/2 connection in the clear; gRPC too.
        Http2 = "http2",
    }
}

words! {
    /// How a request ended.
    RequestOutcome {
        /// An answer was seen, whatever it says.
        Answered = "answered",
        /// None was within the time allowed, or before the connection ended.
        Unanswered = "unanswered",
        /// Whether it was answered is not known: a copy was lost, or the rig stopped before.
        Unknown = "unknown",
    }
}

/// The first octets of one packet's payload, as the kernel copied them.
#[derive(Clone, Copy, Debug)]
pub struct PayloadSegment<'a> {
    /// When the packet passed.
    pub time: Timestamp,
    /// Its flow, in the packet's own direction.
    pub key: FlowKey,
    /// TCP: the sequence number of the first octet of payload; else 0.
    pub sequence: u32,
    /// TCP flags (FIN 1, SYN 2, RST 4).
    pub tcp_flags: u8,
    /// Octets of payload the packet has; for a super-packet all of them.
    pub length: u32,
    /// The first of them.
    pub octets: &'a [u8],
    /// Whose socket sent it, where the kernel knew.
    pub owner: Option<KernelOwner>,
}

/// One request, over.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The flow of the request's packets: the source is who asks.
    pub key: FlowKey,
    /// When its first octet passed; the answer's where the request was not seen.
    pub started: Timestamp,
    /// Until the answer's first octet, nanoseconds; none where either was not seen.
    pub latency_ns: Option<u64>,
    /// How it ended.
    pub outcome: RequestOutcome,
    /// Times it was asked again.
    pub retries: u32,
    /// Who asked, or who was asked, where a socket of this host told.
    pub owner: Option<KernelOwner>,
    /// What was asked and answered.
    pub what: Exchange,
}

/// What was asked and answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Exchange {
    /// A DNS question.
    Dns(DnsExchange),
    /// A TLS session's opening.
    Tls(TlsExchange),
    /// A QUIC connection's opening.
    Quic(TlsExchange),
    /// A request of HTTP/1.
    Http(HttpExchange),
    /// The first request of an HTTP/2 connection.
    Http2(HttpExchange),
}

impl Exchange {
    /// Which kind.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Dns(_) => RequestKind::Dns,
            Self::Tls(_) => RequestKind::Tls,
            Self::Quic(_) => RequestKind::Quic,
            Self::Http(_) => RequestKind::Http,
            Self::Http2(_) => RequestKind::Http2,
        }
    }
}

/// A DNS question and its answer. Names are as people write them: lower case as received, no last dot, odd octets escaped
/// as in zone files (`\.`, `\007`); the root is `.`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsExchange {
    /// The name asked for.
    pub name: String,
    /// The type asked for, by its word: `A`, `AAAA`, `HTTPS`; `TYPE123` where it has none.
    pub qtype: String,
    /// What the answer says, by its word: `NOERROR`, `NXDOMAIN`, `SERVFAIL`; none without an answer.
    pub rcode: Option<String>,
    /// The addresses among the answers, and how long each may be remembered, seconds.
    pub addresses: Vec<(IpAddr, u32)>,
    /// Records in the answer's answer section, by its header.
    pub answers: Option<u16>,
    /// The answer was cut short, by its header (TC).
    pub truncated: bool,
}

/// What a TLS session's opening said in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsExchange {
    /// The server's name that the client asked for.
    pub sni: Option<String>,
    /// The protocol: what the server chose, where that is in the clear, else the client's first offer.
    pub alpn: Option<String>,
    /// The version that the server chose: `TLS 1.3`; without an answer the client's highest.
    pub version: Option<String>,
    /// The cipher suite that the server chose, by IANA's name or `0x1301`-like.
    pub cipher: Option<String>,
    /// The client's JA4 fingerprint.
    pub ja4: Option<String>,
    /// Whether an earlier session was resumed: known of the answer.
    pub resumed: Option<bool>,
    /// Whether the client encrypted its hello (ECH; GREASE looks the same).
    pub ech: Option<bool>,
    /// The alert that ended it, by its word: `handshake_failure`.
    pub alert: Option<String>,
}

/// A request of HTTP and its answer's first line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpExchange {
    /// `1.0`, `1.1`, `2`.
    pub version: Option<&'static str>,
    /// `GET`. Of the usual ones no memory is asked for.
    pub method: Option<Cow<'static, str>>,
    /// The host asked for, as the request has it (with its port, where it has one).
    pub host: Option<String>,
    /// Path and query, as the request has them.
    pub path: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
    /// gRPC, by its content type.
    pub grpc: bool,
}

/// Requests in one window: one, or several alike once the window has many. Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "REQUEST_COLUMNS says what each means, once, for every reader")]
pub struct RequestRecord {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub started: Timestamp,
    pub host: Option<String>,
    pub iface: Option<String>,
    pub direction: Option<Direction>,
    pub netns: Option<u64>,
    pub kind: RequestKind,
    pub outcome: RequestOutcome,
    pub failed: bool,
    pub transport: Option<String>,
    pub src_addr: Option<IpAddr>,
    pub src_port: Option<u16>,
    pub dst_addr: Option<IpAddr>,
    pub dst_port: Option<u16>,
    pub requests: u64,
    pub retries: u64,
    pub latency_us: Option<u64>,
    pub latency_us_max: Option<u64>,
    pub dns_name: Option<String>,
    pub dns_type: Option<String>,
    pub dns_rcode: Option<String>,
    pub dns_answers: Option<u16>,
    pub dns_addresses: Option<String>,
    pub tls_sni: Option<String>,
    pub tls_alpn: Option<String>,
    pub tls_version: Option<String>,
    pub tls_cipher: Option<String>,
    pub tls_ja4: Option<String>,
    pub tls_resumed: Option<bool>,
    pub tls_ech: Option<bool>,
    pub tls_alert: Option<String>,
    pub http_version: Option<String>,
    pub http_method: Option<String>,
    pub http_host: Option<String>,
    pub http_path: Option<String>,
    pub http_status: Option<u16>,
    pub grpc: Option<bool>,
    pub sampling_rate: u32,
    pub process: Option<String>,
    pub pid: Option<u32>,
    pub cgroup: Option<String>,
    pub container: Option<String>,
    pub src_name: Option<String>,
    pub dst_name: Option<String>,
}

use ColumnType::{Bool, Text, TimestampNs, U16, U32, U64};

/// The columns of `requests`, in order.
pub const REQUEST_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window in which it was over"),
    req("window_end", TimestampNs, "end of the window"),
    req("started", TimestampNs, "when the request's first octet passed; of several the earliest"),
    opt("host", Text, "host name"),
    opt("iface", Text, "interface on which it was seen first"),
    opt(
        "direction",
        Text,
        "of the request, seen from the interface: egress where this host asks, ingress where it is asked",
    ),
    opt("netns", U64, "inode of the network namespace"),
    req("kind", Text, "dns, tls, quic, http, http2"),
    req(
        "outcome",
        Text,
        "answered (whatever the answer says), unanswered, unknown (a copy was lost, or the rig stopped)",
    ),
    req(
        "failed",
        Bool,
        "unanswered, or an error: a DNS rcode that is not NOERROR, a TLS alert, an HTTP status of 400 or more",
    ),
    opt("transport", Text, "tcp or udp"),
    opt("src_addr", Text, "address of who asked"),
    opt("src_port", U16, "its port; null where several requests are told as one"),
    opt("dst_addr", Text, "address of who was asked"),
    opt("dst_port", U16, "its port"),
    req("requests", U64, "how many requests this row stands for: 1, or more once a window has many that are alike"),
    req("retries", U64, "times they were asked again"),
    opt("latency_us", U64, "from the request's first octet to the answer's first; of several the mean"),
    opt("latency_us_max", U64, "the longest of them"),
    opt("dns_name", Text, "name asked for, lower case, without the last dot"),
    opt("dns_type", Text, "type asked for: A, AAAA, HTTPS, TYPE123"),
    opt("dns_rcode", Text, "what the answer says: NOERROR, NXDOMAIN, SERVFAIL"),
    opt("dns_answers", U16, "records in the answer section"),
    opt("dns_addresses", Text, "addresses among them, with commas"),
    opt("tls_sni", Text, "server name the client asked for"),
    opt("tls_alpn", Text, "protocol the server chose, where that is in the clear, else the client's first offer"),
    opt("tls_version", Text, "version the server chose; without an answer the client's highest"),
    opt("tls_cipher", Text, "cipher suite the server chose"),
    opt("tls_ja4", Text, "JA4 fingerprint of the client"),
    opt("tls_resumed", Bool, "whether an earlier session was resumed"),
    opt("tls_ech", Bool, "whether the client sent an encrypted hello"),
    opt("tls_alert", Text, "alert that ended the handshake"),
    opt("http_version", Text, "1.0, 1.1, 2"),
    opt("http_method", Text, "method"),
    opt("http_host", Text, "host asked for"),
    opt("http_path", Text, "path, as far as the configuration lets it be told"),
    opt("http_status", U16, "status of the answer"),
    opt("grpc", Bool, "whether it is gRPC; null where it is not HTTP/2"),
    req("sampling_rate", U32, "1 request in this many was looked at"),
    opt("process", Text, "process on this host that asked, or was asked"),
    opt("pid", U32, "its id"),
    opt("cgroup", Text, "its control group"),
    opt("container", Text, "its container id, or systemd unit"),
    opt("src_name", Text, "name of who asked, where it was asked for itself"),
    opt(
        "dst_name",
        Text,
        "name of the one asked: the host or server name that the request has, unless its address was looked up by another name",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_list_of_requests_is_the_struct() {
        let text = r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","started":"2023-11-14T22:13:21Z",
            "kind":"dns","outcome":"answered","failed":false,"requests":1,"retries":0,"sampling_rate":1}"#;
        let record: RequestRecord = serde_json::from_str(text).expect("required columns are enough");
        let json = serde_json::to_value(record).expect("serialise");
        let mut got: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut columns: Vec<_> = REQUEST_COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        got.sort();
        columns.sort();
        assert_eq!(got, columns);
    }
}
