//! What the rig promises of its cost, and whether the figures keep it.

use super::contender::Contender;
use super::figures::{BUSY, Figures, P99, RATE, Spread, difference, ratio};
use super::loads::{Kind, PACE};
use super::turns::KernelTime;
use serde::Serialize;

/// Fewer tell nothing of their own spread.
const ROUNDS_LEAST: usize = 3;
/// Of the pace that was to be kept.
const PACE_LEAST: f64 = 0.98;

/// How a promise is measured.
#[derive(Clone, Copy, Debug)]
enum Measure {
    /// Share of the rate that is left, beside another's turn of the same round.
    Kept(Contender),
    /// The 99th percentile as a multiple of that with nothing attached.
    P99,
    /// Share of the machine beyond nothing attached.
    Busy,
    /// Cores: the process, and its kernel programs.
    Cores,
}

impl Measure {
    /// How far nothing beside nothing is off what it should be.
    fn off_by(self, noise: Spread) -> f64 {
        let nothing = match self {
            Self::Kept(_) | Self::P99 => 1.0,
            Self::Busy | Self::Cores => 0.0,
        };
        (noise.median - nothing).abs().max(2.0 * noise.error)
    }
}

/// A promise.
struct Bar {
    what: &'static str,
    load: Kind,
    contender: Contender,
    measure: Measure,
    limit: f64,
    is_least: bool,
}

const fn kept(what: &'static str, load: Kind, contender: Contender, base: Contender, limit: f64) -> Bar {
    Bar { what, load, contender, measure: Measure::Kept(base), limit, is_least: true }
}

const fn below(what: &'static str, load: Kind, contender: Contender, measure: Measure, limit: f64) -> Bar {
    Bar { what, load, contender, measure, limit, is_least: false }
}

const REST: &str = "CPU at rest, process and kernel programs, share of a core";
const BULK: &str = "bulk TCP: throughput kept";
const FORWARDED: &str = "flood, forwarded: rate kept";
const REFUSED: &str = "flood, thrown away: rate kept";
const OPAQUE: &str = "10,000 opaque requests a second: share of the machine";
const OPAQUE_P99: &str = "10,000 opaque requests a second: p99 as a multiple";
const HTTP: &str = "10,000 HTTP requests a second: share of the machine";
const HTTP_P99: &str = "10,000 HTTP requests a second: p99 as a multiple";

/// Of the default in the first seconds of a load, and when its governor has done what `[rig] cpu` asks.
const BARS: [Bar; 17] = [
    below(REST, Kind::Rest, Contender::Default, Measure::Cores, 0.002),
    kept(BULK, Kind::Bulk, Contender::Default, Contender::Off, 0.99),
    kept(BULK, Kind::Bulk, Contender::Settled, Contender::Off, 0.99),
    kept(FORWARDED, Kind::FloodForwarded, Contender::Default, Contender::Empty, 0.93),
    kept(FORWARDED, Kind::FloodForwarded, Contender::Settled, Contender::Empty, 0.93),
    kept(FORWARDED, Kind::FloodForwarded, Contender::Flows, Contender::Empty, 0.96),
    kept(REFUSED, Kind::FloodRefused, Contender::Default, Contender::Empty, 0.93),
    kept(REFUSED, Kind::FloodRefused, Contender::Settled, Contender::Empty, 0.93),
    kept(REFUSED, Kind::FloodRefused, Contender::Flows, Contender::Empty, 0.96),
    below(OPAQUE, Kind::Opaque, Contender::Default, Measure::Busy, 0.01),
    below(OPAQUE, Kind::Opaque, Contender::Settled, Measure::Busy, 0.01),
    below(OPAQUE_P99, Kind::Opaque, Contender::Default, Measure::P99, 1.02),
    below(OPAQUE_P99, Kind::Opaque, Contender::Settled, Measure::P99, 1.02),
    below(HTTP, Kind::Http, Contender::Default, Measure::Busy, 0.01),
    below(HTTP, Kind::Http, Contender::Settled, Measure::Busy, 0.01),
    below(HTTP_P99, Kind::Http, Contender::Default, Measure::P99, 1.02),
    below(HTTP_P99, Kind::Http, Contender::Settled, Measure::P99, 1.02),
];

/// Whether a promise is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// The limit is nearer than twice the median's standard error, or than noise alone makes; or there are too few rounds to know.
    Unsure,
    /// The machine did not send what was to be sent, with nothing attached.
    NoPace,
    NotMeasured,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "**missed**",
            Self::Unsure => "unsure",
            Self::NoPace => "not told: the machine did not keep the pace",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A promise and its figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Judged {
    pub(crate) what: String,
    pub(crate) contender: String,
    /// What it is held against in the same round.
    pub(crate) base: Option<String>,
    pub(crate) limit: f64,
    pub(crate) is_least: bool,
    pub(crate) figure: Option<Spread>,
    /// The same figure of nothing again, beside nothing: what noise alone makes.
    pub(crate) noise: Option<Spread>,
    pub(crate) verdict: Verdict,
}

/// Each promise beside what was measured.
pub(crate) fn judge(figures: &Figures<'_>, kernel: &[KernelTime]) -> Vec<Judged> {
    BARS.iter().map(|bar| judge_one(bar, figures, kernel)).collect()
}

fn judge_one(bar: &Bar, figures: &Figures<'_>, kernel: &[KernelTime]) -> Judged {
    let beside = |contender, base| match bar.measure {
        Measure::Kept(_) => figures.paired(bar.load, (contender, base), RATE, ratio),
        Measure::P99 => figures.paired(bar.load, (contender, base), P99, ratio),
        Measure::Busy => figures.paired(bar.load, (contender, base), BUSY, difference),
        Measure::Cores => cores(figures, kernel, bar.load, contender),
    };
    let base = match bar.measure {
        Measure::Kept(base) => Some(base),
        Measure::P99 | Measure::Busy => Some(Contender::Off),
        Measure::Cores => None,
    };
    let figure = beside(bar.contender, base.unwrap_or(Contender::Off));
    let noise = base.and_then(|_| beside(Contender::OffAgain, Contender::Off));
    let noise_alone = noise.map_or(0.0, |noise| bar.measure.off_by(noise));
    let known = keeps_pace(figures, bar.load);
    Judged {
        what: bar.what.to_owned(),
        contender: bar.contender.name().to_owned(),
        base: base.map(|base| base.name().to_owned()),
        limit: bar.limit,
        is_least: bar.is_least,
        figure,
        noise,
        verdict: if known { verdict(figure, bar.limit, bar.is_least, noise_alone) } else { Verdict::NoPace },
    }
}

/// Whether requests were sent when they were due while nothing was attached: else what is told of them is the machine's.
fn keeps_pace(figures: &Figures<'_>, load: Kind) -> bool {
    let rate = figures.spread(load, Contender::Off, RATE);
    !load.is_paced() || rate.is_none_or(|rate| rate.median > PACE_LEAST * f64::from(PACE))
}

/// The process' share of a core in each round, and the kernel programs' on top.
fn cores(figures: &Figures<'_>, kernel: &[KernelTime], load: Kind, contender: Contender) -> Option<Spread> {
    let programs = kernel.iter().find(|time| time.load == load && time.contender == contender)?.cores;
    let process = figures.spread(load, contender, super::figures::PROCESS)?;
    Some(process.map(|cores| cores + programs))
}

/// `noise`: how far off nothing beside nothing was.
fn verdict(figure: Option<Spread>, limit: f64, is_least: bool, noise: f64) -> Verdict {
    let Some(figure) = figure else { return Verdict::NotMeasured };
    if figure.rounds < ROUNDS_LEAST || (figure.median - limit).abs() < noise.max(2.0 * figure.error) {
        Verdict::Unsure
    } else if (figure.median >= limit) == is_least {
        Verdict::Met
    } else {
        Verdict::Missed
    }
}

#[cfg(test)]
mod tests {
    use super::super::turns::{Outcome, Turn};
    use super::*;

    fn spread(median: f64, error: f64) -> Option<Spread> {
        Some(Spread { median, min: median - error, max: median + error, error, rounds: 5 })
    }

    #[test]
    fn a_promise_is_kept_broken_or_too_near_to_say() {
        assert_eq!(verdict(spread(0.995, 0.001), 0.99, true, 0.0), Verdict::Met);
        assert_eq!(verdict(spread(0.95, 0.001), 0.99, true, 0.0), Verdict::Missed);
        assert_eq!(verdict(spread(0.995, 0.003), 0.99, true, 0.0), Verdict::Unsure);
        assert_eq!(verdict(spread(0.001, 0.0001), 0.002, false, 0.0), Verdict::Met);
        assert_eq!(verdict(spread(0.004, 0.0001), 0.002, false, 0.0), Verdict::Missed);
        assert_eq!(verdict(None, 0.002, false, 0.0), Verdict::NotMeasured);
        let hasty = spread(0.5, 0.0).map(|spread| Spread { rounds: 2, ..spread });
        assert_eq!(verdict(hasty, 0.99, true, 0.0), Verdict::Unsure);
    }

    #[test]
    fn what_noise_alone_makes_keeps_no_promise_and_breaks_none() {
        let noise = |median, error| Measure::Busy.off_by(spread(median, error).expect("a spread"));
        // Seven points less than nothing, where nothing beside nothing differs by twelve.
        assert_eq!(verdict(spread(-0.07, 0.003), 0.01, false, noise(0.007, 0.12)), Verdict::Unsure);
        assert_eq!(verdict(spread(-0.07, 0.003), 0.01, false, noise(0.007, 0.001)), Verdict::Met);
        let kept = Measure::Kept(Contender::Off).off_by(spread(0.98, 0.001).expect("a spread"));
        assert_eq!(verdict(spread(0.975, 0.001), 0.99, true, kept), Verdict::Unsure);
        assert_eq!(verdict(spread(0.92, 0.001), 0.99, true, kept), Verdict::Missed);
    }

    #[test]
    fn a_machine_that_is_late_by_itself_has_no_say_about_requests() {
        let turn = |load, contender, round, rate| {
            let outcome = Outcome { rate: Some(rate), busy_share: 1.0, p99_us: Some(9.0), ..Outcome::default() };
            Turn { load, contender, round, outcome: Ok(outcome) }
        };
        let turns = |rate| -> Vec<Turn> {
            let of = |round| {
                [Contender::Off, Contender::Default].map(|contender| turn(Kind::Opaque, contender, round, rate))
            };
            (0..3).flat_map(of).collect()
        };
        let verdicts = |rate| -> Vec<Verdict> {
            let judged = judge(&Figures(&turns(rate)), &[]);
            judged.iter().filter(|judged| judged.what.contains("opaque")).map(|judged| judged.verdict).collect()
        };
        let (met, none) = (Verdict::Met, Verdict::NotMeasured);
        assert_eq!(verdicts(2_500.0), [Verdict::NoPace; 4]);
        assert_eq!(verdicts(9_999.0), [met, none, met, none]);
    }

    #[test]
    fn nothing_measured_is_no_promise_kept() {
        let judged = judge(&Figures(&[]), &[]);
        assert_eq!(judged.len(), BARS.len());
        assert!(judged.iter().all(|judged| judged.verdict == Verdict::NotMeasured));
    }
}
