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

const fn below(what: &'static str, load: Kind, measure: Measure, limit: f64) -> Bar {
    Bar { what, load, contender: Contender::Default, measure, limit, is_least: false }
}

const BARS: [Bar; 10] = [
    below("CPU at rest, process and kernel programs, share of a core", Kind::Rest, Measure::Cores, 0.002),
    kept("bulk TCP: throughput kept", Kind::Bulk, Contender::Default, Contender::Off, 0.99),
    kept("flood, forwarded: rate kept", Kind::FloodForwarded, Contender::Default, Contender::Empty, 0.93),
    kept("flood, forwarded: rate kept", Kind::FloodForwarded, Contender::Flows, Contender::Empty, 0.96),
    kept("flood, thrown away: rate kept", Kind::FloodRefused, Contender::Default, Contender::Empty, 0.93),
    kept("flood, thrown away: rate kept", Kind::FloodRefused, Contender::Flows, Contender::Empty, 0.96),
    below("10,000 opaque requests a second: share of the machine", Kind::Opaque, Measure::Busy, 0.01),
    below("10,000 opaque requests a second: p99 as a multiple", Kind::Opaque, Measure::P99, 1.02),
    below("10,000 HTTP requests a second: share of the machine", Kind::Http, Measure::Busy, 0.01),
    below("10,000 HTTP requests a second: p99 as a multiple", Kind::Http, Measure::P99, 1.02),
];

/// Whether a promise is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// The limit is nearer than twice the median's standard error, or there are too few rounds to know that error.
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
    Judged {
        what: bar.what.to_owned(),
        contender: bar.contender.name().to_owned(),
        base: base.map(|base| base.name().to_owned()),
        limit: bar.limit,
        is_least: bar.is_least,
        figure,
        noise: base.and_then(|_| beside(Contender::OffAgain, Contender::Off)),
        verdict: if keeps_pace(figures, bar.load) { verdict(figure, bar.limit, bar.is_least) } else { Verdict::NoPace },
    }
}

/// Whether requests were sent when they were due while nothing was attached: else what is told of them is the machine's.
fn keeps_pace(figures: &Figures<'_>, load: Kind) -> bool {
    let is_paced = matches!(load, Kind::Http | Kind::Opaque);
    let rate = figures.spread(load, Contender::Off, RATE);
    !is_paced || rate.is_none_or(|rate| rate.median > PACE_LEAST * f64::from(PACE))
}

/// The process' share of a core in each round, and the kernel programs' on top.
fn cores(figures: &Figures<'_>, kernel: &[KernelTime], load: Kind, contender: Contender) -> Option<Spread> {
    let programs = kernel.iter().find(|time| time.load == load && time.contender == contender)?.cores;
    let process = figures.spread(load, contender, super::figures::PROCESS)?;
    Some(process.map(|cores| cores + programs))
}

fn verdict(figure: Option<Spread>, limit: f64, is_least: bool) -> Verdict {
    let Some(figure) = figure else { return Verdict::NotMeasured };
    if figure.rounds < ROUNDS_LEAST || (figure.median - limit).abs() < 2.0 * figure.error {
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
        assert_eq!(verdict(spread(0.995, 0.001), 0.99, true), Verdict::Met);
        assert_eq!(verdict(spread(0.95, 0.001), 0.99, true), Verdict::Missed);
        assert_eq!(verdict(spread(0.995, 0.003), 0.99, true), Verdict::Unsure);
        assert_eq!(verdict(spread(0.001, 0.0001), 0.002, false), Verdict::Met);
        assert_eq!(verdict(spread(0.004, 0.0001), 0.002, false), Verdict::Missed);
        assert_eq!(verdict(None, 0.002, false), Verdict::NotMeasured);
        let hasty = spread(0.5, 0.0).map(|spread| Spread { rounds: 2, ..spread });
        assert_eq!(verdict(hasty, 0.99, true), Verdict::Unsure);
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
        assert_eq!(verdicts(2_500.0), [Verdict::NoPace; 2]);
        assert_eq!(verdicts(9_999.0), [Verdict::Met; 2]);
    }

    #[test]
    fn nothing_measured_is_no_promise_kept() {
        let judged = judge(&Figures(&[]), &[]);
        assert_eq!(judged.len(), BARS.len());
        assert!(judged.iter().all(|judged| judged.verdict == Verdict::NotMeasured));
    }
}
