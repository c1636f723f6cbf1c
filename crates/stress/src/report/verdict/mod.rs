//! Which part broke first, or would: in a sentence, with the setting that moves it and the figures that say so.
//!
//! Each station says for itself what it lost and how near to its limit it came ([`stations`]); here one of them is chosen. What
//! was lost beats what might have been. Among those that lost, what the rig lost beats what never reached it, unless that is
//! far more; among the rig's own the earlier beats the later, where that is known and both count for something, else the
//! larger loss the smaller.

mod budget;
mod facts;
mod stations;

use super::figures::{packets_per_second, share};
use super::knobs::Knobs;
use super::model::{Bottleneck, Report, SettingChange, Stage};
use facts::Facts;

/// A generator that sends less than this share of what is asked for is said to.
const SENT_SHARE: f64 = 0.95;
/// Below this share of its limit nothing is near it.
const NEAR_SHARE: f64 = 0.5;
/// The driver is named instead of the rig where it lost so many times as much.
const DRIVER_TIMES: f64 = 10.0;
/// What counts for less than this part of the largest loss is not what broke first, even if it was earlier.
const TRIFLE_SHARE: f64 = 0.01;
const EVIDENCE_MAX: usize = 6;

/// What one station says of itself.
#[derive(Clone, Debug)]
struct Candidate {
    stage: Stage,
    /// How much its loss counts for, as a share of all packets; `None`: it lost nothing.
    lost: Option<f64>,
    /// When it first lost something, seconds.
    first_s: Option<f64>,
    /// Whether that is lost for good.
    broke: bool,
    /// Whether what it lost never reached the rig.
    upstream: bool,
    /// How near to its limit it came, 0 to 1.
    pressure: f64,
    sentence: String,
    setting: Option<SettingChange>,
    evidence: Vec<String>,
}

impl Candidate {
    /// One that lost so large a share, of which nothing else is known.
    fn lossy(stage: Stage, lost: f64, sentence: String) -> Self {
        let (lost, setting, evidence) = (Some(lost), None, Vec::new());
        Self { stage, lost, broke: true, first_s: None, upstream: false, pressure: 1.0, sentence, setting, evidence }
    }
}

/// The verdict on a run; [`Report::bottleneck`] as it stands is not looked at.
#[must_use]
pub fn judge(report: &Report) -> Bottleneck {
    let knobs = Knobs::of(&report.rig_config);
    let facts = Facts::of(report, &knobs);
    let candidates = stations::all(&facts, &knobs);
    let mut verdict = match broken(&candidates).or_else(|| not_told(report)) {
        Some(candidate) => named(candidate),
        None => unbroken(&facts, &candidates),
    };
    if let Some(remark) = short(&facts).filter(|_| verdict.stage != Stage::Generator) {
        verdict.sentence = format!("{remark} {}", verdict.sentence);
    }
    verdict.evidence.splice(0..0, alarms(report));
    verdict.evidence.extend(others(&candidates, verdict.stage));
    verdict.evidence.truncate(EVIDENCE_MAX);
    verdict
}

/// What cannot be and must be seen first.
fn alarms(report: &Report) -> Option<String> {
    let unaccounted = report.traffic.unaccounted_packets.filter(|packets| *packets > 0)?;
    Some(format!(
        "{unaccounted} packets are unaccounted for, which is a bug of the rig: please report it with this run's JSON"
    ))
}

/// That of those which lost something that broke first.
fn broken(candidates: &[Candidate]) -> Option<Candidate> {
    let weight = |candidate: &&Candidate| candidate.lost.unwrap_or(0.0);
    let lost = candidates.iter().filter(|candidate| candidate.lost.is_some());
    let (upstream, own): (Vec<&Candidate>, Vec<&Candidate>) = lost.partition(|candidate| candidate.upstream);
    let largest = |of: &[&Candidate]| of.iter().copied().max_by(|a, b| weight(a).total_cmp(&weight(b))).cloned();
    let (before, inside) = (largest(&upstream), largest(&own));
    let (Some(inside), Some(before)) = (&inside, &before) else { return first(&own).or(before) };
    if weight(&before) > weight(&inside) * DRIVER_TIMES { Some(before.clone()) } else { first(&own) }
}

/// Of the rig's own stations the one that lost something first, or, where that is not known of all, most.
fn first(own: &[&Candidate]) -> Option<Candidate> {
    let weight = |candidate: &Candidate| candidate.lost.unwrap_or(0.0);
    let largest = own.iter().map(|candidate| weight(candidate)).fold(0.0, f64::max);
    let counting = own.iter().copied().filter(|candidate| weight(candidate) >= largest * TRIFLE_SHARE);
    let counting: Vec<&Candidate> = counting.collect();
    let timed = counting.iter().all(|candidate| candidate.first_s.is_some());
    let before = |a: &&&Candidate, b: &&&Candidate| {
        let (at_a, at_b) = if timed { (a.first_s.unwrap_or(0.0), b.first_s.unwrap_or(0.0)) } else { (0.0, 0.0) };
        at_a.total_cmp(&at_b).then_with(|| weight(b).total_cmp(&weight(a)))
    };
    counting.iter().min_by(before).map(|candidate| (*candidate).clone())
}

/// A rig that did not answer at the end has broken, whatever else is known.
fn not_told(report: &Report) -> Option<Candidate> {
    let silent = report.traffic.sent_packets > 0 && report.traffic.seen_packets.is_none();
    let sentence = "The rig did not answer when the run ended, so that nobody knows what it saw: its process ended, hangs, or was too \
                    slow to be asked. Its log says more.";
    silent.then(|| Candidate::lossy(Stage::Drain, 1.0, sentence.to_owned()))
}

fn named(candidate: Candidate) -> Bottleneck {
    let Candidate { stage, broke, sentence, setting, evidence, .. } = candidate;
    Bottleneck { stage, broke, sentence, setting, evidence }
}

/// Nothing was lost: the generator, if it could not do what was asked, or what came nearest to its limit.
fn unbroken(facts: &Facts<'_>, candidates: &[Candidate]) -> Bottleneck {
    let nearest = candidates.iter().max_by(|a, b| a.pressure.total_cmp(&b.pressure));
    let near = nearest.filter(|candidate| candidate.pressure >= NEAR_SHARE).cloned();
    let remark = |candidate: &Candidate| format!("{}, at {} of its limit", candidate.stage, share(candidate.pressure));
    if let Some(short) = short(facts) {
        let next = nearest.filter(|candidate| candidate.pressure > 0.0).map(remark);
        let next = next.map(|next| format!(" The nearest of the rig's parts: {next}.")).unwrap_or_default();
        let sentence = format!("{short} Nothing was lost of what it sent: the rig was not the limit.{next}");
        let (setting, evidence) = near.map(|c| (c.setting, c.evidence)).unwrap_or_default();
        return Bottleneck { stage: Stage::Generator, broke: false, sentence, setting, evidence };
    }
    match (near, nearest) {
        (Some(candidate), _) => named(candidate),
        (None, Some(candidate)) if candidate.pressure > 0.0 => Bottleneck {
            stage: Stage::None,
            broke: false,
            sentence: format!("Nothing was lost, and nothing came near its limit; the nearest: {}.", remark(candidate)),
            setting: None,
            evidence: candidate.evidence.clone(),
        },
        _ => Bottleneck {
            stage: Stage::None,
            broke: false,
            sentence: "Nothing was lost; how near to their limits the rig's parts came was not measured.".to_owned(),
            setting: None,
            evidence: Vec::new(),
        },
    }
}

/// That the generator could not send what was asked for.
fn short(facts: &Facts<'_>) -> Option<String> {
    let sent = facts.sent_share.filter(|sent| *sent < SENT_SHARE)?;
    let rates = facts.rate_asked.map(|asked| {
        let sent = facts.sent_pps.map(packets_per_second).unwrap_or_default();
        format!(": {sent} of {}", packets_per_second(asked))
    });
    Some(format!("The generator sent only {} of what was asked for{}.", share(sent), rates.unwrap_or_default()))
}

/// What else lost something or was near its limit, the nearest first.
fn others(candidates: &[Candidate], stage: Stage) -> Vec<String> {
    let mut others: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.stage != stage).collect();
    others.retain(|candidate| candidate.lost.is_some() || candidate.pressure >= NEAR_SHARE);
    others.sort_by(|a, b| {
        let key = |candidate: &Candidate| candidate.lost.map_or(candidate.pressure, |lost| 1.0 + lost);
        key(b).total_cmp(&key(a))
    });
    let also = |candidate: &&Candidate| match candidate.lost {
        Some(_) => {
            format!("also lost at {}: {}", candidate.stage, candidate.evidence.first().cloned().unwrap_or_default())
        }
        None => format!("next: {}, at {} of its limit", candidate.stage, share(candidate.pressure)),
    };
    others.iter().map(also).collect()
}
