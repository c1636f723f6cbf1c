//! What was asked, and what was answered, in a few words. Names come from strangers: here they are only cut, and what is not
//! printable the table replaces.

use crate::table::shorten;
use crate::units::count;
use netrig_model::{Direction, RequestKind, RequestOutcome, RequestRecord};
use std::net::{IpAddr, SocketAddr};

/// Longer ones push everything else out of sight where no terminal bounds the line; JSON has them whole.
const NAME_CHARS_MAX: usize = 64;
const WHAT_CHARS_MAX: usize = 120;

/// Who asked: the process where it is this host's, else the address.
pub(super) fn who(r: &RequestRecord) -> String {
    match process(r) {
        Some(process) if r.direction != Some(Direction::Ingress) => process,
        _ => named(r.src_name.as_deref(), r.src_addr, None),
    }
}

/// Whom: the server's name or address, and the process that serves where it is this host's.
pub(super) fn whom(r: &RequestRecord) -> String {
    let server = named(r.dst_name.as_deref(), r.dst_addr, r.dst_port);
    match process(r) {
        Some(process) if r.direction == Some(Direction::Ingress) => format!("{server} {process}"),
        _ => server,
    }
}

fn process(r: &RequestRecord) -> Option<String> {
    let name = r.process.as_deref().map(short);
    match (name, r.pid) {
        (Some(name), Some(pid)) => Some(format!("{name}[{pid}]")),
        (Some(name), None) => Some(name),
        (None, pid) => pid.map(|pid| format!("[{pid}]")),
    }
}

fn named(name: Option<&str>, addr: Option<IpAddr>, port: Option<u16>) -> String {
    match (name, addr, port) {
        (Some(name), _, Some(port)) => format!("{}:{port}", short(name)),
        (Some(name), _, None) => short(name),
        (None, Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
        (None, Some(ip), None) => ip.to_string(),
        (None, None, _) => String::new(),
    }
}

fn short(name: &str) -> String {
    shorten(name, NAME_CHARS_MAX)
}

/// What: `A example.com`, `example.com`, `GET example.com/index.html`.
pub(super) fn what(r: &RequestRecord) -> String {
    let text = match r.kind {
        RequestKind::Dns => joined([r.dns_type.as_deref(), r.dns_name.as_deref()]),
        RequestKind::Tls | RequestKind::Quic => r.tls_sni.clone().unwrap_or_default(),
        RequestKind::Http | RequestKind::Http2 => {
            let (host, path) = (r.http_host.as_deref(), r.http_path.as_deref());
            // `example.com/index.html` is how it is written everywhere; a path that is hashed stands apart.
            let whole = match (host, path) {
                (Some(host), Some(path)) if path.starts_with('/') => format!("{host}{path}"),
                _ => joined([host, path]),
            };
            let grpc = (r.grpc == Some(true)).then_some("gRPC");
            joined([grpc, r.http_method.as_deref(), Some(whole.as_str()).filter(|text| !text.is_empty())])
        }
    };
    shorten(&text, WHAT_CHARS_MAX)
}

/// The answer: `NOERROR 10.2.0.7`, `TLS 1.3 h2`, `503`, `no answer`.
pub(super) fn answer(r: &RequestRecord) -> String {
    let said = match r.kind {
        RequestKind::Dns => dns_answer(r),
        RequestKind::Tls | RequestKind::Quic => tls_answer(r),
        RequestKind::Http | RequestKind::Http2 => r.http_status.map(|status| status.to_string()),
    };
    let said = match r.outcome {
        RequestOutcome::Answered => said.unwrap_or_else(|| "answered".to_owned()),
        // A session that an alert ended is told as that.
        RequestOutcome::Unanswered => alert(r).unwrap_or_else(|| "no answer".to_owned()),
        RequestOutcome::Unknown => alert(r).unwrap_or_else(|| "not known".to_owned()),
    };
    match r.retries {
        0 => said,
        1 => format!("{said}, asked again"),
        n => format!("{said}, asked again {}×", count(n)),
    }
}

fn dns_answer(r: &RequestRecord) -> Option<String> {
    let rcode = r.dns_rcode.as_deref()?;
    let addresses = r.dns_addresses.as_deref().map(|all| {
        let first = all.split(',').next().unwrap_or_default();
        let others = all.split(',').count() - 1;
        if others > 0 { format!("{} +{others}", short(first)) } else { short(first) }
    });
    // A name that is there and has no record of that type is no error, and yet what many look for.
    let empty = (rcode == "NOERROR" && r.dns_answers == Some(0)).then(|| "empty".to_owned());
    Some(joined([Some(rcode), addresses.or(empty).as_deref()]))
}

fn tls_answer(r: &RequestRecord) -> Option<String> {
    let resumed = (r.tls_resumed == Some(true)).then_some("resumed");
    let agreed = joined([r.tls_version.as_deref(), r.tls_alpn.as_deref(), resumed]);
    alert(r).or_else(|| (!agreed.is_empty()).then_some(agreed))
}

fn alert(r: &RequestRecord) -> Option<String> {
    r.tls_alert.as_deref().map(|alert| format!("alert {}", short(alert)))
}

fn joined<const N: usize>(words: [Option<&str>; N]) -> String {
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
