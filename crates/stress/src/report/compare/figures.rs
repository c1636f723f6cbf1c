//! The figures that are compared.

use super::{Change, Row, Unit};
use crate::report::model::{Limit, Report, Sample, Stage};
use crate::report::over_time::{self, known};
use crate::report::series::{Middle, ratio};
use std::collections::BTreeSet;

/// So many standard errors are no noise.
const ERRORS: f64 = 3.0;
/// Less of a change than this is nobody's concern, however sure it is.
const CHANGE_MIN: f64 = 0.01;
/// Losses of so few packets of all differ for no reason, as do losses that are nearly alike.
const LOST_MIN: f64 = 0.001;
const LOST_CHANGE_MIN: f64 = 0.05;

/// Which way is better.
#[derive(Clone, Copy, PartialEq)]
enum Good {
    More,
    Less,
    Neither,
}

/// All that one of the runs has.
pub(super) fn all(a: &Report, b: &Report) -> Vec<Row> {
    let mut rows = vec![
        middle("sent", Unit::PacketsPerSecond, Good::Neither, a, b, |sample| sample.sent_pps),
        middle("seen", Unit::PacketsPerSecond, Good::More, a, b, |sample| sample.seen_pps),
        middle("told", Unit::PacketsPerSecond, Good::More, a, b, |sample| sample.told_pps),
    ];
    rows.push(lost(a, b, None));
    let stages = Stage::ALL.into_iter().filter(|stage| [a, b].iter().any(|r| lost_packets(r, Some(*stage)) > 0));
    rows.extend(stages.map(|stage| lost(a, b, Some(stage))));
    rows.push(unaccounted(a, b));
    rows.push(middle("kernel, a packet", Unit::Nanoseconds, Good::Less, a, b, |sample| {
        let took: f64 = sample.probes.iter().map(|probe| probe.share_of_core).sum();
        per_packet(Some(took).filter(|took| *took > 0.0), sample)
    }));
    rows.extend(probes(a, b));
    rows.push(middle("process, of a core", Unit::Share, Good::Less, a, b, |sample| sample.rig_cpu_share_of_core));
    rows.push(middle("process, a packet", Unit::Nanoseconds, Good::Less, a, b, |sample| {
        per_packet(sample.rig_cpu_share_of_core, sample)
    }));
    rows.push(middle("memory", Unit::Bytes, Good::Less, a, b, |sample| sample.rss_bytes.map(|bytes| bytes as f64)));
    rows.push(middle("memory, its own", Unit::Bytes, Good::Less, a, b, |sample| {
        sample.own_bytes.map(|bytes| bytes as f64)
    }));
    rows.push(victim(a, b));
    rows.push(limit(a.limit.as_ref(), b.limit.as_ref()));
    rows.retain(|row| row.a.is_some() || row.b.is_some());
    rows
}

/// A share of a core as time for each packet that was seen.
fn per_packet(share_of_core: Option<f64>, sample: &Sample) -> Option<f64> {
    let seen = sample.seen_pps.filter(|rate| *rate >= 1.0)?;
    Some(share_of_core? * 1e9 / seen)
}

fn middle(figure: &str, unit: Unit, good: Good, a: &Report, b: &Report, of: impl Fn(&Sample) -> Option<f64>) -> Row {
    let values = |report: &Report| Middle::of(report.samples.iter().filter_map(&of));
    spread(figure, unit, good, values(a), values(b))
}

fn probes(a: &Report, b: &Report) -> Vec<Row> {
    let (ours, theirs) = (over_time::probe_ns(a), over_time::probe_ns(b));
    let names: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
    let row = |name: &str| {
        let of = |rows: &std::collections::BTreeMap<&str, over_time::Points>| {
            Middle::of(rows.get(name).into_iter().flat_map(known))
        };
        spread(&format!("{name}, a run"), Unit::Nanoseconds, Good::Less, of(&ours), of(&theirs))
    };
    names.into_iter().map(row).collect()
}

/// A figure of which it is known how much it varies within a run.
fn spread(figure: &str, unit: Unit, good: Good, a: Option<Middle>, b: Option<Middle>) -> Row {
    let errors = a.and_then(|a| a.error).zip(b.and_then(|b| b.error));
    let (a, b) = (a.map(|a| a.median), b.map(|b| b.median));
    let noise = errors.zip(a).map(|((ours, theirs), a)| (ERRORS * ours.hypot(theirs)).max(a.abs() * CHANGE_MIN));
    let verdict = match (a, b, noise) {
        (Some(a), Some(b), Some(noise)) => judged(good, a, b, (b - a).abs() > noise),
        _ => Change::Unsure,
    };
    row(figure, unit, a, b, noise, verdict)
}

fn row(figure: &str, unit: Unit, a: Option<f64>, b: Option<f64>, noise: Option<f64>, verdict: Change) -> Row {
    let change = a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| b / a - 1.0);
    Row { figure: figure.to_owned(), unit, a, b, change, noise, verdict }
}

fn judged(good: Good, a: f64, b: f64, counts: bool) -> Change {
    match good {
        _ if !counts => Change::Same,
        Good::Neither => Change::Differs,
        Good::More if b > a => Change::Better,
        Good::Less if b < a => Change::Better,
        Good::More | Good::Less => Change::Worse,
    }
}

fn lost_packets(report: &Report, stage: Option<Stage>) -> u64 {
    let packets = report.losses.iter().filter(|loss| loss.unit == "packets");
    packets.filter(|loss| stage.is_none_or(|s| s == loss.stage)).map(|loss| loss.count).fold(0, u64::saturating_add)
}

/// What was lost of what was sent, everywhere or at one station.
fn lost(a: &Report, b: &Report, stage: Option<Stage>) -> Row {
    let share = |report: &Report| {
        let lost = match stage {
            None => report.traffic.lost_packets?,
            stage => lost_packets(report, stage),
        };
        Some(ratio(lost as f64, report.traffic.sent_packets as f64))
    };
    let (ours, theirs) = (share(a), share(b));
    let noise = ours.zip(theirs).map(|(a, b)| (a.max(b) * LOST_CHANGE_MIN).max(LOST_MIN));
    let verdict = match (ours, theirs, noise) {
        (Some(a), Some(b), Some(noise)) => judged(Good::Less, a, b, (b - a).abs() > noise),
        _ => Change::Unsure,
    };
    let name = stage.map_or_else(|| "lost".to_owned(), |stage| format!("lost at {stage}"));
    row(&name, Unit::Share, ours, theirs, noise, verdict)
}

/// Of these one is too many: there is no noise.
fn unaccounted(a: &Report, b: &Report) -> Row {
    let of = |report: &Report| report.traffic.unaccounted_packets.map(|packets| packets as f64);
    let verdict = match (of(a), of(b)) {
        (Some(a), Some(b)) => judged(Good::Less, a, b, a != b),
        _ => Change::Unsure,
    };
    row("unaccounted", Unit::Packets, of(a), of(b), Some(0.0), verdict)
}

/// How many times as slow the victim is with the rig.
fn victim(a: &Report, b: &Report) -> Row {
    let times = |report: &Report| {
        let rounds = report.victim.iter().flat_map(|victim| &victim.rounds);
        Middle::of(rounds.filter(|round| round.off_p99_us > 0.0).map(|round| round.on_p99_us / round.off_p99_us))
    };
    spread("victim's p99, by the rig", Unit::Times, Good::Less, times(a), times(b))
}

/// The highest rate without loss. Each is known to lie between two rates: they differ where these do not overlap.
fn limit(a: Option<&Limit>, b: Option<&Limit>) -> Row {
    let clean = |limit: Option<&Limit>| limit.map(|limit| limit.highest_pps_without_loss.unwrap_or(0));
    let lossy = |limit: Option<&Limit>| limit.and_then(|limit| limit.lowest_pps_with_loss);
    let above = |clean: Option<u64>, lossy: Option<u64>| clean.zip(lossy).is_some_and(|(clean, lossy)| clean >= lossy);
    let verdict = if above(clean(b), lossy(a)) {
        Change::Better
    } else if above(clean(a), lossy(b)) {
        Change::Worse
    } else if lossy(a).is_some() && lossy(b).is_some() {
        Change::Same
    } else {
        Change::Unsure
    };
    let width = |limit: Option<&Limit>| {
        let limit = limit?;
        Some((limit.lowest_pps_with_loss? - limit.highest_pps_without_loss.unwrap_or(0)) as f64)
    };
    let noise = width(a).zip(width(b)).map(|(a, b)| a.max(b));
    let of = |limit| clean(limit).map(|pps| pps as f64);
    row("highest rate without loss", Unit::PacketsPerSecond, of(a), of(b), noise, verdict)
}
