//! Records of requests.

use super::{START, WINDOW_NS};
use netrig_model::*;
use serde_json::{Value, json};

/// A request that was answered after `us` microseconds, so many milliseconds after the start, with these columns besides.
pub(crate) fn request(kind: RequestKind, at_ms: i64, us: Option<u64>, columns: Value) -> RequestRecord {
    let window_start = START.plus_ns(at_ms * 1_000_000).window_start(WINDOW_NS);
    let known = json!({
        "window_start": window_start, "window_end": window_start.plus_ns(WINDOW_NS), "started": START.plus_ns(at_ms * 1_000_000),
        "host": "lab", "iface": "eth0", "direction": "egress", "kind": kind,
        "outcome": if us.is_some() { "answered" } else { "unanswered" }, "failed": us.is_none(),
        "src_addr": "10.0.0.1", "src_port": 40_000, "dst_addr": "192.0.2.80", "dst_port": 443, "requests": 1, "retries": 0,
        "latency_us": us, "latency_us_max": us, "sampling_rate": 1, "process": "curl", "pid": 4711,
    });
    let mut record = known.as_object().expect("columns").clone();
    record.extend(columns.as_object().expect("columns").clone());
    serde_json::from_value(record.into()).expect("request")
}

/// A DNS question about an address.
pub(crate) fn question(at_ms: i64, us: Option<u64>, name: &str, rcode: Option<&str>, columns: Value) -> RequestRecord {
    let asked = json!({
        "transport": "udp", "dst_addr": "10.0.0.53", "dst_port": 53, "dns_name": name, "dns_type": "A", "dns_rcode": rcode,
        "failed": rcode != Some("NOERROR"),
    });
    let mut all = asked.as_object().expect("columns").clone();
    all.extend(columns.as_object().expect("columns").clone());
    request(RequestKind::Dns, at_ms, us, all.into())
}
