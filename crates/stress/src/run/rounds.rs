//! How a run's time is divided into turns without the rig and with it.

use std::time::Duration;

/// Shorter ones have no victim: a turn has to be long enough for a p99.
const SHORTEST_WITH_VICTIM: Duration = Duration::from_secs(6);
/// One round for so much time, up to [`ROUNDS_MAX`].
const ROUND: Duration = Duration::from_secs(10);
const ROUNDS_MAX: u32 = 5;
/// Without the rig there is nothing to be seen of it: no more of that than a p99 needs.
const OFF_MAX: Duration = Duration::from_secs(10);

/// A turn without the rig, and one with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) off: Duration,
    pub(super) on: Duration,
}

pub(super) fn rounds(duration: Duration, victim: bool) -> Vec<Round> {
    if !victim || duration < SHORTEST_WITH_VICTIM {
        return vec![Round { off: Duration::ZERO, on: duration }];
    }
    let count = (duration.as_secs_f64() / ROUND.as_secs_f64()).clamp(1.0, f64::from(ROUNDS_MAX)) as u32;
    let round = duration / count;
    let off = (round / 2).min(OFF_MAX);
    vec![Round { off, on: round - off }; count as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_time_is_used_and_both_have_turns() {
        let s = Duration::from_secs;
        for duration in [1, 5, 6, 10, 30, 60, 3600].map(s) {
            for victim in [true, false] {
                let rounds = rounds(duration, victim);
                assert_eq!(rounds.iter().map(|round| round.off + round.on).sum::<Duration>(), duration);
                let turns = victim && duration >= s(6);
                assert!(rounds.iter().all(|round| round.off.is_zero() != turns && !round.on.is_zero()), "{duration:?}");
            }
        }
        assert_eq!(rounds(s(30), true).len(), 3);
        assert_eq!(rounds(s(3600), true)[0], Round { off: s(10), on: s(710) });
    }
}
