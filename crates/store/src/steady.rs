//! Whether the time that is passed in can be relied on. Clocks are set wrong and right again; what was removed for its age
//! meanwhile would be gone for good.

use crate::hour::HOUR_NS;
use netrig_model::Timestamp;

/// Windows, which last an hour at most, make no longer step than this: the clock was set, or nobody wrote for that long. A shorter
/// step can make records go earlier by no more than itself.
const STEP_NS_MAX: u64 = 3 * HOUR_NS.unsigned_abs();

/// A clock that has gone on for so long since it stepped is taken to be right.
const STEADY_NS: i64 = HOUR_NS;

/// What is known of the clock.
pub(crate) struct Steady {
    /// What it said last, or the end of the newest file of the process before.
    last: Option<Timestamp>,
    /// Whether that was said to this process.
    heard: bool,
    /// What it said just behind its latest step, until it has gone on for long enough.
    stepped: Option<Timestamp>,
}

impl Steady {
    /// For a store whose newest file ends there.
    pub(crate) fn new(newest: Option<Timestamp>) -> Self {
        Self { last: newest, heard: false, stepped: None }
    }

    /// Whether records may go for their age by a clock that says it is `now`.
    pub(crate) fn may_judge_age(&mut self, now: Timestamp) -> bool {
        if self.last.is_some_and(|last| now.0.abs_diff(last.0) > STEP_NS_MAX) {
            self.stepped = Some(now);
            if self.heard {
                tracing::warn!(%now, "The clock has stepped: for an hour from now on no record is removed for its age.");
            }
        }
        (self.last, self.heard) = (Some(now), true);
        self.stepped = self.stepped.filter(|since| now < since.plus_ns(STEADY_NS));
        self.stepped.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_NS: i64 = HOUR_NS / 60;

    fn at(minutes: i64) -> Timestamp {
        Timestamp(1_700_000_000_000_000_000).plus_ns(minutes * MINUTE_NS)
    }

    #[test]
    fn a_clock_that_goes_on_in_windows_is_relied_on_always() {
        let mut steady = Steady::new(Some(at(0)));
        assert!((1..500).all(|n| steady.may_judge_age(at(n))));
        assert!((500..520).all(|n| steady.may_judge_age(at(500 + (n - 500) * 60))), "windows of an hour");
        assert!(steady.may_judge_age(at(1639)), "the end of a window that began earlier");
    }

    #[test]
    fn behind_a_step_ahead_or_back_nothing_is_judged_for_an_hour() {
        for step in [-100_000, -181, 181, 100_000] {
            let mut steady = Steady::new(None);
            assert!(steady.may_judge_age(at(0)), "an empty store has nothing to lose");
            assert!((0..60).all(|n| !steady.may_judge_age(at(step + n))), "{step}");
            assert!(steady.may_judge_age(at(step + 60)), "{step}");
        }
    }

    #[test]
    fn a_clock_that_jumps_and_comes_back_is_never_relied_on_in_between() {
        let mut steady = Steady::new(Some(at(0)));
        assert!(steady.may_judge_age(at(1)));
        assert!((0..50).all(|n| !steady.may_judge_age(at(1_000_000 + n))));
        assert!((50..109).all(|n| !steady.may_judge_age(at(n))));
        assert!(steady.may_judge_age(at(110)));
    }

    #[test]
    fn who_starts_long_after_the_newest_file_waits_too() {
        let mut steady = Steady::new(Some(at(0)));
        assert!(!steady.may_judge_age(at(10_000)));
        assert!(steady.may_judge_age(at(10_060)));
    }
}
