//! What was measured, as a table for people and JSON for machines, beside the baseline that is kept.

use crate::bursts::BurstResult;
use crate::capture::{CaptureResult, FilterResult};
use crate::drops::DropResult;
use crate::handshakes::HandshakeResult;
use crate::latency::LatencyReport;
use crate::live::LiveResult;
use crate::million::MillionResult;
use crate::overhead::OverheadReport;
use crate::payload::PayloadResult;
use crate::policy::PolicyReport;
use crate::road::RoadCost;
use crate::rounds::Samples;
use crate::tcp::TcpReport;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// A median and what the rounds spread over.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figure {
    pub(crate) fn of(samples: &Samples) -> Self {
        Self { median: samples.median(), min: samples.min(), max: samples.max() }
    }
}

/// One case by test run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct CaseResult {
    pub(crate) family: String,
    pub(crate) case: String,
    pub(crate) cpus: usize,
    pub(crate) empty_ns: Figure,
    pub(crate) textbook_ns: Figure,
    pub(crate) netrig_ns: Figure,
    pub(crate) ratio: f64,
    pub(crate) ratio_max: f64,
    pub(crate) ns_max: Option<f64>,
    /// CPU time of user space, a packet.
    pub(crate) drain_ns: f64,
    /// What the textbook's table lacks; not known where it is emptied between rounds.
    pub(crate) textbook_lost_packets: Option<u64>,
    /// Packets run but not counted.
    pub(crate) missed_packets: i64,
    pub(crate) imbalance_packets: i64,
    pub(crate) imbalance_bytes: i64,
    pub(crate) overflow_packets: u64,
    pub(crate) evictions: u64,
    /// User space since the case began, on one CPU and on two.
    pub(crate) road: RoadCost,
}

impl CaseResult {
    fn is_exact(&self) -> bool {
        self.missed_packets == 0 && self.imbalance_packets == 0 && self.imbalance_bytes == 0
    }

    fn is_within(&self) -> bool {
        self.ratio <= self.ratio_max && self.ns_max.is_none_or(|max| self.netrig_ns.median <= max)
    }

    fn key(&self) -> String {
        format!("{} {} cpus={}", self.family, self.case, self.cpus)
    }

    pub(crate) fn line(&self, baseline: &Baseline) -> String {
        let mut ledger = if self.is_exact() {
            format!("exact; {} evicted, {} overflow", self.evictions, self.overflow_packets)
        } else {
            format!("OFF BY {} (and {} not seen)", self.imbalance_packets, self.missed_packets)
        };
        if let Some(lost @ 1..) = self.textbook_lost_packets {
            let _ = write!(ledger, "; the textbook lost {lost}");
        }
        format!(
            "{:<5} {:<18} {:>4} {:>6.1} {:>9.1} {:>11} {:>7.1} {:>12} {:>6.3} {:>5.2} {:<4} {:>9} {:>6.1}  {}",
            self.family,
            self.case,
            self.cpus,
            self.empty_ns.median,
            self.textbook_ns.median,
            spread(&self.textbook_ns, 0),
            self.netrig_ns.median,
            spread(&self.netrig_ns, 1),
            self.ratio,
            self.ratio_max,
            if self.is_within() { "ok" } else { "over" },
            change(self.ratio, baseline.ratios.get(&self.key()).copied()),
            self.drain_ns,
            ledger,
        )
    }
}

pub(crate) const CASES_HEAD: &str = "\
family case               cpus  empty  textbook     min–max  netrig      min–max  ratio   bar      baseline  drain  ledger";

fn spread(figure: &Figure, digits: usize) -> String {
    format!("{:.digits$}–{:.digits$}", figure.min, figure.max)
}

pub(crate) const LIVE_HEAD: &str = "program       ns      min–max    kept      min–max   baseline  ledger";

pub(crate) fn live_line(result: &LiveResult, baseline: &Baseline) -> String {
    let ledger = if result.imbalance_packets == 0 && result.missed_packets == 0 {
        "exact".to_owned()
    } else {
        format!("OFF BY {} (and {} not seen)", result.imbalance_packets, result.missed_packets)
    };
    format!(
        "{:<9} {:>6.1} {:>12} {:>7.3} {:>12} {:>10}  {}",
        result.program,
        result.ns_per_packet.median,
        spread(&result.ns_per_packet, 0),
        result.kept.median,
        spread(&result.kept, 2),
        change(result.kept.median, baseline.live_kept.get(&result.program).copied()),
        if result.program == "netrig" { ledger } else { String::new() },
    )
}

/// The change against the baseline, as a percentage.
pub(crate) fn change(now: f64, before: Option<f64>) -> String {
    before.map_or_else(|| "new".to_owned(), |before| format!("{:+.0} %", (now / before - 1.0) * 100.0))
}

pub(crate) fn within(figure: f64, max: f64) -> &'static str {
    if figure <= max { "ok" } else { "over" }
}

/// Twice the standard error is the benefit of the doubt, which neither side has.
pub(crate) fn verdict(figure: f64, error: f64, max: f64) -> &'static str {
    if (figure - max).abs() < 2.0 * error { "unsure" } else { within(figure, max) }
}

/// What is kept under version control: figures that hardly depend on the machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Baseline {
    /// Cost as a share of the textbook's, by case.
    pub(crate) ratios: BTreeMap<String, f64>,
    /// Share of the empty program's packet rate that is kept, by program.
    pub(crate) live_kept: BTreeMap<String, f64>,
    /// Instructions the verifier walked, by program.
    pub(crate) verified_instructions: BTreeMap<String, u32>,
    /// CPU time of a request with the TCP probe as a multiple of that without, by kind.
    pub(crate) tcp_requests: BTreeMap<String, f64>,
    /// Nanoseconds of a run, by program and load. These do depend on the machine.
    pub(crate) tcp_hooks_ns: BTreeMap<String, f64>,
    /// CPU time of a round trip with the latency probe as a multiple of that without, by kind and what is attached.
    pub(crate) latency_requests: BTreeMap<String, f64>,
    /// Share of the throughput that is kept, by what is attached.
    pub(crate) latency_kept: BTreeMap<String, f64>,
    /// Nanoseconds of a run, by program and load.
    pub(crate) latency_hooks_ns: BTreeMap<String, f64>,
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is not a baseline", path.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// Everything of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: BTreeMap<String, String>,
    pub(crate) cases: Vec<CaseResult>,
    pub(crate) live: Vec<LiveResult>,
    pub(crate) million: Vec<MillionResult>,
    pub(crate) verified_instructions: BTreeMap<String, u32>,
    pub(crate) tcp: TcpReport,
    pub(crate) latency: LatencyReport,
    pub(crate) drops: Vec<DropResult>,
    pub(crate) bursts: Vec<BurstResult>,
    pub(crate) payload: Vec<PayloadResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) handshakes: Vec<HandshakeResult>,
    pub(crate) policy: PolicyReport,
    pub(crate) capture_filters: Vec<FilterResult>,
    pub(crate) captures: Vec<CaptureResult>,
    pub(crate) overhead: OverheadReport,
}

impl Report {
    /// The kept figures with this run's in their place.
    pub(crate) fn into_baseline(self, mut baseline: Baseline) -> Baseline {
        let rounded = |x: f64| (x * 1000.0).round() / 1000.0;
        baseline.ratios.extend(self.cases.iter().map(|c| (c.key(), rounded(c.ratio))));
        baseline.live_kept.extend(self.live.iter().map(|l| (l.program.clone(), rounded(l.kept.median))));
        baseline.verified_instructions.extend(self.verified_instructions);
        baseline.tcp_requests.extend(self.tcp.requests.iter().map(|r| (r.key(), rounded(r.ratio()))));
        baseline.tcp_hooks_ns.extend(self.tcp.hooks.iter().map(|hook| (hook.key(), hook.ns.round())));
        let latency = self.latency;
        baseline.latency_requests.extend(latency.requests.iter().map(|r| (r.key(), rounded(r.ratio()))));
        baseline.latency_kept.extend(latency.transfers.iter().map(|t| (t.contender.clone(), rounded(t.kept.median))));
        baseline.latency_hooks_ns.extend(latency.hooks.iter().map(|hook| (hook.key(), hook.ns.round())));
        baseline
    }

    pub(crate) fn verifier_lines(&self, baseline: &Baseline) -> String {
        let mut text = String::new();
        for (program, instructions) in &self.verified_instructions {
            let before = baseline.verified_instructions.get(program).map(|n| f64::from(*n));
            let _ = writeln!(text, "{program:<24}{instructions:>9} {:>9}", change(f64::from(*instructions), before));
        }
        text
    }
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_told_against_what_was_kept() {
        assert_eq!(change(1.1, Some(1.0)), "+10 %");
        assert_eq!(change(0.5, Some(1.0)), "-50 %");
        assert_eq!(change(1.0, None), "new");
    }

    #[test]
    fn a_bar_is_met_or_missed_only_beyond_doubt() {
        let of = |figure, error| verdict(figure, error, 0.5);
        assert_eq!([of(0.3, 0.05), of(0.7, 0.05), of(0.45, 0.05), of(0.55, 0.05)], ["ok", "over", "unsure", "unsure"]);
    }

    #[test]
    fn a_run_replaces_its_figures_in_the_baseline_and_keeps_the_others() {
        let mut baseline = Baseline::default();
        baseline.verified_instructions.insert("flow_xdp".into(), 1);
        baseline.verified_instructions.insert("flow_ingress".into(), 2);
        let mut report = Report::default();
        report.verified_instructions.insert("flow_xdp".into(), 3);
        let baseline = report.into_baseline(baseline);
        assert_eq!(
            baseline.verified_instructions.into_iter().collect::<Vec<_>>(),
            [("flow_ingress".to_owned(), 2), ("flow_xdp".to_owned(), 3)]
        );
    }
}
