//! The judgement on a service: which stage its time goes to.

use super::picture::Picture;
use super::shares::FEW;
use super::tail::tail;
use super::words::{after_departure, phrase};
use crate::units::{count, nanoseconds};
use netrig_model::Stage;

/// A softirq that begins so much later than asked for is late.
const SOFTIRQ_LATE_NS: u64 = 1_000_000;

/// Which stage the time goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The one; none where most of the time is in no stage, or nothing was measured.
    pub stage: Option<Stage>,
    /// It, in a sentence.
    pub sentence: String,
}

/// What dominates: the stage with most of the time; and another, where the slow ones are slow in that. Of a server, what comes
/// after its answer has left, where that takes longer than the whole.
#[must_use]
pub fn verdict(picture: &Picture) -> Verdict {
    if picture.is_host() {
        return of_host(picture);
    }
    let (mut stage, mut sentence) = within(picture);
    let whole_ns = picture.stage(Stage::Total).and_then(|s| s.quantile_ns(0.5)).map(|ns| ns as f64);
    let whole_ns = whole_ns.unwrap_or_else(|| picture.sum_of_parts_ns());
    if let Some((after, ns, words)) = after_departure(picture, whole_ns) {
        if ns as f64 >= 2.0 * whole_ns {
            stage = Some(after);
            sentence = if sentence.is_empty() { words } else { format!("{words}; {sentence}") };
        } else {
            sentence = format!("{sentence}; {words}");
        }
    }
    let measured = picture.measured();
    if measured == 0 {
        let begun = picture.stages.values().map(|s| s.eligible).max().unwrap_or(0);
        return Verdict {
            stage: None,
            sentence: format!("nothing measured: the end of {} was not seen", count(begun)),
        };
    }
    if measured < FEW {
        sentence = format!("few samples ({measured}): {sentence}");
    }
    Verdict { stage, sentence }
}

/// Of the parts of the whole: the largest, and what the slow ones are slow in.
fn within(picture: &Picture) -> (Option<Stage>, String) {
    let weight = |stage: &Stage| picture.weight_of_ns(*stage);
    // Of equals the first on the way.
    let largest = picture.parts().fold(None, |best: Option<Stage>, stage| match best {
        Some(best) if weight(&best) >= weight(&stage) => Some(best),
        _ => Some(stage),
    });
    let whole_ns = picture.reference_ns();
    let unexplained_ns = picture.residual_ns().unwrap_or(0.0);
    let (stage, mut sentence) = match largest {
        _ if unexplained_ns > whole_ns / 2.0 => {
            (None, format!("in no stage that is seen: {} of {}", time(unexplained_ns), time(whole_ns)))
        }
        Some(stage) => {
            let ns = picture.weight_of_ns(stage);
            let words = phrase(picture, stage, ns);
            (Some(stage), format!("{words} ({} {} of {})", stage.as_str(), time(ns), time(whole_ns)))
        }
        None => return (None, String::new()),
    };
    if let Some((slow, ns)) = tail(picture).filter(|(slow, _)| Some(*slow) != stage) {
        let words = phrase(picture, slow, ns as f64);
        sentence = format!("{sentence}; at p99: {words} ({} {})", slow.as_str(), nanoseconds(ns));
    }
    (stage, sentence)
}

fn of_host(picture: &Picture) -> Verdict {
    let quantile = |share| picture.stage(Stage::Softirq).and_then(|s| s.quantile_ns(share));
    let Some((median, slow)) = quantile(0.5).zip(quantile(0.99)) else {
        return Verdict { stage: None, sentence: "nothing measured".to_owned() };
    };
    let late = slow >= SOFTIRQ_LATE_NS;
    let words = if late { phrase(picture, Stage::Softirq, slow as f64) } else { "softirq in time".to_owned() };
    let sentence = format!("{words}: p50 {}, p99 {}", nanoseconds(median), nanoseconds(slow));
    Verdict { stage: late.then_some(Stage::Softirq), sentence }
}

/// A mean as people read it.
pub(super) fn time(ns: f64) -> String {
    let text = nanoseconds(ns.abs().round() as u64);
    if ns < 0.0 { format!("−{text}") } else { text }
}
