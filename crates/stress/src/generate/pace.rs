//! When how many frames are due: pure, time is passed in.

use crate::plan::Bursts;
use std::time::Duration;

/// Frames of one turn where nothing limits them: a millisecond or so of one CPU.
const TURN_MAX: u32 = 1024;
/// Waits are no longer than this, so that whoever ends the run is heard.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// What is due and could not be sent for longer than this is given up: a rate is no debt.
const BEHIND_MAX: Duration = Duration::from_millis(50);

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Send so many.
    Send(u32),
    /// Nothing is due before.
    Wait(Duration),
}

/// Keeps a rate, and bursts.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    rate: Option<u64>,
    lengths: Vec<Duration>,
    every: Duration,
    /// Sent or given up.
    settled: u64,
}

impl Pacer {
    /// A rate is that while a burst lasts.
    pub(crate) fn new(rate: Option<u64>, bursts: Option<&Bursts>) -> Self {
        let lengths = bursts.map_or_else(Vec::new, |bursts| bursts.lengths.clone());
        Self { rate, lengths, every: bursts.map_or(Duration::ZERO, |bursts| bursts.every), settled: 0 }
    }

    /// What is to be done `at` this time since the beginning. What it says to send is taken to be sent.
    pub(crate) fn turn(&mut self, at: Duration) -> Turn {
        if let Some(wait) = self.until_the_next_burst(at) {
            return Turn::Wait(wait.min(WAIT_MAX));
        }
        let Some(due) = self.offered(at) else { return Turn::Send(TURN_MAX) };
        let rate = self.rate.unwrap_or(u64::MAX);
        let behind_max = frames(rate, BEHIND_MAX).max(1);
        self.settled = self.settled.max(due.saturating_sub(behind_max));
        let now = due - self.settled.min(due);
        // Each turn costs the kernel the making of its buffers, so few larger ones are better than many small ones.
        let least = frames(rate, Duration::from_millis(1)).clamp(1, u64::from(TURN_MAX));
        if now < least {
            let missing = Duration::from_secs_f64((least - now) as f64 / rate as f64);
            return Turn::Wait(missing.clamp(Duration::from_micros(100), WAIT_MAX));
        }
        let now = u32::try_from(now).unwrap_or(u32::MAX).min(TURN_MAX);
        self.settled += u64::from(now);
        Turn::Send(now)
    }

    /// Frames that should have been sent until then; `None` without a rate.
    pub(crate) fn offered(&self, at: Duration) -> Option<u64> {
        self.rate.map(|rate| frames(rate, self.bursting_until(at)))
    }

    /// How much of the time until then was in bursts.
    fn bursting_until(&self, at: Duration) -> Duration {
        if self.lengths.is_empty() {
            return at;
        }
        let whole = self.cycle(at);
        let rounds = u32::try_from(whole / self.lengths.len() as u64).unwrap_or(u32::MAX);
        let rest = (whole % self.lengths.len() as u64) as usize;
        let all: Duration = self.lengths.iter().sum();
        all * rounds + self.lengths[..rest].iter().sum::<Duration>() + self.within(at).min(self.lengths[rest])
    }

    fn until_the_next_burst(&self, at: Duration) -> Option<Duration> {
        if self.lengths.is_empty() {
            return None;
        }
        let length = self.lengths[(self.cycle(at) % self.lengths.len() as u64) as usize];
        let within = self.within(at);
        (within >= length).then(|| self.every - within)
    }

    /// The number of the cycle that this time lies in.
    fn cycle(&self, at: Duration) -> u64 {
        (at.as_nanos() / self.every.as_nanos()) as u64
    }

    fn within(&self, at: Duration) -> Duration {
        Duration::from_nanos((at.as_nanos() % self.every.as_nanos()) as u64)
    }
}

fn frames(rate: u64, time: Duration) -> u64 {
    (u128::from(rate) * time.as_nanos() / 1_000_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn without_a_rate_it_sends_all_the_time() {
        let mut pacer = Pacer::new(None, None);
        assert_eq!(pacer.turn(ms(0)), Turn::Send(TURN_MAX));
        assert_eq!(pacer.turn(ms(0)), Turn::Send(TURN_MAX));
        assert_eq!(pacer.offered(ms(1000)), None);
    }

    #[test]
    fn bursts_are_as_long_as_they_should_and_silence_is_between() {
        let bursts = Bursts { lengths: vec![ms(1), ms(5)], every: ms(100) };
        let mut pacer = Pacer::new(None, Some(&bursts));
        assert_eq!(pacer.turn(ms(0)), Turn::Send(TURN_MAX));
        assert_eq!(pacer.turn(ms(1)), Turn::Wait(WAIT_MAX));
        assert_eq!(pacer.turn(ms(95)), Turn::Wait(ms(5)));
        assert_eq!(pacer.turn(ms(104)), Turn::Send(TURN_MAX));
        assert_eq!(pacer.turn(ms(105)), Turn::Wait(WAIT_MAX));
        assert_eq!(pacer.turn(ms(200)), Turn::Send(TURN_MAX));
        assert_eq!(pacer.turn(ms(201)), Turn::Wait(WAIT_MAX));
        let slow = Pacer::new(Some(1000), Some(&bursts));
        assert_eq!([ms(1), ms(50), ms(103), ms(250)].map(|at| slow.offered(at)), [1, 1, 4, 7].map(Some));
    }

    #[test]
    fn what_could_not_be_sent_for_long_is_given_up() {
        let mut pacer = Pacer::new(Some(10_000), None);
        let mut sent = 0;
        while let Turn::Send(frames) = pacer.turn(ms(1000)) {
            sent += frames;
        }
        assert_eq!(sent, 500, "50 ms of the second");
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_no_less_when_there_is_time(rate in 1_u64..5_000_000, steps in 1_u64..500) {
            let mut pacer = Pacer::new(Some(rate), None);
            let mut sent = 0_u64;
            for at in 0..steps {
                let mut turns = 0;
                while let Turn::Send(frames) = pacer.turn(ms(at)) {
                    sent += u64::from(frames);
                    turns += 1;
                    prop_assert!(turns < 100_000);
                }
                let due = rate * at / 1000;
                prop_assert!(sent <= due);
                prop_assert!(due - sent <= u64::from(TURN_MAX).min(rate / 1000 + 1));
            }
        }
    }
}
