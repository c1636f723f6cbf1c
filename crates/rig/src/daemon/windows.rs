//! Which window is open, by a wall clock that may be set at any time.
//!
//! Pure: time is told. Windows are aligned and of one length. A clock set ahead ends the open window where that was to end, and the
//! next is the one in which time is now: there is none in between. Set back, the open window goes on until then, or, where that would
//! last longer than another window, becomes the one in which time is now: what it has is told there.

use netrig_model::Timestamp;
use std::time::Duration;

/// From its beginning to its end.
pub(super) type Window = (Timestamp, Timestamp);

/// The open window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    length_ns: i64,
    end: Timestamp,
}

impl Windows {
    /// The one in which `now` is.
    pub(super) fn new(length_ns: i64, now: Timestamp) -> Self {
        let mut windows = Self { length_ns: length_ns.max(1), end: now };
        windows.open_at(now);
        windows
    }

    fn open_at(&mut self, now: Timestamp) {
        self.end = now.window_start(self.length_ns).plus_ns(self.length_ns);
    }

    pub(super) fn length_ns(&self) -> i64 {
        self.length_ns
    }

    /// The open window, whole.
    pub(super) fn open(&self) -> Window {
        (self.end.plus_ns(-self.length_ns), self.end)
    }

    /// The open window up to now. A clock that was set back must not make it end before it begins.
    pub(super) fn so_far(&self, now: Timestamp) -> Window {
        let (start, end) = self.open();
        (start, now.min(end).max(start.plus_ns(1)))
    }

    /// A moment in the open window, now if it is: the loop may be late in closing it, and what is open belongs to it until then.
    pub(super) fn moment(&self, now: Timestamp) -> Timestamp {
        let (start, end) = self.open();
        now.min(end.plus_ns(-1)).max(start)
    }

    pub(super) fn until_end(&self, now: Timestamp) -> Duration {
        Duration::from_nanos(u64::try_from(self.end.0.saturating_sub(now.0)).unwrap_or(0))
    }

    /// Whether the open window is over. Where the clock was set far back, it is another one from now on.
    pub(super) fn is_over(&mut self, now: Timestamp) -> bool {
        if now < self.end && self.end.0.saturating_sub(now.0) > self.length_ns.saturating_mul(2) {
            self.open_at(now);
        }
        now >= self.end
    }

    /// The open window was told: the next is that in which time is.
    pub(super) fn next(&mut self, now: Timestamp) {
        self.open_at(now);
    }
}

/// The part of `window` from `since` on, of who has told what was before. Where the clock was set back and that is later than its end,
/// the last moment of it; where it was set ahead, no more than all of it.
pub(super) fn part_since(since: Timestamp, window: Window) -> Window {
    let start = since.max(window.0);
    (if start < window.1 { start } else { window.1.plus_ns(-1) }, window.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: i64 = 1_000_000_000;
    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_700_000_000 * S).plus_ns(seconds * S)
    }

    fn window(from: i64, to: i64) -> Window {
        (at(from), at(to))
    }

    #[test]
    fn a_clock_set_ahead_by_days_ends_the_window_where_it_was_to_end_and_goes_on_where_time_is() {
        let mut windows = Windows::new(10 * S, at(3));
        let later = at(4 + 20 * DAY);
        assert!(windows.is_over(later));
        assert_eq!((windows.open(), windows.until_end(later)), (window(0, 10), Duration::ZERO));
        windows.next(later);
        assert_eq!(windows.open(), window(20 * DAY, 20 * DAY + 10));
        assert!(!windows.is_over(later));
    }

    #[test]
    fn a_clock_set_back_by_hours_makes_the_open_window_the_one_in_which_time_is() {
        let mut windows = Windows::new(10 * S, at(3));
        assert!(!windows.is_over(at(4 - 7200)));
        assert_eq!(windows.open(), window(-7200, -7190));
        assert!(windows.is_over(at(-7190)));
    }

    #[test]
    fn set_back_by_less_than_a_window_the_open_one_goes_on() {
        let mut windows = Windows::new(10 * S, at(3));
        assert!(!windows.is_over(at(-9)));
        assert_eq!(windows.open(), window(0, 10));
        assert_eq!(windows.so_far(at(-9)), (at(0), at(0).plus_ns(1)), "not before it began");
        assert_eq!(
            (windows.moment(at(-9)), windows.moment(at(5)), windows.moment(at(11))),
            (at(0), at(5), at(10).plus_ns(-1))
        );
    }

    #[test]
    fn what_is_left_of_a_window_never_ends_before_it_begins() {
        assert_eq!(part_since(at(0), window(0, 10)), window(0, 10));
        assert_eq!(part_since(at(4), window(0, 10)), window(4, 10), "the rest was told early");
        assert_eq!(part_since(at(4), window(DAY, DAY + 10)), window(DAY, DAY + 10), "set ahead");
        assert_eq!(part_since(at(90), window(0, 10)), (at(10).plus_ns(-1), at(10)), "set back");
    }

    proptest! {
        #[test]
        fn whatever_the_clock_does_windows_are_whole_and_end_within_two_of_them(
            length in 1..4000_i64, steps in prop::collection::vec(prop_oneof![0..100_i64, -30 * 86_400..30 * 86_400_i64], 1..60)
        ) {
            let mut now = at(0);
            let mut windows = Windows::new(length * S, now);
            for step in steps {
                now = now.plus_ns(step * S);
                if windows.is_over(now) {
                    let (start, end) = windows.open();
                    prop_assert_eq!(end.0 - start.0, length * S);
                    windows.next(now);
                }
                prop_assert!(windows.until_end(now).as_nanos() as i64 <= 2 * length * S);
                prop_assert_eq!(windows.open().0.0 % (length * S), 0);
                let (start, end) = windows.so_far(now);
                prop_assert!(start < end && windows.open().0 <= start && end <= windows.open().1);
            }
        }
    }
}
