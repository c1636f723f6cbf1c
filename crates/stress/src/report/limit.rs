//! The search for the highest rate without loss.
//!
//! It knows no clock and no host: it is asked for the next rate, and told what came of it. Up by doubling until there is loss,
//! down by halving until there is none, and between the two by halves, until they are near enough. Loss counts where it comes
//! twice: once may be somebody else's.

use super::model::{Limit, LimitStep, Stage};

/// Where to look, and how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The rate to begin with, packets a second.
    pub begin_pps: u64,
    /// Never less.
    pub lowest_pps: u64,
    /// Never more.
    pub highest_pps: u64,
    /// Enough where loss and no loss are no further apart than this share.
    pub resolution: f64,
    /// Never more runs than this, repetitions among them.
    pub steps_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { begin_pps: 20_000, lowest_pps: 500, highest_pps: 200_000_000, resolution: 0.05, steps_max: 32 }
    }
}

/// What came of a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was really sent, packets a second.
    pub sent_pps: u64,
    /// What was lost, at any station.
    pub lost_packets: u64,
    /// The first station that lost any.
    pub first_loss: Option<Stage>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Run this rate, packets a second, and [`Search::tell`] what came of it.
    Try(u64),
    /// That is the limit.
    Done(Limit),
}

/// A generator that sends less than this of what it is asked for is at its own limit.
const REACHED_SHARE: f64 = 0.95;

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    bounds: Bounds,
    /// The rate that is to be run.
    rate: u64,
    /// The highest that went without loss.
    clean: Option<u64>,
    /// The lowest that lost twice.
    lossy: Option<u64>,
    /// Whether `rate` has lost once already.
    suspect: bool,
    over: bool,
    steps: Vec<LimitStep>,
}

impl Search {
    /// A search within `bounds`, which are put in order where they are not.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let lowest_pps = bounds.lowest_pps.max(1);
        let highest_pps = bounds.highest_pps.max(lowest_pps);
        let begin_pps = bounds.begin_pps.clamp(lowest_pps, highest_pps);
        let resolution = if bounds.resolution.is_finite() { bounds.resolution.clamp(0.001, 1.0) } else { 0.05 };
        let bounds = Bounds { begin_pps, lowest_pps, highest_pps, resolution, steps_max: bounds.steps_max.max(1) };
        Self { bounds, rate: begin_pps, clean: None, lossy: None, suspect: false, over: false, steps: Vec::new() }
    }

    /// What to do next; the same until told.
    #[must_use]
    pub fn next(&self) -> Next {
        if !self.over && self.steps.len() < self.bounds.steps_max {
            return Next::Try(self.rate);
        }
        Next::Done(Limit {
            highest_pps_without_loss: self.clean,
            lowest_pps_with_loss: self.lossy,
            steps: self.steps.clone(),
        })
    }

    /// How many runs there are left at most, for whoever waits.
    #[must_use]
    pub fn steps_left_max(&self) -> usize {
        if self.over { 0 } else { self.bounds.steps_max.saturating_sub(self.steps.len()) }
    }

    /// What came of the rate that [`Search::next`] asked for.
    pub fn tell(&mut self, outcome: Outcome) {
        let reached = outcome.sent_pps as f64 >= self.rate as f64 * REACHED_SHARE;
        let lost = outcome.lost_packets > 0;
        let first_loss = if lost { outcome.first_loss } else { (!reached).then_some(Stage::Generator) };
        self.steps.push(LimitStep { pps: self.rate, lost_packets: outcome.lost_packets, first_loss });
        if lost && !self.suspect {
            self.suspect = true;
            return;
        }
        self.suspect = false;
        if lost {
            self.lossy = Some(self.lossy.map_or(self.rate, |before| before.min(self.rate)));
        } else {
            // No more went without loss than was sent.
            let clean = Some(outcome.sent_pps.min(self.rate)).filter(|sent| *sent > 0);
            // A generator that can do no more cannot try what lies above, and one that sends a bit less than it is asked for
            // comes no nearer where that bit is the difference.
            self.over = !reached || (self.lossy.is_some() && clean <= self.clean);
            self.clean = self.clean.max(clean);
        }
        match self.following().filter(|_| !self.over) {
            Some(rate) => self.rate = rate,
            None => self.over = true,
        }
    }

    /// The rate after this one; `None`: the limit is known well enough.
    fn following(&self) -> Option<u64> {
        let Bounds { lowest_pps, highest_pps, resolution, .. } = self.bounds;
        match (self.clean, self.lossy) {
            (Some(clean), Some(lossy)) => {
                let near = clean as f64 * (1.0 + resolution) >= lossy as f64;
                let middle = clean + lossy.saturating_sub(clean) / 2;
                (!near && middle > clean).then_some(middle)
            }
            (_, None) => (self.rate < highest_pps).then(|| self.rate.saturating_mul(2).min(highest_pps)),
            (None, Some(lossy)) => (lossy > lowest_pps).then(|| (lossy / 2).max(lowest_pps)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A host that loses above `limit_pps`, with a generator that sends no more than `generator_pps`; the noise says whether
    /// a run loses something though it need not.
    struct Host<F> {
        limit_pps: u64,
        generator_pps: u64,
        noise: F,
    }

    impl<F: FnMut() -> bool> Host<F> {
        fn run(&mut self, rate: u64) -> Outcome {
            let sent_pps = rate.min(self.generator_pps);
            let beyond = sent_pps.saturating_sub(self.limit_pps);
            let lost_packets = beyond + u64::from((self.noise)());
            Outcome { sent_pps, lost_packets, first_loss: (lost_packets > 0).then_some(Stage::Table) }
        }
    }

    fn search<F: FnMut() -> bool>(bounds: Bounds, mut host: Host<F>) -> Limit {
        let mut search = Search::new(bounds);
        loop {
            match search.next() {
                Next::Try(rate) => search.tell(host.run(rate)),
                Next::Done(limit) => return limit,
            }
        }
    }

    fn quiet(limit_pps: u64) -> Host<impl FnMut() -> bool> {
        Host { limit_pps, generator_pps: u64::MAX, noise: || false }
    }

    #[test]
    fn a_limit_is_found_to_five_in_a_hundred() {
        let limit = search(Bounds::default(), quiet(1_000_000));
        let (clean, lossy) =
            (limit.highest_pps_without_loss.expect("clean"), limit.lowest_pps_with_loss.expect("loss"));
        assert!(clean <= 1_000_000 && lossy > 1_000_000, "{limit:?}");
        assert!(lossy as f64 <= clean as f64 * 1.05, "{limit:?}");
        assert!(limit.steps.len() <= 20, "{} steps", limit.steps.len());
    }

    #[test]
    fn a_host_that_loses_at_the_first_rate_is_searched_downwards() {
        let limit = search(Bounds::default(), quiet(3_000));
        assert!(limit.highest_pps_without_loss.is_some_and(|clean| (2_857..=3_000).contains(&clean)), "{limit:?}");
    }

    #[test]
    fn a_host_that_always_loses_has_no_rate_without() {
        let limit = search(Bounds::default(), quiet(0));
        assert_eq!((limit.highest_pps_without_loss, limit.lowest_pps_with_loss), (None, Some(500)));
    }

    #[test]
    fn a_generator_that_can_do_no_more_ends_the_search_and_is_named() {
        let limit = search(Bounds::default(), Host { generator_pps: 90_000, ..quiet(u64::MAX) });
        assert_eq!((limit.highest_pps_without_loss, limit.lowest_pps_with_loss), (Some(90_000), None));
        assert_eq!(limit.steps.last().and_then(|step| step.first_loss), Some(Stage::Generator));
    }

    #[test]
    fn loss_that_comes_once_is_no_limit() {
        let mut run = 0;
        let once = move || {
            run += 1;
            run == 2
        };
        let bounds = Bounds { highest_pps: 80_000, ..Bounds::default() };
        let limit = search(bounds, Host { limit_pps: u64::MAX, generator_pps: u64::MAX, noise: once });
        assert_eq!((limit.highest_pps_without_loss, limit.lowest_pps_with_loss), (Some(80_000), None));
        let tried: Vec<(u64, u64)> = limit.steps.iter().map(|step| (step.pps, step.lost_packets)).collect();
        assert_eq!(tried, [(20_000, 0), (40_000, 1), (40_000, 0), (80_000, 0)]);
    }

    #[test]
    fn bounds_that_make_no_sense_are_put_in_order() {
        let bounds = Bounds { begin_pps: 0, lowest_pps: 0, highest_pps: 0, resolution: f64::NAN, steps_max: 0 };
        let limit = search(bounds, quiet(u64::MAX));
        assert_eq!((limit.highest_pps_without_loss, limit.steps.len()), (Some(1), 1));
    }

    #[test]
    fn what_was_asked_for_and_not_sent_is_not_praised() {
        let begin_pps = 81_920_000;
        let host = Host { generator_pps: 77_824_000, ..quiet(80_118_385) };
        let limit = search(Bounds { begin_pps, highest_pps: begin_pps, ..Bounds::default() }, host);
        assert_eq!(limit.highest_pps_without_loss, Some(77_824_000));
    }

    #[test]
    fn a_generator_that_always_sends_a_bit_less_ends_the_search_too() {
        let mut search = Search::new(Bounds { steps_max: 1_000, ..Bounds::default() });
        while let Next::Try(rate) = search.next() {
            let sent_pps = rate * 96 / 100;
            search.tell(Outcome { sent_pps, lost_packets: u64::from(sent_pps > 300_000), first_loss: None });
        }
        let Next::Done(limit) = search.next() else { panic!("not over") };
        assert!(limit.steps.len() < 30, "{limit:?}");
        assert!(limit.highest_pps_without_loss.is_some_and(|clean| (280_000..=300_000).contains(&clean)), "{limit:?}");
    }

    proptest! {
        #[test]
        fn quiet_hosts_are_found_out_exactly(limit_pps in 500_u64..150_000_000, begin_pps in 500_u64..5_000_000) {
            let bounds = Bounds { begin_pps, ..Bounds::default() };
            // Doubling and halving over six decades, each loss twice, and five halvings, each loss twice.
            let limit = search(Bounds { steps_max: 64, ..bounds }, quiet(limit_pps));
            let clean = limit.highest_pps_without_loss.expect("the lowest is clean");
            let lossy = limit.lowest_pps_with_loss.expect("the highest loses");
            prop_assert!(clean <= limit_pps && limit_pps < lossy);
            prop_assert!(lossy as f64 <= clean as f64 * 1.05 || lossy - clean <= 1, "{} {}", clean, lossy);
        }

        #[test]
        fn noisy_hosts_are_never_praised_for_what_they_cannot_do(
            limit_pps in 0_u64..100_000_000,
            generator_pps in 1_u64..100_000_000,
            noise in prop::collection::vec(prop::bool::weighted(0.2), 64),
            steps_max in 1_usize..40,
        ) {
            let mut noise = noise.into_iter().cycle();
            let host = Host { limit_pps, generator_pps, noise: move || noise.next().unwrap_or(false) };
            let limit = search(Bounds { steps_max, ..Bounds::default() }, host);
            prop_assert!(limit.steps.len() <= steps_max);
            prop_assert!(limit.highest_pps_without_loss.is_none_or(|clean| clean <= limit_pps));
            if let (Some(clean), Some(lossy)) = (limit.highest_pps_without_loss, limit.lowest_pps_with_loss) {
                prop_assert!(clean < lossy);
            }
            if let Some(lossy) = limit.lowest_pps_with_loss {
                let runs = limit.steps.iter().filter(|step| step.pps == lossy && step.lost_packets > 0).count();
                prop_assert!(runs >= 2, "{limit:?}");
            }
        }

        #[test]
        fn noise_that_never_strikes_twice_changes_nothing(limit_pps in 500_u64..150_000_000, odd in any::<bool>()) {
            let mut run = odd;
            let every_other = move || { run = !run; run };
            let bounds = Bounds { steps_max: 200, ..Bounds::default() };
            let noisy = search(bounds, Host { limit_pps, generator_pps: u64::MAX, noise: every_other });
            let still = search(bounds, quiet(limit_pps));
            prop_assert_eq!(noisy.highest_pps_without_loss, still.highest_pps_without_loss);
            prop_assert_eq!(noisy.lowest_pps_with_loss, still.lowest_pps_with_loss);
        }
    }
}
