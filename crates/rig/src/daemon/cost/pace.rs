//! When is measured: how long a slice is, and when the next one begins.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// How long a slice is, and how long after one the next begins, about: two in a hundred of the time both ways.
const CALM: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// The same while something may have to be turned down or up.
const ALERT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// The same where the last slice found next to nothing: to switch statistics costs more than there is to see. At times it is longer by a
/// half, and a load that no frame tells of has to be seen in half of the time in which it is to be acted on.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How often is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Something may have to be changed soon.
    Alert,
    Calm,
    /// There is next to nothing to be measured.
    Rest,
}

impl Pace {
    fn times(self) -> (Duration, Duration) {
        match self {
            Self::Alert => ALERT,
            Self::Calm => CALM,
            Self::Rest => REST,
        }
    }
}

/// Slices' times.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// When the last slice ended.
    pub(super) last: Instant,
    next: Instant,
}

impl Schedule {
    /// The first is due at once.
    pub(super) fn new(now: Instant) -> Self {
        Self { pace: Pace::Alert, last: now, next: now }
    }

    /// What has been so far was the start's.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.last, self.next) = (now, now + ALERT.1);
    }

    /// How long until the slice that began at `open` ends, or the next begins.
    pub(super) fn until_due(&self, open: Option<Instant>, now: Instant) -> Duration {
        match open {
            Some(began) => self.pace.times().0.saturating_sub(now.saturating_duration_since(began)),
            None => self.next.saturating_duration_since(now),
        }
    }

    /// A slice has ended.
    pub(super) fn ended(&mut self, now: Instant) {
        (self.last, self.next) = (now, now + jittered(self.pace.times().1));
    }

    /// How often is measured from now on, as the slice that has just ended shows.
    pub(super) fn keep_pace(&mut self, pace: Pace) {
        if pace != self.pace {
            let next = self.last + jittered(pace.times().1);
            self.next = if pace == Pace::Rest { next } else { self.next.min(next) };
            self.pace = pace;
        }
    }

    /// Something is far beyond what it was: the next slice is due at once.
    pub(super) fn hurry(&mut self, now: Instant) {
        (self.pace, self.next) = (Pace::Alert, now);
    }

    pub(super) fn is_alert(&self) -> bool {
        self.pace == Pace::Alert
    }

    /// Frames begin to come: who rests does not any longer, and measures at once if that was long ago.
    pub(super) fn stir(&mut self) {
        if self.pace == Pace::Rest {
            self.keep_pace(Pace::Calm);
        }
    }
}

/// By up to a half longer or shorter: what comes at regular times is not always met, nor always missed.
fn jittered(span: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() >> 44;
    span / 2 + span.mul_f64(random as f64 / (1_u64 << 20) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_half_and_is_none_on_the_average() {
        let spans: Vec<_> = (0..2000).map(|_| jittered(CALM.1)).collect();
        let bounds = CALM.1 / 2..CALM.1 * 3 / 2;
        assert!(spans.iter().all(|span| bounds.contains(span)));
        let mean = spans.iter().sum::<Duration>() / 2000;
        assert!(mean.abs_diff(CALM.1) < CALM.1 / 10, "{mean:?}");
    }

    #[test]
    fn at_rest_is_measured_rarely_until_something_comes() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        assert_eq!(schedule.until_due(None, start), Duration::ZERO);
        schedule.keep_pace(Pace::Calm);
        for turn in 0..100 {
            let now = start + Duration::from_secs(100) * turn;
            schedule.ended(now);
            schedule.keep_pace(Pace::Rest);
            let rests = schedule.until_due(None, now);
            assert!(rests >= REST.1 / 2 && rests <= Duration::from_secs(15), "{rests:?}");
            schedule.stir();
            let stirred = schedule.until_due(None, now);
            assert!(stirred <= rests.min(CALM.1 * 3 / 2), "{stirred:?}");
            let late = now + CALM.1 * 3 / 2;
            assert_eq!(schedule.until_due(None, late), Duration::ZERO, "that was long ago");
            schedule.stir();
            assert_eq!(schedule.until_due(None, now), stirred, "who does not rest goes on as before");
        }
        schedule.keep_pace(Pace::Rest);
        schedule.keep_pace(Pace::Alert);
        assert!(schedule.until_due(None, schedule.last) <= ALERT.1 * 3 / 2);
        assert_eq!(schedule.until_due(Some(start), start + ALERT.0 / 2), ALERT.0 / 2);
        schedule.keep_pace(Pace::Calm);
        let now = schedule.last;
        schedule.hurry(now);
        assert_eq!((schedule.until_due(None, now), schedule.is_alert()), (Duration::ZERO, true));
    }
}
