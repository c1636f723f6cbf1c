//! The page: what was measured, how, all figures, and whether promises are kept. Everything in it is computed.

mod tables;
mod words;

use super::Measured;
use super::bars::{self, Judged, Verdict};
use super::figures::Figures;
use super::loads::Kind;
use std::fmt::Write as _;

/// The page as Markdown.
pub(crate) fn render(measured: &Measured) -> String {
    let figures = Figures(&measured.turns);
    let judged = bars::judge(&figures, &measured.kernel);
    let mut page = String::from(words::HEAD);
    if measured.is_quick {
        page.push_str(words::QUICK);
    }
    page.push_str(&tables::machine(&measured.machine));
    page.push_str(words::BARS);
    page.push_str(&tables::bars(&judged));
    page.push_str(&words::method(measured));
    for load in LOADS.into_iter().filter(|load| figures.has(*load)) {
        let _ = write!(page, "\n## {}\n\n{}\n\n", words::title(load), words::about(load));
        page.push_str(&tables::load(load, measured));
        page.push_str(&tables::programs(load, &measured.kernel));
        page.push_str(&tables::failures(load, measured));
    }
    page.push_str(words::END);
    page
}

/// In the order of the page.
const LOADS: [Kind; 7] =
    [Kind::Rest, Kind::Bulk, Kind::FloodForwarded, Kind::FloodRefused, Kind::Opaque, Kind::Http, Kind::Connections];

/// The promises, for the terminal.
pub(crate) fn summary(measured: &Measured) -> String {
    let judged = bars::judge(&Figures(&measured.turns), &measured.kernel);
    let line = |bar: &Judged| {
        let figure =
            bar.figure.map_or_else(String::new, |figure| format!("{:.4} ± {:.4}", figure.median, figure.error));
        let word = bar.verdict.word().replace('*', "");
        format!("{word:<13} {figure:<17} {} {:<6} {} ({})", tables::relation(bar), bar.limit, bar.what, bar.contender)
    };
    let known = judged.iter().filter(|bar| bar.verdict != Verdict::NotMeasured);
    known.map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
