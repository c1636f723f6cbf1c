//! A service as a line of JSON.

use super::change::Change;
use super::picture::{Picture, StagePicture};
use super::verdict::verdict;
use netrig_model::{QueueCause, Role, Stage, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One service as a line of JSON, without the line feed; with `was`, what has changed since. `unseen` are the stages that the host
/// cannot show, and why.
///
/// # Errors
/// When it cannot be serialised, which nothing is known to do.
pub fn explain_line(
    picture: &Picture,
    was: Option<&Picture>,
    unseen: &[(Stage, String)],
) -> serde_json::Result<String> {
    serde_json::to_string(&Line::of(picture, was, unseen))
}

#[derive(Serialize)]
struct Line<'a> {
    record: &'static str,
    service: &'a str,
    transport: Option<&'a str>,
    role: Option<Role>,
    service_addr: Option<IpAddr>,
    service_port: Option<u16>,
    slow_client_addr: Option<IpAddr>,
    slow_client_port: Option<u16>,
    process: Option<&'a str>,
    cgroup: Option<&'a str>,
    container: Option<&'a str>,
    window_start: Timestamp,
    window_end: Timestamp,
    /// As far as sampling lets one say.
    messages: u64,
    samples: u64,
    dominant: Option<Stage>,
    sentence: String,
    total: Option<StageLine>,
    sum_of_parts_ns: u64,
    residual_ns: Option<i64>,
    stages: Vec<StageLine>,
    causes: Vec<CauseLine>,
    iface: Option<&'a str>,
    unseen: Vec<UnseenLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<WasLine>,
}

#[derive(Serialize)]
struct StageLine {
    stage: Stage,
    samples: u64,
    eligible: u64,
    coverage: Option<f64>,
    censored: u64,
    /// None where it was changed meanwhile.
    sampling_rate: Option<u32>,
    latency_ns_p50: Option<u64>,
    latency_ns_p90: Option<u64>,
    latency_ns_p99: Option<u64>,
    latency_ns_p999: Option<u64>,
    latency_ns_max: Option<u64>,
    /// Of each message; of what is no part of the total, of each that it was measured of.
    latency_ns_mean: Option<u64>,
    /// Of the sum of the parts.
    share: Option<f64>,
}

#[derive(Serialize)]
struct CauseLine {
    cause: QueueCause,
    cause_ns_sum: u64,
    share: Option<f64>,
}

#[derive(Serialize)]
struct UnseenLine<'a> {
    stage: Stage,
    why: &'a str,
}

#[derive(Serialize)]
struct WasLine {
    window_start: Timestamp,
    window_end: Timestamp,
    total: Option<StageLine>,
    sum_of_parts_ns: u64,
    stages: Vec<StageLine>,
    change_ns: Option<i64>,
    moved: Option<Stage>,
    moved_ns: Option<i64>,
}

impl<'a> Line<'a> {
    fn of(p: &'a Picture, was: Option<&Picture>, unseen: &'a [(Stage, String)]) -> Self {
        let verdict = verdict(p);
        let queue_ns = p.stage(Stage::TcpQueue).map_or(0, StagePicture::sum_ns);
        let share = |ns: u64| (queue_ns > 0).then(|| rounded((ns as f64 / queue_ns as f64).min(1.0)));
        let causes =
            p.causes.iter().map(|(cause, ns)| CauseLine { cause: *cause, cause_ns_sum: *ns, share: share(*ns) });
        let unseen = unseen.iter().filter(|(stage, _)| p.stage(*stage).is_none());
        Self {
            record: "explain",
            service: &p.key.service,
            transport: p.transport.as_deref(),
            role: p.key.role,
            service_addr: p.addr,
            service_port: p.port,
            slow_client_addr: p.key.slow_client.map(|at| at.ip()),
            slow_client_port: p.key.slow_client.map(|at| at.port()),
            process: p.key.process.as_deref(),
            cgroup: p.key.cgroup.as_deref(),
            container: p.key.container.as_deref(),
            window_start: p.start,
            window_end: p.end,
            messages: p.messages(),
            samples: p.measured(),
            dominant: verdict.stage,
            sentence: verdict.sentence,
            total: total(p),
            sum_of_parts_ns: whole(p.sum_of_parts_ns()),
            residual_ns: p.residual_ns().map(|ns| ns.round() as i64),
            stages: stages(p),
            causes: causes.collect(),
            iface: p.iface.as_ref().map(|(_, iface)| iface.as_str()),
            unseen: unseen.map(|(stage, why)| UnseenLine { stage: *stage, why }).collect(),
            was: was.map(|was| WasLine::of(p, was)),
        }
    }
}

impl WasLine {
    fn of(now: &Picture, was: &Picture) -> Self {
        let change = Change { now: Some(now), was: Some(was) };
        let moved = change.moved();
        Self {
            window_start: was.start,
            window_end: was.end,
            total: total(was),
            sum_of_parts_ns: whole(was.sum_of_parts_ns()),
            stages: stages(was),
            change_ns: change.change_ns().map(|ns| ns.round() as i64),
            moved: moved.map(|(stage, _)| stage),
            moved_ns: moved.map(|(_, ns)| ns.round() as i64),
        }
    }
}

fn total(p: &Picture) -> Option<StageLine> {
    p.stages.get(&Stage::Total).map(|sums| stage_line(p, Stage::Total, sums))
}

fn stages(p: &Picture) -> Vec<StageLine> {
    let but_total = p.stages.iter().filter(|(stage, _)| **stage != Stage::Total);
    but_total.map(|(stage, sums)| stage_line(p, *stage, sums)).collect()
}

fn stage_line(p: &Picture, stage: Stage, sums: &StagePicture) -> StageLine {
    let rate = |rates: &BTreeSet<u32>| rates.first().copied().filter(|_| rates.len() == 1);
    let mean_ns = if stage.is_part_of_total(p.key.role) { Some(p.share_ns(stage)) } else { sums.mean_ns() };
    StageLine {
        stage,
        samples: sums.samples,
        eligible: sums.eligible,
        coverage: sums.coverage().map(rounded),
        censored: sums.censored,
        sampling_rate: rate(&sums.rates),
        latency_ns_p50: sums.quantile_ns(0.5),
        latency_ns_p90: sums.quantile_ns(0.9),
        latency_ns_p99: sums.quantile_ns(0.99),
        latency_ns_p999: sums.quantile_ns(0.999),
        latency_ns_max: sums.max_ns,
        latency_ns_mean: mean_ns.filter(|_| sums.samples > 0).map(whole),
        share: p.share(stage).map(rounded),
    }
}

fn whole(ns: f64) -> u64 {
    ns.round() as u64
}

/// To four digits after the point.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
