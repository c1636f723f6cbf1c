//! What turns add up to: medians and spreads, each turn held against that of the same round with nothing attached.

use super::contender::Contender;
use super::loads::Kind;
use super::turns::{Outcome, Turn};
use crate::rounds::Samples;
use serde::Serialize;

/// A median, what the rounds spread over, and how far off the median may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Standard error of the median, as far as the rounds tell.
    pub(crate) error: f64,
    pub(crate) rounds: usize,
}

impl Spread {
    /// Nothing of nothing.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut samples = Samples::default();
        values.iter().for_each(|value| samples.push(*value));
        (!values.is_empty()).then(|| Self {
            median: samples.median(),
            min: samples.min(),
            max: samples.max(),
            error: samples.error_of_median(),
            rounds: values.len(),
        })
    }

    pub(crate) fn map(self, what: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (what(self.min), what(self.max));
        let error = (what(self.median + self.error) - what(self.median)).abs();
        Self { median: what(self.median), min: a.min(b), max: a.max(b), error, rounds: self.rounds }
    }
}

/// What can be asked of a turn.
pub(crate) type Figure = fn(&Outcome) -> Option<f64>;

pub(crate) const RATE: Figure = |outcome| outcome.rate;
pub(crate) const P99: Figure = |outcome| outcome.p99_us;
pub(crate) const BUSY: Figure = |outcome| Some(outcome.busy_share);
pub(crate) const PROCESS: Figure = |outcome| outcome.process_cores;

/// All turns, and the questions that tables and bars ask.
pub(crate) struct Figures<'a>(pub(crate) &'a [Turn]);

impl<'a> Figures<'a> {
    /// Of those that went well, by round.
    fn outcomes(&self, load: Kind, contender: Contender) -> impl Iterator<Item = (usize, &Outcome)> {
        let own = self.0.iter().filter(move |turn| turn.load == load && turn.contender == contender);
        own.filter_map(|turn| Some((turn.round, turn.outcome.as_ref().ok()?)))
    }

    /// Of each round.
    pub(crate) fn spread(&self, load: Kind, contender: Contender, figure: Figure) -> Option<Spread> {
        let values: Vec<f64> = self.outcomes(load, contender).filter_map(|(_, outcome)| figure(outcome)).collect();
        Spread::of(&values)
    }

    /// Of each round in which both had their turn, both made one by `combine`.
    pub(crate) fn paired(
        &self,
        load: Kind,
        (contender, base): (Contender, Contender),
        figure: Figure,
        combine: fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let of_base = |round| self.outcomes(load, base).find(|(at, _)| *at == round).and_then(|(_, o)| figure(o));
        let pairs = self.outcomes(load, contender).filter_map(|(round, own)| Some((figure(own)?, of_base(round)?)));
        let values: Vec<f64> = pairs.map(|(own, base)| combine(own, base)).collect();
        Spread::of(&values)
    }

    /// Whether anybody has run under this load.
    pub(crate) fn has(&self, load: Kind) -> bool {
        self.0.iter().any(|turn| turn.load == load)
    }

    /// How many turns it had, and what became of those that failed.
    pub(crate) fn failures(&self, load: Kind, contender: Contender) -> (usize, Vec<&'a str>) {
        let own: Vec<_> = self.0.iter().filter(|turn| turn.load == load && turn.contender == contender).collect();
        (own.len(), own.iter().filter_map(|turn| turn.outcome.as_ref().err().map(String::as_str)).collect())
    }
}

pub(crate) fn ratio(own: f64, base: f64) -> f64 {
    own / base
}

pub(crate) fn difference(own: f64, base: f64) -> f64 {
    own - base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(round: usize, contender: Contender, rate: Option<f64>) -> Turn {
        let outcome = rate.map(|rate| Outcome { rate: Some(rate), ..Outcome::default() });
        Turn { load: Kind::Bulk, contender, round, outcome: outcome.ok_or_else(|| "it ended".to_owned()) }
    }

    #[test]
    fn a_round_is_held_against_itself() {
        // The machine is twice as fast in the second round: of what is kept, nothing is seen of that.
        let turns = [
            turn(0, Contender::Off, Some(100.0)),
            turn(0, Contender::Default, Some(98.0)),
            turn(1, Contender::Default, Some(200.0)),
            turn(1, Contender::Off, Some(200.0)),
            turn(2, Contender::Off, Some(100.0)),
            turn(2, Contender::Default, Some(99.0)),
        ];
        let kept =
            Figures(&turns).paired(Kind::Bulk, (Contender::Default, Contender::Off), RATE, ratio).expect("pairs");
        assert_eq!((kept.median, kept.min, kept.max, kept.rounds), (0.99, 0.98, 1.0, 3));
        assert!((kept.error - 0.93 * 0.02 / 3_f64.sqrt()).abs() < 0.02);
        let beyond = Figures(&turns).paired(Kind::Bulk, (Contender::Default, Contender::Off), RATE, difference);
        assert_eq!(beyond.map(|spread| spread.median), Some(-1.0));
    }

    #[test]
    fn a_round_that_failed_has_no_pair_and_is_told() {
        let turns = [
            turn(0, Contender::Off, Some(100.0)),
            turn(0, Contender::Default, None),
            turn(1, Contender::Off, None),
            turn(1, Contender::Default, Some(50.0)),
            turn(2, Contender::Default, Some(80.0)),
            turn(2, Contender::Off, Some(100.0)),
        ];
        let figures = Figures(&turns);
        let kept = figures.paired(Kind::Bulk, (Contender::Default, Contender::Off), RATE, ratio).expect("a pair");
        assert_eq!((kept.median, kept.rounds), (0.8, 1));
        assert_eq!(figures.failures(Kind::Bulk, Contender::Default), (3, vec!["it ended"]));
        assert_eq!(figures.spread(Kind::Bulk, Contender::Default, RATE).map(|spread| spread.median), Some(65.0));
        assert!(figures.paired(Kind::Http, (Contender::Default, Contender::Off), RATE, ratio).is_none());
    }

    #[test]
    fn a_spread_in_other_units_is_still_one() {
        let spread = Spread::of(&[1.0, 2.0, 4.0]).expect("three");
        let turned = spread.map(|x| -10.0 * x);
        assert_eq!((turned.median, turned.min, turned.max), (-20.0, -40.0, -10.0));
        assert!(turned.error >= 0.0);
        assert_eq!(Spread::of(&[]), None);
    }
}
