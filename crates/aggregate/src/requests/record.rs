//! A row as a record.

use super::RequestConfig;
use super::alike::keep;
use super::rows::{CoarseKey, Row, Sums};
use crate::world::{FlowEnds, World};
use netrig_model::{
    DnsExchange, Exchange, HttpExchange, InterfaceId, Owner, RequestRecord, Timestamp, TlsExchange, transport_name,
};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

/// What all records of one telling share.
pub(super) struct Teller<'a> {
    config: &'a RequestConfig,
    window: (Timestamp, Timestamp),
    world: &'a dyn World,
    /// The last interface asked for: most requests of a host take one.
    cached: Option<(InterfaceId, Option<String>)>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(config: &'a RequestConfig, window: (Timestamp, Timestamp), world: &'a dyn World) -> Self {
        Self { config, window, world, cached: None }
    }

    /// The name that the request itself has, where that is how the address was looked up, or nobody knows how it was: hosts share
    /// addresses. Else, as for a proxy, what the address was looked up by.
    fn name_of_asked(&self, row: &Row, src: IpAddr, dst: IpAddr) -> Option<String> {
        let (at, asked) = (row.sums.started, own_name(&row.request.what));
        let looked_up = self.world.name_of(src, dst, at);
        match asked {
            Some(asked) if looked_up.is_none() || self.world.knows_as(src, dst, at, &asked) => Some(asked),
            _ => looked_up,
        }
    }

    /// What is left where all that told requests apart is not.
    pub(super) fn coarse(&mut self, (kind, outcome, failed): CoarseKey, sums: Sums) -> RequestRecord {
        let latency_us = sums.latency_us();
        RequestRecord {
            window_start: self.window.0,
            window_end: self.window.1,
            started: sums.started,
            host: self.config.host.clone(),
            iface: None,
            direction: None,
            netns: self.config.netns,
            kind,
            outcome,
            failed,
            transport: None,
            src_addr: None,
            src_port: None,
            dst_addr: None,
            dst_port: None,
            requests: sums.requests,
            retries: sums.retries,
            latency_us: latency_us.map(|(mean, _)| mean),
            latency_us_max: latency_us.map(|(_, max)| max),
            dns_name: None,
            dns_type: None,
            dns_rcode: None,
            dns_answers: None,
            dns_addresses: None,
            tls_sni: None,
            tls_alpn: None,
            tls_version: None,
            tls_cipher: None,
            tls_ja4: None,
            tls_resumed: None,
            tls_ech: None,
            tls_alert: None,
            http_version: None,
            http_method: None,
            http_host: None,
            http_path: None,
            http_status: None,
            grpc: None,
            sampling_rate: self.config.sampling_rate,
            process: None,
            pid: None,
            cgroup: None,
            container: None,
            src_name: None,
            dst_name: None,
        }
    }

    pub(super) fn row(&mut self, row: Row) -> RequestRecord {
        let key = &row.request.key;
        let is_ipv6 = key.kind.is_ipv6();
        let (src, dst) = (key.src.to_ip(is_ipv6), key.dst.to_ip(is_ipv6));
        let owner = self.owner(&row, src, dst);
        let mut record = self.coarse((row.request.what.kind(), row.request.outcome, row.failed), row.sums);
        record.iface = row.iface.and_then(|iface| self.iface_name(iface));
        record.direction = row.direction;
        record.transport = transport_name(key.protocol).map(str::to_owned);
        record.src_addr = Some(src);
        record.src_port = (row.sums.requests == 1).then_some(key.src_port);
        record.dst_addr = Some(dst);
        record.dst_port = Some(key.dst_port);
        record.process = owner.process;
        record.pid = owner.pid;
        record.cgroup = owner.cgroup;
        record.container = owner.container;
        record.src_name = self.world.name_of(dst, src, row.sums.started);
        record.dst_name = self.name_of_asked(&row, src, dst);
        match row.request.what {
            Exchange::Dns(dns) => tell_dns(&mut record, dns),
            Exchange::Tls(tls) | Exchange::Quic(tls) => tell_tls(&mut record, tls),
            Exchange::Http(http) => tell_http(&mut record, http),
            Exchange::Http2(http) => {
                record.grpc = Some(http.grpc);
                tell_http(&mut record, http);
            }
        }
        record
    }

    /// Whom the socket told; else whose the connection is.
    fn owner(&self, row: &Row, src: IpAddr, dst: IpAddr) -> Owner {
        if let Some(owner) = row.request.owner.filter(|owner| owner.pid != 0 || owner.cgroup != 0) {
            return self.world.owner_known(&owner);
        }
        let key = &row.request.key;
        let of = |port| {
            let (src, dst) = ((src, Some(port)), (dst, Some(key.dst_port)));
            self.world.owner(&FlowEnds { protocol: key.protocol, src, dst, pid: None }).unwrap_or_default()
        };
        let mut owner = of(key.src_port);
        if row.latest_port != key.src_port && owner != Owner::default() {
            let latest = of(row.latest_port);
            keep(&mut owner.process, &latest.process);
            keep(&mut owner.pid, &latest.pid);
            keep(&mut owner.cgroup, &latest.cgroup);
            keep(&mut owner.container, &latest.container);
        }
        owner
    }

    fn iface_name(&mut self, iface: InterfaceId) -> Option<String> {
        match &self.cached {
            Some((cached, name)) if *cached == iface => name.clone(),
            _ => {
                let name = self.world.iface_name(iface);
                self.cached = Some((iface, name.clone()));
                name
            }
        }
    }
}

/// The server's name that a request has, without its port.
fn own_name(what: &Exchange) -> Option<String> {
    let name = match what {
        Exchange::Dns(_) => return None,
        Exchange::Tls(tls) | Exchange::Quic(tls) => tls.sni.as_deref()?,
        Exchange::Http(http) | Exchange::Http2(http) => http.host.as_deref()?,
    };
    let bare = name.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(name, |(bare, _)| bare);
    let is_address = bare.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || name.parse::<IpAddr>().is_ok();
    (!bare.is_empty() && !is_address).then(|| bare.to_ascii_lowercase())
}

fn tell_dns(record: &mut RequestRecord, dns: DnsExchange) {
    record.dns_addresses = (!dns.addresses.is_empty()).then(|| with_commas(&dns.addresses));
    record.dns_name = Some(dns.name);
    record.dns_type = Some(dns.qtype);
    record.dns_rcode = dns.rcode;
    record.dns_answers = dns.answers;
}

fn tell_tls(record: &mut RequestRecord, tls: TlsExchange) {
    record.tls_sni = tls.sni;
    record.tls_alpn = tls.alpn;
    record.tls_version = tls.version;
    record.tls_cipher = tls.cipher;
    record.tls_ja4 = tls.ja4;
    record.tls_resumed = tls.resumed;
    record.tls_ech = tls.ech;
    record.tls_alert = tls.alert;
}

fn tell_http(record: &mut RequestRecord, http: HttpExchange) {
    record.http_version = http.version.map(str::to_owned);
    record.http_method = http.method.map(Cow::into_owned);
    record.http_host = http.host;
    record.http_path = http.path;
    record.http_status = http.status;
}

fn with_commas(addresses: &[(IpAddr, u32)]) -> String {
    let mut text = String::new();
    for (at, (address, _)) in addresses.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{address}");
    }
    text
}
