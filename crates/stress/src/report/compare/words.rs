//! A comparison as a table and as a line of JSON.

use super::{Change, Comparison, Row, Side, Unit};
use crate::report::figures::{self, plain, share, to_the_second};
use netrig_view::units::{bytes, count, nanoseconds, per_second};
use netrig_view::{Column, Style, Table};
use serde::Serialize;
use std::io;

#[derive(Serialize)]
struct Line<'a> {
    record: &'static str,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// A comparison as one line of JSON, without a line feed.
///
/// # Errors
/// When it cannot be serialised, which none is known to be.
pub fn line(comparison: &Comparison) -> io::Result<String> {
    Ok(serde_json::to_string(&Line { record: "stress_compare", comparison })?)
}

/// A comparison for people: what got better and worse, what makes it doubtful, and every figure.
#[must_use]
pub fn text(comparison: &Comparison, style: Style) -> String {
    let mut out = format!("netrig stress {}\n", plain(&comparison.scenario));
    for (name, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        out += &format!("{name}: {}\n", side_words(side));
    }
    out += &format!("\n{}\n", sum(comparison));
    for warning in &comparison.warnings {
        out += &format!("careful: {}\n", plain(warning));
    }
    out.push('\n');
    out + &table(comparison).render(style)
}

fn side_words(side: &Side) -> String {
    let [version, host, kernel, started] =
        [&side.version, &side.host, &side.kernel, &side.started].map(|text| plain(text));
    format!("netrig {version} on {host}, Linux {kernel}, {}", to_the_second(&started))
}

/// What got better and worse, in a sentence.
fn sum(comparison: &Comparison) -> String {
    let those = |verdict: Change| {
        let rows = comparison.rows.iter().filter(|row| row.verdict == verdict);
        rows.map(|row| format!("{} ({})", plain(&row.figure), change(row))).collect::<Vec<_>>().join(", ")
    };
    match (those(Change::Better), those(Change::Worse)) {
        (better, worse) if better.is_empty() && worse.is_empty() => {
            "B is neither better nor worse than A beyond noise.".to_owned()
        }
        (better, worse) if worse.is_empty() => format!("B is better: {better}. Nothing is worse."),
        (better, worse) if better.is_empty() => format!("B is worse: {worse}. Nothing is better."),
        (better, worse) => format!("B is worse: {worse}. It is better: {better}."),
    }
}

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new(vec![
        Column::text("FIGURE", 12),
        Column::number("A"),
        Column::number("B"),
        Column::number("CHANGE"),
        Column::number("NOISE").optional(),
        Column::text("", 6),
    ]);
    for row in &comparison.rows {
        let value = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| in_words(row.unit, value));
        let noise = row.noise.map_or_else(|| "-".to_owned(), |noise| format!("±{}", in_words(row.unit, noise)));
        let cells =
            [plain(&row.figure), value(row.a), value(row.b), change(row), noise, row.verdict.as_str().to_owned()];
        table.push(&cells);
        if row.verdict == Change::Worse {
            table.alarm();
        }
    }
    table
}

/// How much more or less it is; of what was nothing, how much it is.
fn change(row: &Row) -> String {
    match (row.change, row.b) {
        (Some(change), _) if change.abs() >= 9.995 => format!("x{:.0}", change + 1.0),
        (Some(change), _) => figures::change(change),
        (None, Some(b)) if row.a == Some(0.0) && b != 0.0 => format!("from 0 to {}", in_words(row.unit, b)),
        _ => "-".to_owned(),
    }
}

fn in_words(unit: Unit, value: f64) -> String {
    let whole = value.max(0.0).round() as u64;
    match unit {
        Unit::PacketsPerSecond => per_second(value),
        Unit::Nanoseconds if value < 10.0 => format!("{value:.1} ns"),
        Unit::Nanoseconds => nanoseconds(whole),
        Unit::Share => share(value),
        Unit::Bytes => bytes(whole),
        Unit::Packets => count(whole),
        Unit::Times => format!("x{value:.3}"),
    }
}
