//! When the hooks that every packet of the host passes are attached, and what is received is stamped: for a slice of every
//! period, so that on average they cost what sampling does.

use libbpf_rs::Link;
use std::time::{Duration, Instant};

/// Long enough for a few hundred packets of a quiet host, short enough to be in every window.
const SLICE: Duration = Duration::from_millis(100);
/// At least one slice in so many, however rarely messages are looked at: every window is to have some.
const SLICES_MAX: u32 = 32;
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
            links: Vec::new(),
            lingering: None,
        }
    }

    pub(crate) fn set_sampling(&mut self, sampling: u32) {
        self.period = SLICE * sampling.clamp(1, SLICES_MAX);
    }

    /// What is to be done at `now`.
    pub(crate) fn turn(&mut self, now: Instant) -> Slice {
        let since = self.began.map(|began| now.saturating_duration_since(began));
        match (self.attached, since) {
            // Every slice is one in so many: with one in one it never ends.
            (true, Some(since)) if since >= SLICE && self.period > SLICE => {
                self.attached = false;
                Slice::Ends
            }
            (false, since) if since.is_none_or(|since| since >= self.period) => {
                self.began = Some(now);
                self.attached = true;
                Slice::Begins
            }
            _ => Slice::GoesOn,
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
    fn one_in_one_never_ends() {
        let mut slices = Slices::new(1);
        let start = Instant::now();
        assert_eq!(slices.turn(start), Slice::Begins);
        assert_eq!(slices.turn(start + Duration::from_secs(9)), Slice::GoesOn);
        slices.set_sampling(2);
        assert_eq!(slices.turn(start + Duration::from_secs(10)), Slice::Ends);
    }
}
