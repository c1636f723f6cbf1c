//! What a real Prometheus has of a real rig, scraped classic and native, is what the rig tells, and what the kernel counts.

use crate::support::mix::{ASKED, Mix};
use crate::support::scraped::{JOB, assert_told, scraping, wait_scraped};
use crate::support::street::FAR;
use crate::support::{Counters, Rig, Street};
use netrig_model::{Direction, Histogram, RequestKind, Snapshot, Stage};
use netrig_testkit::{Prometheus, report_skipped, require_root};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// Every message is looked at, so that there is enough of each.
const CONFIG: &str = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n\
                      [latency]\nsampling = 1\nslow = \"1h\"\n";
const SHARES: [f64; 4] = [0.5, 0.9, 0.99, 1.0];
/// What the rig's own word is off by at most: half a native bucket.
const NATIVE_ERROR: f64 = 0.0222;
/// So many values make a distribution that is compared.
const ENOUGH: u64 = 50;

#[test]
fn what_prometheus_has_is_what_the_rig_tells_and_the_kernel_counts() {
    require_root!();
    let street = Street::new("scraped");
    street.without_offloads();
    street.without_questions();
    let Some(mix) = Mix::of(&street) else { return };
    let before = street.counters();
    let rig = Rig::start_with(&street.near, CONFIG);
    let Some(classic) = scraping().start(Some(&street.near)) else { return };
    let Some(native) = scraping().native_histograms().start(Some(&street.near)) else { return };
    for prometheus in [&classic, &native] {
        wait_scraped(prometheus);
    }
    mix.apply_policy(&rig);
    mix.round();
    for prometheus in [&classic, &native] {
        counters_are_the_rigs(prometheus, &rig);
        interfaces_are_the_kernels(prometheus, &street, before);
        nothing_is_refused_or_told_twice(prometheus);
    }
    distributions_are_the_rigs(&classic, &native, &rig);
    the_text_is_in_order(&rig.get("/metrics"));
}

/// Of what this rig alone sees, and what only this test does: others connect and drop meanwhile.
fn counters_are_the_rigs(prometheus: &Prometheus, rig: &Rig<'_>) {
    assert_told(prometheus, || rig.status(), facts);
}

fn facts(status: &Snapshot) -> Vec<(String, f64)> {
    let mut facts = Vec::new();
    for each in status.interfaces.iter().filter(|each| each.iface == "near0") {
        let labels = format!("iface=\"near0\",direction=\"{}\"", each.direction.as_str());
        let mut fact = |name: &str, more: &str, value: u64| {
            facts.push((format!("sum({name}{{{labels}{more}}})"), value as f64));
        };
        fact("netrig_interface_packets_total", "", each.counts.seen.packets);
        fact("netrig_interface_bytes_total", "", each.counts.seen.bytes);
        fact("netrig_flow_packets_total", "", each.told.packets);
        fact("netrig_ledger_packets_total", ",fate=\"told\"", each.told.packets);
        fact("netrig_ledger_unaccounted_packets", "", each.unaccounted_packets);
    }
    let payload = status.payload.as_ref().expect("requests are looked at");
    for kind in [RequestKind::Dns, RequestKind::Tls, RequestKind::Http] {
        let of_kind = payload.tallies.iter().filter(|tally| tally.kind == kind);
        let (all, failed) =
            of_kind.fold((0, 0), |(all, failed), tally| (all + tally.sums.requests, failed + tally.sums.failed));
        assert!(all > failed && failed > 0, "the traffic has requests of each kind that fail: {kind:?} {payload:?}");
        let expr = |name: &str| format!("{name}{{kind=\"{}\"}}", kind.as_str());
        facts.push((expr("netrig_requests_total"), all as f64));
        facts.push((expr("netrig_requests_failed_total"), failed as f64));
    }
    let policy = status.policy.as_ref().expect("a policy is in force");
    for rule in ["walled", "all"] {
        let told = policy.rules.iter().find(|each| each.id == rule).unwrap_or_else(|| panic!("{rule}: {policy:?}"));
        facts.push((format!("netrig_policy_packets_total{{rule=\"{rule}\"}}"), told.packets as f64));
    }
    let bursts = status.bursts.as_ref().expect("bursts are looked at");
    for each in bursts.interfaces.iter().filter(|each| each.iface == "near0") {
        let direction = each.direction.map_or("", Direction::as_str);
        let expr = format!("netrig_bursts_total{{iface=\"near0\",direction=\"{direction}\"}}");
        facts.push((expr, each.bursts as f64));
    }
    facts
}

/// Of all that passed since before the rig was there; nothing is said on the street but what the test says.
fn interfaces_are_the_kernels(prometheus: &Prometheus, street: &Street, before: Counters) {
    let carried = street.counters() - before;
    let packets = prometheus.by_label("direction", "netrig_interface_packets_total{iface=\"near0\"}");
    let bytes = prometheus.by_label("direction", "netrig_interface_bytes_total{iface=\"near0\"}");
    let egress = (packets["egress"], bytes["egress"]);
    assert_eq!(egress, (carried.tx_packets as f64, carried.tx_bytes as f64), "sent, by the kernel's own counters");
    // Taken at XDP, packets are not seen by the hook of flows; the kernel has counted them before.
    let removed = prometheus.wait_value("sum(netrig_policy_interface_removed_packets_total{iface=\"near0\"})");
    let received = packets["ingress"] + removed;
    assert!(removed > 0.0);
    assert_eq!(received, carried.rx_packets as f64, "received, by the kernel's own counters");
}

/// No scrape failed, no sample was refused, and each is of a series of its own.
fn nothing_is_refused_or_told_twice(prometheus: &Prometheus) {
    assert_eq!(prometheus.complaints(), Vec::<String>::new());
    assert_eq!(prometheus.wait_value(&format!("min_over_time(up{{job=\"{JOB}\"}}[10m])")), 1.0);
    for refused in [
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_target_scrapes_sample_out_of_bounds_total",
        "prometheus_target_scrapes_exceeded_sample_limit_total",
    ] {
        assert_eq!(prometheus.own(refused), 0.0, "{refused}");
    }
    // Two samples with the same labels would be one series.
    let series = format!("count({{job=\"{JOB}\",__name__=~\"netrig_.*\"}})");
    let samples = format!("sum(scrape_samples_scraped{{job=\"{JOB}\"}})");
    assert_eq!(prometheus.wait_value(&format!("{series} - {samples}")), 0.0, "series less samples");
    assert!(prometheus.wait_value(&format!("scrape_samples_scraped{{job=\"{JOB}\"}}")) > 300.0);
}

/// A distribution: its name and labels in Prometheus, doublings from one classic bound to the next, and the rig's own word.
struct Distribution {
    name: &'static str,
    labels: String,
    octaves: i32,
    truth: Histogram,
}

fn distributions_are_the_rigs(classic: &Prometheus, native: &Prometheus, rig: &Rig<'_>) {
    let status = rig.status();
    for each in distributions(&status) {
        let Distribution { name, labels, .. } = &each;
        for prometheus in [classic, native] {
            let is_native = std::ptr::eq(prometheus, native);
            let count = if is_native {
                format!("histogram_count({name}{{{labels}}})")
            } else {
                format!("{name}_count{{{labels}}}")
            };
            let sum = if is_native {
                format!("histogram_sum({name}{{{labels}}})")
            } else {
                format!("{name}_sum{{{labels}}}")
            };
            assert_eq!(prometheus.wait_value(&count), each.truth.count() as f64, "{count}");
            let (told, truth) = (prometheus.wait_value(&sum), each.truth.sum_ns as f64 / 1e9);
            assert!((told / truth - 1.0).abs() < 1e-9, "{sum}: {told}, by the rig {truth}");
        }
        for share in SHARES {
            let truth = each.truth.quantile_s(share).expect("values");
            let told = native.wait_value(&format!("histogram_quantile({share}, {name}{{{labels}}})"));
            assert!(
                (told / truth - 1.0).abs() <= NATIVE_ERROR,
                "{name}{{{labels}}} {share}: {told}, by the rig {truth}"
            );
            let told = classic.wait_value(&format!("histogram_quantile({share}, {name}_bucket{{{labels}}})"));
            let (low, high) = each.classic_bucket(truth);
            let exact = 1e-9 * high;
            assert!(
                (low - exact..=high + exact).contains(&told),
                "{name}{{{labels}}} {share}: {told}, by the rig {truth}, in a bucket of {low} to {high}"
            );
        }
    }
}

impl Distribution {
    /// Bounds of the classic bucket that a value is in: powers of two, so many octaves apart.
    fn classic_bucket(&self, value_s: f64) -> (f64, f64) {
        let lowest = if self.octaves == 1 { -17 } else { -20 };
        let width = f64::from(self.octaves);
        let high = (value_s.log2() / width).ceil() * width;
        let high = high.max(f64::from(lowest));
        let low = if high > f64::from(lowest) { (high - width).exp2() } else { 0.0 };
        (low, high.exp2())
    }
}

/// Of what only this test does: round trips and latency at both ends of a service, and HTTP.
fn distributions(status: &Snapshot) -> Vec<Distribution> {
    let ours = [format!(":{ASKED}"), format!("{FAR}:{ASKED}")];
    let mut all = Vec::new();
    let tcp = status.tcp.as_ref().expect("the TCP probe runs");
    for service in tcp.services.iter().filter(|service| ours.contains(&service.name())) {
        for (kind, truth) in [("all", &service.rtt), ("pure", &service.rtt_pure)] {
            let labels = format!("service=\"{}\",kind=\"{kind}\"", service.name());
            all.push(Distribution { name: "netrig_tcp_rtt_seconds", labels, octaves: 1, truth: truth.clone() });
        }
    }
    let latency = status.latency.as_ref().expect("the latency probe runs");
    for service in latency.services.iter().filter(|service| ours.contains(&service.name())) {
        let total = service.stages.iter().find(|stage| stage.stage == Stage::Total).expect("a whole");
        let labels = format!("service=\"{}\",stage=\"total\"", service.name());
        let truth = total.histogram.clone();
        all.push(Distribution { name: "netrig_latency_stage_seconds", labels, octaves: 2, truth });
    }
    let payload = status.payload.as_ref().expect("requests are looked at");
    for tally in payload.tallies.iter().filter(|tally| tally.kind == RequestKind::Http) {
        let (Some(host), Some(code)) = (&tally.server, &tally.code) else { continue };
        let labels = format!("host=\"{host}\",status=\"{code}\"");
        let truth = tally.sums.latency.clone();
        all.push(Distribution { name: "netrig_http_seconds", labels, octaves: 2, truth });
    }
    all.retain(|each| each.truth.count() >= ENOUGH);
    for name in ["netrig_tcp_rtt_seconds", "netrig_latency_stage_seconds", "netrig_http_seconds"] {
        assert!(all.iter().any(|each| each.name == name), "{name} has a distribution with {ENOUGH} values");
    }
    all
}

/// By Prometheus' own linter, and no line has the labels of another.
fn the_text_is_in_order(text: &str) {
    let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ')).collect();
    let names: BTreeSet<_> = series.iter().flatten().map(|(name, _)| *name).collect();
    assert!(names.len() > 300, "{}", names.len());
    assert_eq!(names.len(), series.len(), "no line is told twice");
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else { return report_skipped("promtool is not installed") };
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("write");
    let said = promtool.wait_with_output().expect("wait");
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    // Speeds of links, and rates to hold against them, are told in bits as everybody tells them; the linter wants bytes.
    let in_bits = |line: &&str| line.ends_with("_bits_per_second use base unit \"bytes\" instead of \"bits\"");
    let complaints: Vec<_> = said.lines().filter(|line| !line.is_empty() && !in_bits(line)).collect();
    assert!(complaints.is_empty(), "promtool: {complaints:#?}");
}
