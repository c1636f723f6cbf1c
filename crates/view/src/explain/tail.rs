//! Which stage the slow ones are slow in.

use super::picture::Picture;
use netrig_model::Stage;

/// From this many messages on one in a hundred is more than an accident.
const SAMPLES_MIN: u64 = 200;
/// The slow ones are worth a word when they take this many times as long as most.
const TIMES: u64 = 2;

/// The stage that holds most of the time between the median and the slowest hundredth, and that stage's p99 in
/// nanoseconds; none where these hardly differ, or where no stage holds more than half of it.
pub(super) fn tail(picture: &Picture) -> Option<(Stage, u64)> {
    if let Some(total) = picture.stage(Stage::Total) {
        let (median, slow) = (total.quantile_ns(0.5)?, total.quantile_ns(0.99)?);
        if slow < median.saturating_mul(TIMES) {
            return None;
        }
    }
    if picture.measured() < SAMPLES_MIN {
        return None;
    }
    let spread = |stage| {
        let (median, slow) = (at(picture, stage, 0.5), at(picture, stage, 0.99));
        (slow.saturating_sub(median), slow, median)
    };
    let all: Vec<_> = picture.parts().map(|stage| (stage, spread(stage))).collect();
    let sum: u64 = all.iter().map(|(_, (spread, ..))| spread).sum();
    let (stage, (largest, slow, median)) = all.into_iter().max_by_key(|(_, (spread, ..))| *spread)?;
    (largest > sum / 2 && slow >= median.saturating_mul(TIMES)).then_some((stage, slow))
}

/// The time below which `share` of all messages lie in a stage, nanoseconds, counting those that it had nothing to do with as 0.
fn at(picture: &Picture, stage: Stage, share: f64) -> u64 {
    let Some(sums) = picture.stage(stage) else { return 0 };
    let all = match stage {
        Stage::Wakeup | Stage::RunQueue => picture.samples(Stage::Read).max(sums.samples),
        _ => sums.samples,
    };
    let none = (all - sums.samples) as f64;
    let among = (share * all as f64 - none) / sums.samples as f64;
    if among <= 0.0 { 0 } else { sums.quantile_ns(among).unwrap_or(0) }
}
