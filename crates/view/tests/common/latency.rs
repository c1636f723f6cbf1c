//! Records of latency.

use super::{START, WINDOW_NS};
use netrig_model::*;

pub(crate) const US: f64 = 1e3;
pub(crate) const MS: f64 = 1e6;

/// The distribution of `count` times that lie evenly, on a scale of ratios, between two lengths.
pub(crate) fn spread(count: u64, from_ns: f64, to_ns: f64) -> Histogram {
    let mut all = Histogram::default();
    for n in 0..count {
        let ns = from_ns * (to_ns / from_ns).powf(n as f64 / count.max(2) as f64);
        let bucket = ((ns / 1e9).log2() * 16.0).ceil() as i32;
        all.add(&Histogram { buckets: vec![(bucket, 1)], sum_ns: ns as u64 });
    }
    all
}

/// A record of a service on this host's side of it, `None` for what is neither a client's nor a server's.
pub(crate) fn record(service: &str, role: Option<Role>, stage: Stage, times: &Histogram, window: i64) -> LatencyRecord {
    let at = service.trim_end_matches("/udp");
    let remote = at.parse::<std::net::SocketAddr>().ok();
    let port = remote.map(|r| r.port()).or_else(|| at.strip_prefix(':')?.parse().ok());
    let window_start = START.plus_ns(window * WINDOW_NS);
    let quantile = |share| times.quantile_s(share).map(|s| (s * 1e9) as u64);
    let samples = times.count();
    LatencyRecord {
        window_start,
        window_end: window_start.plus_ns(WINDOW_NS),
        host: Some("lab".to_owned()),
        service: service.to_owned(),
        transport: port.map(|_| if service.ends_with("/udp") { "udp" } else { "tcp" }.to_owned()),
        role,
        service_addr: remote.map(|r| r.ip()),
        service_port: port,
        slow_client_addr: None,
        slow_client_port: None,
        stage,
        samples,
        eligible: samples + samples / 50,
        censored: samples / 100,
        sampling_rate: 16,
        latency_ns_sum: times.sum_ns,
        latency_ns_p50: quantile(0.5),
        latency_ns_p90: quantile(0.9),
        latency_ns_p99: quantile(0.99),
        latency_ns_p999: quantile(0.999),
        latency_ns_max: quantile(1.0),
        histogram: times.to_text(),
        cause: None,
        cause_ns_sum: None,
        iface: None,
        process: None,
        cgroup: None,
        container: None,
    }
}

/// The stages of one service, as one process has it: `count` messages each, evenly between half and twice the mean that is given; their sum
/// is the whole.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) role: Option<Role>,
    pub(crate) process: &'static str,
    pub(crate) count: u64,
    pub(crate) stages: Vec<(Stage, f64)>,
}

impl Service {
    pub(crate) fn server(name: &'static str, process: &'static str, count: u64) -> Self {
        Self { name, role: Some(Role::Server), process, count, stages: Vec::new() }
    }

    pub(crate) fn client(name: &'static str, process: &'static str, count: u64) -> Self {
        Self { role: Some(Role::Client), ..Self::server(name, process, count) }
    }

    pub(crate) fn stages(mut self, stages: &[(Stage, f64)]) -> Self {
        self.stages.extend(stages);
        self
    }

    /// Without a whole.
    pub(crate) fn parts(&self) -> Vec<LatencyRecord> {
        let one = |stage, ns: f64| LatencyRecord {
            process: Some(self.process.to_owned()),
            iface: (stage == Stage::Qdisc).then(|| "eth0".to_owned()),
            ..record(self.name, self.role, stage, &spread(self.count, ns * 0.72, ns * 1.35), 0)
        };
        self.stages.iter().map(|(stage, ns)| one(*stage, *ns)).collect()
    }

    /// With one.
    pub(crate) fn records(&self) -> Vec<LatencyRecord> {
        let mut all = self.parts();
        let parts = self.stages.iter().filter(|(stage, _)| stage.is_part_of_total(self.role));
        let whole_ns = parts.map(|(_, ns)| ns).sum::<f64>() + 20.0 * US;
        let times = spread(self.count, whole_ns * 0.72, whole_ns * 1.35);
        all.push(LatencyRecord {
            process: Some(self.process.to_owned()),
            ..record(self.name, self.role, Stage::Total, &times, 0)
        });
        all
    }
}

/// The same of one slow connection.
pub(crate) fn slow(records: Vec<LatencyRecord>, client: &str) -> Vec<LatencyRecord> {
    let client: std::net::SocketAddr = client.parse().expect("address");
    let one = |r| LatencyRecord { slow_client_addr: Some(client.ip()), slow_client_port: Some(client.port()), ..r };
    records.into_iter().map(one).collect()
}
