//! When the hooks that every message of the host passes are attached: all the time where few come, and by spells where many do, for
//! then it is the messages that are not looked at that cost most.

use std::time::{Duration, Instant};

/// How long messages are chosen in a spell.
const CHOOSING: Duration = Duration::from_millis(500);
/// How long those that are under way then may take to end. Later ones are counted as censored.
const FINISHING_MAX: Duration = Duration::from_millis(500);
/// Hooks are attached for one part of the time in so many.
const ONE_PART_IN: u32 = 8;
/// Where more messages than one in so many are to be looked at, spells would be too short for them, or save too little.
const SAMPLING_MIN: u32 = 16;
/// From so many messages a second on their hooks cost more than to attach them and take them off …
const BUSY: f64 = 10_000.0;
/// … and below so many no more, by a margin.
const CALM: f64 = 5_000.0;
/// Over how long messages are counted.
const LOOKS_APART: Duration = Duration::from_millis(250);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spell {
    /// Attach, and choose messages.
    Begins,
    /// Nothing.
    GoesOn,
    /// Choose none any more.
    Closes,
    /// Detach.
    Ends,
    /// Choose as many as where hooks are attached all the time: from now on they are.
    Stays,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All the time. Messages are counted since then, of which there had been so many.
    Attached {
        since: Instant,
        messages: u64,
    },
    Choosing {
        since: Instant,
        messages: u64,
    },
    Finishing {
        began: Instant,
        since: Instant,
    },
    Away {
        until: Instant,
    },
}

/// The schedule.
#[derive(Debug)]
pub(super) struct Spells {
    state: State,
    sampling: u32,
    /// When messages were chosen last.
    closed: Instant,
    /// How many messages a chosen one stands for in this spell.
    one_in: u32,
    /// Messages a second, as last counted.
    rate: f64,
}

impl Spells {
    /// Attached, until it is known how many messages come; so many have come so far.
    pub(super) fn new(sampling: u32, now: Instant, messages: u64) -> Self {
        let state = State::Attached { since: now, messages };
        Self { state, sampling, closed: now, one_in: sampling, rate: 0.0 }
    }

    /// One message in so many is to be looked at, on the whole.
    pub(super) fn set_sampling(&mut self, sampling: u32) {
        self.sampling = sampling;
        self.one_in = match self.state {
            State::Choosing { since, .. } => self.one_in_spell(since),
            _ => sampling,
        };
    }

    /// One message in so many is to be chosen now; 0: none.
    pub(super) fn one_in(&self) -> u32 {
        if self.chooses() { self.one_in } else { 0 }
    }

    /// Whether messages are chosen now.
    pub(super) fn chooses(&self) -> bool {
        matches!(self.state, State::Attached { .. } | State::Choosing { .. })
    }

    /// Messages a second, as they were counted last.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether hooks are attached all the time.
    pub(super) fn is_attached_always(&self) -> bool {
        matches!(self.state, State::Attached { .. })
    }

    /// How long there is nothing to do that cannot wait for the next turn.
    pub(super) fn until_due(&self, now: Instant) -> Duration {
        let left = |since: Instant, length: Duration| length.saturating_sub(now.saturating_duration_since(since));
        match self.state {
            State::Attached { .. } => Duration::MAX,
            State::Choosing { since, .. } => left(since, CHOOSING),
            State::Finishing { since, .. } => left(since, FINISHING_MAX),
            State::Away { until } => until.saturating_duration_since(now),
        }
    }

    /// What is to be done at `now`, when so many `messages` have passed the hooks so far, and somebody waits for the end of one.
    pub(super) fn turn(&mut self, now: Instant, messages: u64, somebody_waits: bool) -> Spell {
        match self.state {
            State::Attached { since, messages: before } => {
                if now.saturating_duration_since(since) < LOOKS_APART {
                    return Spell::GoesOn;
                }
                self.rate = rate(messages, before, since, now);
                if self.has_spells() && self.rate > BUSY {
                    return self.close(since, now);
                }
                self.state = State::Attached { since: now, messages };
            }
            State::Choosing { since, messages: before } if self.until_due(now).is_zero() => {
                self.rate = rate(messages, before, since, now);
                if self.has_spells() && self.rate >= CALM {
                    return self.close(since, now);
                }
                self.state = State::Attached { since: now, messages };
                self.one_in = self.sampling;
                return Spell::Stays;
            }
            State::Finishing { began, .. } if !somebody_waits || self.until_due(now).is_zero() => {
                let attached = now.saturating_duration_since(began).min(CHOOSING + FINISHING_MAX);
                self.state = State::Away { until: now + attached * (ONE_PART_IN - 1) };
                return Spell::Ends;
            }
            State::Away { .. } if self.until_due(now).is_zero() || !self.has_spells() => {
                self.one_in = self.one_in_spell(now);
                self.state = State::Choosing { since: now, messages };
                return Spell::Begins;
            }
            _ => {}
        }
        Spell::GoesOn
    }

    fn has_spells(&self) -> bool {
        self.sampling >= SAMPLING_MIN
    }

    fn close(&mut self, began: Instant, now: Instant) -> Spell {
        self.closed = now;
        self.state = State::Finishing { began, since: now };
        Spell::Closes
    }

    /// So many of all have to be chosen in a spell that began then, for as many as are to be looked at on the whole.
    fn one_in_spell(&self, began: Instant) -> u32 {
        let part = CHOOSING.as_secs_f64() / (CHOOSING + began.saturating_duration_since(self.closed)).as_secs_f64();
        ((f64::from(self.sampling) * part).round() as u32).max(1)
    }
}

/// Messages a second.
fn rate(messages: u64, before: u64, since: Instant, now: Instant) -> f64 {
    messages.wrapping_sub(before) as f64 / now.saturating_duration_since(since).as_secs_f64().max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with so many messages a second, in ticks of 10 ms, each of which takes so many ticks.
    struct Host {
        spells: Spells,
        start: Instant,
        tick: u32,
        rate: f64,
        passed: f64,
        takes: u32,
        chosen_at: Option<u32>,
        /// Ticks in which hooks were attached, and messages that were chosen.
        attached: u32,
        chosen: f64,
        is_attached: bool,
    }

    impl Host {
        fn new(sampling: u32, rate: f64, takes: u32) -> Self {
            let start = Instant::now();
            let spells = Spells::new(sampling, start, 0);
            let (passed, chosen) = (0.0, 0.0);
            Self {
                spells,
                start,
                tick: 0,
                rate,
                passed,
                takes,
                chosen_at: None,
                attached: 0,
                chosen,
                is_attached: true,
            }
        }

        fn run(&mut self, ticks: u32) {
            for _ in 0..ticks {
                self.tick += 1;
                let now = self.start + Duration::from_millis(10) * self.tick;
                let waits = self.chosen_at.is_some_and(|at| self.tick - at <= self.takes);
                match self.spells.turn(now, self.passed as u64, waits) {
                    Spell::Begins => self.is_attached = true,
                    Spell::Ends => self.is_attached = false,
                    Spell::GoesOn | Spell::Closes | Spell::Stays => {}
                }
                assert!(self.is_attached || !self.spells.chooses());
                if !self.is_attached {
                    continue;
                }
                self.attached += 1;
                self.passed += self.rate / 100.0;
                if self.spells.one_in() > 0 {
                    self.chosen += self.rate / 100.0 / f64::from(self.spells.one_in());
                    self.chosen_at = Some(self.tick);
                }
            }
        }
    }

    #[test]
    fn where_few_messages_come_hooks_stay_attached() {
        let mut host = Host::new(64, 9_000.0, 0);
        host.run(6_000);
        assert_eq!(host.attached, 6_000);
        assert!((host.chosen - 9_000.0 * 60.0 / 64.0).abs() < 1.0, "{}", host.chosen);
    }

    #[test]
    fn where_many_come_hooks_are_attached_for_a_part_of_the_time_and_as_many_are_chosen() {
        for (sampling, takes) in [(16, 0), (64, 0), (64, 20), (64, 1_000), (1024, 0)] {
            let mut host = Host::new(sampling, 100_000.0, takes);
            host.run(60_000);
            let part = f64::from(host.attached) / 60_000.0;
            assert!((part - 1.0 / 8.0).abs() < 0.01, "{part} of the time");
            let expected = 100_000.0 * 600.0 / f64::from(sampling);
            assert!((host.chosen / expected - 1.0).abs() < 0.15, "{} of {expected}, 1 in {sampling}", host.chosen);
        }
    }

    #[test]
    fn every_window_has_a_spell() {
        let mut host = Host::new(64, 100_000.0, 1_000);
        host.run(100);
        for window in 0..100 {
            let before = host.chosen;
            host.run(1_000);
            assert!(host.chosen > before, "window {window}");
        }
    }

    #[test]
    fn where_most_messages_are_to_be_looked_at_hooks_stay_attached() {
        let mut host = Host::new(15, 1e6, 0);
        host.run(1_000);
        assert_eq!(host.attached, 1_000);
        // And they come back at once where that is asked for later.
        let mut host = Host::new(64, 1e6, 0);
        host.run(400);
        assert!(!host.is_attached);
        host.spells.set_sampling(1);
        host.run(1);
        assert!(host.is_attached);
        let (before, attached) = (host.chosen, host.attached);
        host.run(1_000);
        assert_eq!(host.attached, attached + 1_000);
        assert!((host.chosen - before) / 1e7 > 0.94, "{}", host.chosen - before);
    }

    #[test]
    fn when_messages_become_few_hooks_stay() {
        let mut host = Host::new(64, 100_000.0, 0);
        host.run(1_000);
        assert!(host.attached < 300);
        host.rate = 6_000.0;
        let attached = host.attached;
        host.run(1_000);
        assert!(host.attached < attached + 300, "nearly as many as would have them taken off again");
        host.rate = 4_000.0;
        host.run(500);
        let attached = host.attached;
        host.run(1_000);
        assert_eq!((host.attached, host.spells.one_in()), (attached + 1_000, 64));
    }

    #[test]
    fn a_spell_begins_and_ends_when_it_is_due() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut spells = Spells::new(64, start, 0);
        assert_eq!((spells.turn(at(100), 50_000, false), spells.until_due(at(100))), (Spell::GoesOn, Duration::MAX));
        assert_eq!(spells.turn(at(300), 50_000, false), Spell::Closes);
        assert_eq!((spells.turn(at(700), 50_000, true), spells.one_in()), (Spell::GoesOn, 0));
        assert_eq!(spells.turn(at(800), 50_000, true), Spell::Ends);
        assert_eq!(spells.until_due(at(800)), Duration::from_millis(800 * 7));
        assert_eq!(spells.turn(at(6_399), 50_000, false), Spell::GoesOn);
        assert_eq!(spells.turn(at(6_400), 50_000, false), Spell::Begins);
        assert_eq!(spells.one_in(), 5, "half a second of 6.6");
        assert_eq!(spells.until_due(at(6_400)), CHOOSING);
        assert_eq!(spells.turn(at(6_900), 51_000, false), Spell::Stays);
        assert_eq!(spells.one_in(), 64);
    }
}
