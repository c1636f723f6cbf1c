//! What a round trip costs with the latency probe in its manners, and without.
//!
//! What is switched on for a slice of every period costs what a slice costs, divided by how rarely there is one: a turn is
//! shorter than a period, so a turn in a slice and one outside tell it, not their mixture.

use super::contenders::{
    BESIDE_TCP, CONTENDERS, EACH, IN_SLICE, IN_SLICE_NO_STAMPS, LatencyContenders, NOTHING, SIXTEENTH, SIXTY_FOURTH,
    TCP,
};
use crate::report::Figure;
use crate::requests::{self, Load, ON_ONE_CONNECTION, PACE, RequestPlan};
use crate::rounds::Samples;
use anyhow::Result;
use serde::Serialize;

/// Microseconds a message, at most, at the sampling that is the default.
const MESSAGE_US_MAX: f64 = 0.5;
const DEFAULT_SAMPLING: u32 = 16;
/// A question and its answer.
const MESSAGES: f64 = 2.0;

/// What is told.
#[derive(Clone, Copy)]
struct Told {
    which: usize,
    /// Beyond this.
    base: usize,
    /// The turn in a slice, where it has to be added.
    slice: Option<usize>,
}

const TOLD: [Told; 6] = [
    Told { which: TCP, base: NOTHING, slice: None },
    // The slice is in its turn already.
    Told { which: EACH, base: NOTHING, slice: None },
    Told { which: SIXTEENTH, base: NOTHING, slice: Some(IN_SLICE) },
    Told { which: IN_SLICE_NO_STAMPS, base: NOTHING, slice: Some(IN_SLICE_NO_STAMPS) },
    Told { which: SIXTY_FOURTH, base: NOTHING, slice: Some(IN_SLICE) },
    Told { which: BESIDE_TCP, base: TCP, slice: Some(IN_SLICE) },
];

/// One contender's figures under one load, microseconds of CPU a round trip.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RequestResult {
    pub(crate) load: String,
    pub(crate) cpus: usize,
    pub(crate) contender: String,
    pub(crate) rounds: usize,
    /// Without the contender.
    pub(crate) without_us: Figure,
    /// What it adds, slices included.
    pub(crate) added_us: Figure,
    /// Half of the rounds lie between these.
    pub(crate) quartiles_us: (f64, f64),
    /// Standard error of the median.
    pub(crate) error_us: f64,
    /// What slices are of that, on average over time.
    pub(crate) slices_us: f64,
    /// At most so much a message.
    pub(crate) max_us: Option<f64>,
}

impl RequestResult {
    pub(crate) fn key(&self) -> String {
        format!("{} cpus={} {}", self.load, self.cpus, self.contender)
    }

    pub(crate) fn ratio(&self) -> f64 {
        1.0 + self.added_us.median / self.without_us.median
    }

    /// What it adds to a message, and how far off that may be.
    pub(crate) fn message_us(&self) -> (f64, f64) {
        (self.added_us.median / MESSAGES, self.error_us / MESSAGES)
    }

    /// Of a core, at the pace of the promise.
    pub(crate) fn share_of_core(&self) -> f64 {
        self.added_us.median * f64::from(PACE) / 1e6
    }
}

pub(crate) fn measure(
    plan: RequestPlan,
    contenders: &mut LatencyContenders,
    told: &mut dyn FnMut(RequestResult),
) -> Result<()> {
    let all: Vec<_> = (0..CONTENDERS.len()).collect();
    for load in &ON_ONE_CONNECTION {
        let samples = requests::measure(plan, load, &all, contenders)?;
        TOLD.iter().for_each(|each| told(result(plan, load, &samples, *each)));
    }
    Ok(())
}

/// `samples` are those of all contenders, by their numbers.
fn result(plan: RequestPlan, load: &Load, samples: &[Samples], told: Told) -> RequestResult {
    let contender = &CONTENDERS[told.which];
    let sampling = contender.latency.map(|manner| manner.sampling);
    let share = sampling.map_or(0.0, |sampling| 1.0 / f64::from(sampling));
    // Between slices stamps make no difference.
    let between = if told.slice == Some(told.which) { SIXTEENTH } else { told.which };
    let added = samples[between].beyond(&samples[told.base]);
    let slices =
        told.slice.map(|slice| samples[slice].beyond(&samples[SIXTEENTH]).with(&added, |more, _| more * share));
    let added =
        slices.as_ref().map_or_else(|| added.clone(), |slices| added.with(slices, |added, slices| added + slices));
    let base = &samples[told.base];
    RequestResult {
        load: load.name.to_owned(),
        cpus: load.cpus(),
        contender: contender.name.to_owned(),
        rounds: plan.rounds,
        without_us: Figure::of(base),
        added_us: Figure::of(&added),
        quartiles_us: added.quartiles(),
        error_us: added.error_of_median(),
        slices_us: slices.map_or(0.0, |slices| slices.median()),
        max_us: (sampling == Some(DEFAULT_SAMPLING)).then_some(MESSAGE_US_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn slices_count_by_how_rare_they_are() {
        let plan = RequestPlan { rounds: 1, turn: Duration::ZERO };
        let mut samples = vec![Samples::default(); CONTENDERS.len()];
        for (which, us) in [(NOTHING, 10.0), (TCP, 11.0), (EACH, 15.0), (SIXTEENTH, 12.0), (IN_SLICE, 13.6)] {
            samples[which].push(us);
        }
        for (which, us) in [(IN_SLICE_NO_STAMPS, 12.8), (SIXTY_FOURTH, 11.5), (BESIDE_TCP, 12.5)] {
            samples[which].push(us);
        }
        let told = TOLD.map(|told| {
            let result = result(plan, &ON_ONE_CONNECTION[0], &samples, told);
            let rounded = |us: f64| (us * 1000.0).round() / 1000.0;
            (rounded(result.added_us.median), rounded(result.slices_us), result.max_us.is_some())
        });
        let (tcp, each, sixteenth) = ((1.0, 0.0, false), (5.0, 0.0, false), (2.1, 0.1, true));
        let (no_stamps, sixty_fourth, beside) = ((2.05, 0.05, true), (1.525, 0.025, false), (1.6, 0.1, true));
        assert_eq!(told, [tcp, each, sixteenth, no_stamps, sixty_fourth, beside]);
    }
}
