//! When the hooks that every packet of the host passes are attached, and what is received is stamped: for a slice of every
//! period, so that on average they cost what sampling does.

use libbpf_rs::Link;
use std::time::{Duration, Instant};

/// Long enough for a few hundred packets of a quiet host, short enough to be in every window.
const SLICE: Duration = Duration::from_millis(100);
/// At least one slice in so many, however rarely messages are looked at: every window is to have some.
const SLICES_MAX: u32 = 32;
/// After so many slices in a row in which next to nothing happened the next one is so many periods away: to attach costs more than there is
/// to see. With the longest period that is once in each window of ten seconds, and after a while once in four.
const QUIET_PERIODS: [u32; 4] = [1, 3, 3, 12];
/// A datagram that is read later than this after its slice is not told.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// Attach.
    Begins,
    /// Nothing.
    GoesOn,
    /// Detach.
    Ends,
}

/// The schedule, and what is attached.
#[derive(Debug)]
pub(crate) struct Slices {
    period: Duration,
    began: Option<Instant>,
    attached: bool,
    /// The latest slices in which next to nothing happened.
    quiet: usize,
    links: Vec<Link>,
    /// What stays until everything that began in the slice has ended.
    lingering: Option<Link>,
}

impl Slices {
    /// One slice in so many.
    pub(crate) fn new(sampling: u32) -> Self {
        Self {
            period: SLICE * sampling.clamp(1, SLICES_MAX),
            began: None,
            attached: false,
            quiet: 0,
            links: Vec::new(),
            lingering: None,
        }
    }

    pub(crate) fn set_sampling(&mut self, sampling: u32) {
        self.period = SLICE * sampling.clamp(1, SLICES_MAX);
    }

    /// Whether something is to be done.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.until_due(now).is_zero()
    }

    /// Whether a slice has begun and not ended.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached
    }

    /// How long there is nothing to do.
    pub(crate) fn until_due(&self, now: Instant) -> Duration {
        let Some(began) = self.began else { return Duration::ZERO };
        let length = match self.attached {
            // Every slice is one in so many: with one in one it never ends.
            true if self.period <= SLICE => return Duration::MAX,
            true => SLICE,
            false => self.period * QUIET_PERIODS[self.quiet.min(QUIET_PERIODS.len() - 1)],
        };
        length.saturating_sub(now.saturating_duration_since(began))
    }

    /// A slice has ended in which so little happened, or not.
    pub(crate) fn was_quiet(&mut self, quiet: bool) {
        self.quiet = if quiet { self.quiet + 1 } else { 0 };
    }

    /// What is to be done at `now`.
    pub(crate) fn turn(&mut self, now: Instant) -> Slice {
        match self.attached {
            _ if !self.is_due(now) => Slice::GoesOn,
            true => {
                self.attached = false;
                Slice::Ends
            }
            false => {
                self.began = Some(now);
                self.attached = true;
                Slice::Begins
            }
        }
    }

    /// What was attached for a slice; `lingering` is not asked for where [`Self::lingers`].
    pub(crate) fn hold(&mut self, links: Vec<Link>, lingering: Option<Link>) {
        self.links = links;
        if lingering.is_some() {
            self.lingering = lingering;
        }
    }

    pub(crate) fn lingers(&self) -> bool {
        self.lingering.is_some()
    }

    /// After a slice: lets go of what lingers, when nothing `waits` for it or that takes too long.
    pub(crate) fn rest(&mut self, waits: bool, now: Instant) -> bool {
        let late = self.began.is_none_or(|began| now.saturating_duration_since(began) > SLICE + LINGER_MAX);
        let over = !self.attached && self.lingering.is_some() && (!waits || late);
        if over {
            self.lingering = None;
        }
        over
    }

    /// Takes off what was attached for the slice.
    pub(crate) fn release(&mut self) {
        // What begins goes first.
        while self.links.pop().is_some() {}
        self.attached = false;
    }

    /// Takes off everything.
    pub(crate) fn release_all(&mut self) {
        self.release();
        self.lingering = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slice_in_so_many_is_attached() {
        let mut slices = Slices::new(4);
        let start = Instant::now();
        let mut attached = 0;
        let mut on = false;
        for tick in 0..8_000_u64 {
            match slices.turn(start + Duration::from_millis(tick)) {
                Slice::Begins => on = true,
                Slice::Ends => on = false,
                Slice::GoesOn => {}
            }
            attached += u64::from(on);
        }
        assert_eq!(attached, 2_000);
    }

    #[test]
    fn while_next_to_nothing_happens_slices_are_rarer() {
        let (mut slices, start) = (Slices::new(4), Instant::now());
        let begins = |slices: &mut Slices, quiet: bool| {
            let mut begun = Vec::new();
            for tick in 0..150 {
                match slices.turn(start + SLICE * tick) {
                    Slice::Begins => begun.push(tick),
                    Slice::Ends => slices.was_quiet(quiet),
                    Slice::GoesOn => {}
                }
            }
            begun
        };
        assert_eq!(begins(&mut slices, true), [0, 12, 24, 72, 120]);
        assert!(begins(&mut Slices::new(4), false).iter().enumerate().all(|(n, tick)| *tick == n as u32 * 4));
        // Who hears of traffic says so, and the slice comes when it is due.
        let mut slices = Slices::new(4);
        slices.turn(start);
        slices.turn(start + SLICE);
        slices.was_quiet(true);
        assert_eq!(slices.turn(start + SLICE * 5), Slice::GoesOn);
        slices.was_quiet(false);
        assert_eq!(slices.turn(start + SLICE * 5), Slice::Begins);
        // The first busy one brings the next soon.
        let mut slices = Slices::new(4);
        let mut begun = Vec::new();
        for tick in 0..40 {
            match slices.turn(start + SLICE * tick) {
                Slice::Begins => begun.push(tick),
                Slice::Ends => slices.was_quiet(tick < 10),
                Slice::GoesOn => {}
            }
        }
        assert_eq!(begun, [0, 12, 16, 20, 24, 28, 32, 36]);
    }

    #[test]
    fn how_long_there_is_nothing_to_do_is_known_to_the_moment() {
        let (mut slices, start) = (Slices::new(4), Instant::now());
        assert_eq!(slices.until_due(start), Duration::ZERO);
        slices.turn(start);
        assert_eq!(slices.until_due(start + SLICE / 4), SLICE * 3 / 4);
        slices.turn(start + SLICE);
        assert_eq!(slices.until_due(start + SLICE * 3 / 2), SLICE * 5 / 2);
        let mut always = Slices::new(1);
        always.turn(start);
        assert_eq!(always.until_due(start + SLICE * 100), Duration::MAX);
    }

    #[test]
    fn one_in_one_never_ends() {
        let mut slices = Slices::new(1);
        let start = Instant::now();
        assert_eq!(slices.turn(start), Slice::Begins);
        assert_eq!(slices.turn(start + Duration::from_secs(9)), Slice::GoesOn);
        slices.set_sampling(2);
        assert_eq!(slices.turn(start + Duration::from_secs(10)), Slice::Ends);
    }
}
