//! Where the rings were in the time before a trigger: the loop looks, as it is awake anyway, and tells the keeper what it is to remember.

use std::time::Duration;

/// So many of them in the time before a trigger.
const MARKS: u64 = 16;
const DISTANCE_MIN_NS: u64 = 500_000_000;

/// When the next is due. `P` is a place of all rings.
#[derive(Debug)]
pub(super) struct Marks<P> {
    /// The time before a trigger that is written.
    pub(super) before: Duration,
    looked_ns: Option<u64>,
    /// Where the rings were at the latest look.
    latest: P,
}

impl<P: Clone + PartialEq> Marks<P> {
    /// The rings are at `first`.
    pub(super) fn new(before: Duration, first: P) -> Self {
        Self { before, looked_ns: None, latest: first }
    }

    /// Where the rings are, if it is time to look and they have gone on: while they rest, the former mark holds.
    pub(super) fn next(&mut self, now_ns: u64, place: impl FnOnce() -> P) -> Option<(u64, P)> {
        let distance_ns = (super::nanoseconds(self.before) / MARKS).max(DISTANCE_MIN_NS);
        if self.looked_ns.is_some_and(|looked_ns| now_ns < looked_ns.saturating_add(distance_ns)) {
            return None;
        }
        self.looked_ns = Some(now_ns);
        let place = place();
        if place == self.latest {
            return None;
        }
        self.latest.clone_from(&place);
        Some((now_ns, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn places_are_told_where_they_have_changed_and_it_is_time_to_look() {
        let mut marks = Marks::new(Duration::from_secs(32), 7);
        assert_eq!(marks.next(S, || 7), None, "that is where it began");
        assert_eq!(marks.next(2 * S, || panic!("a sixteenth of 32 s has not passed")), None);
        assert_eq!(marks.next(3 * S, || 8), Some((3 * S, 8)));
        assert_eq!(marks.next(5 * S, || 8), None, "at rest the former mark holds");
        assert_eq!(marks.next(7 * S, || 9), Some((7 * S, 9)));
    }

    #[test]
    fn with_little_before_a_trigger_it_is_not_looked_all_the_time() {
        let mut marks = Marks::new(Duration::from_secs(1), 0);
        assert_eq!(marks.next(S, || 1), Some((S, 1)));
        assert_eq!(marks.next(S + S / 4, || 2), None);
        assert_eq!(marks.next(S + S / 2, || 2), Some((S + S / 2, 2)));
    }
}
