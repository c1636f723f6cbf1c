//! What requests can be grouped by.

use super::RequestTotals;
use crate::columns::{GroupColumn, Groupable, columns, number, word};
use crate::field::Field;
use netrig_model::{Column, Direction, REQUEST_COLUMNS, RequestRecord};
use std::hash::{Hash, Hasher};

impl Groupable for RequestRecord {
    type Sums = RequestTotals;
    const WORD: &'static str = "requests";
    const ALL_COLUMNS: &'static [Column] = REQUEST_COLUMNS;
    const COLUMNS: &'static [GroupColumn<Self>] = COLUMNS;
    const IDENTITY: &'static [&'static str] = &[];
    const ALIASES: &'static [(&'static str, &'static [&'static str])] = &[
        ("src", &["src_addr", "src_port"]),
        ("dst", &["dst_addr", "dst_port"]),
        ("dns", &["dns_name", "dns_type", "dns_rcode"]),
        ("tls", &["tls_sni", "tls_version", "tls_alert"]),
        ("http", &["http_method", "http_host", "http_path", "http_status"]),
    ];
    const EXAMPLES: [&'static str; 2] = ["dst_name", "process"];

    /// What is counted are the requests in it.
    fn sums(&self, _members: u64) -> RequestTotals {
        RequestTotals::of(self)
    }

    fn identify<H: Hasher>(&self, hasher: &mut H) {
        (self.kind, self.started).hash(hasher);
    }
}

fn truth(value: Option<bool>) -> Field {
    value.map_or(Field::Null, Field::Truth)
}

/// In the order of the records' own columns, but when and on which host come last.
const COLUMNS: &[GroupColumn<RequestRecord>] = columns! {
    kind = |r, w| word(Some(r.kind.as_str()), w),
    outcome = |r, w| word(Some(r.outcome.as_str()), w),
    iface = |r, w| word(r.iface.as_deref(), w),
    direction = |r, w| word(r.direction.map(Direction::as_str), w),
    netns = |r, _| number(r.netns),
    transport = |r, w| word(r.transport.as_deref(), w),
    src_addr = |r, _| r.src_addr.map_or(Field::Null, Field::Address),
    src_port = |r, _| number(r.src_port),
    dst_addr = |r, _| r.dst_addr.map_or(Field::Null, Field::Address),
    dst_port = |r, _| number(r.dst_port),
    src_name = |r, w| word(r.src_name.as_deref(), w),
    dst_name = |r, w| word(r.dst_name.as_deref(), w),
    dns_name = |r, w| word(r.dns_name.as_deref(), w),
    dns_type = |r, w| word(r.dns_type.as_deref(), w),
    dns_rcode = |r, w| word(r.dns_rcode.as_deref(), w),
    dns_answers = |r, _| number(r.dns_answers),
    dns_addresses = |r, w| word(r.dns_addresses.as_deref(), w),
    tls_sni = |r, w| word(r.tls_sni.as_deref(), w),
    tls_alpn = |r, w| word(r.tls_alpn.as_deref(), w),
    tls_version = |r, w| word(r.tls_version.as_deref(), w),
    tls_cipher = |r, w| word(r.tls_cipher.as_deref(), w),
    tls_ja4 = |r, w| word(r.tls_ja4.as_deref(), w),
    tls_resumed = |r, _| truth(r.tls_resumed),
    tls_ech = |r, _| truth(r.tls_ech),
    tls_alert = |r, w| word(r.tls_alert.as_deref(), w),
    http_version = |r, w| word(r.http_version.as_deref(), w),
    http_method = |r, w| word(r.http_method.as_deref(), w),
    http_host = |r, w| word(r.http_host.as_deref(), w),
    http_path = |r, w| word(r.http_path.as_deref(), w),
    http_status = |r, _| number(r.http_status),
    grpc = |r, _| truth(r.grpc),
    sampling_rate = |r, _| number(Some(r.sampling_rate)),
    process = |r, w| word(r.process.as_deref(), w),
    pid = |r, _| number(r.pid),
    cgroup = |r, w| word(r.cgroup.as_deref(), w),
    container = |r, w| word(r.container.as_deref(), w),
    host = |r, w| word(r.host.as_deref(), w),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
    started = |r, _| Field::Time(r.started),
};
