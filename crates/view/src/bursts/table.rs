//! Bursts as a table for people.

use super::ListedBursts;
use crate::clock::{clock, on_several_days};
use crate::group::{Sum, dashed};
use crate::spark::spark;
use crate::table::{Column, Style, Table};
use crate::units::{bits_per_second, bytes, count, nanoseconds, percent};
use netrig_model::{BurstFlow, BurstRecord, Direction};

/// The widest that a series is drawn, and the narrowest.
const SERIES_WIDTHS: [usize; 2] = [8, 32];
/// What the columns that are never left out need beside it.
const OTHERS_WIDTH: usize = 68;
/// Flows that are named below a burst.
const FLOWS_MAX: usize = 3;

/// One line for each burst, and the flows that made it below. Series are as wide as there is room.
#[must_use]
pub fn burst_table(listed: &ListedBursts, style: Style) -> Table {
    let [narrow, wide] = SERIES_WIDTHS;
    let width = style.width.map_or(wide, |width| width.saturating_sub(OTHERS_WIDTH).clamp(narrow, wide));
    let with_days = on_several_days(listed.bursts.iter().map(|r| r.burst_start.to_string()));
    let mut table = Table::new(vec![
        Column::text("AT (UTC)", 0),
        Column::text("IFACE", 4).good_at(10),
        Column::text("WAY", 0),
        Column::text("SERIES", 0),
        Column::number("PEAK"),
        Column::number("LOAD"),
        Column::number("LENGTH"),
        Column::number("BYTES").optional_before(3),
        Column::number("FLOWS"),
        Column::number("GAP").optional_before(4),
        Column::number("CE").optional_before(5),
        Column::number("RESENT").optional_before(5),
    ]);
    for burst in &listed.bursts {
        table.push(&row(burst, width, with_days));
        let flows = flows(burst);
        if !flows.is_empty() {
            table.push_note(&flows);
        }
    }
    if listed.rest.bursts > 0 {
        table.set_footer(format!("… and {} more, all lower", listed.rest.in_words()));
    }
    table
}

fn row(r: &BurstRecord, width: usize, with_day: bool) -> [String; 12] {
    let series = r.series();
    let highest = series.iter().copied().max().unwrap_or(0);
    [
        clock(&r.burst_start.to_string(), with_day),
        dashed(r.iface.clone().unwrap_or_default()),
        dashed(r.direction.map(Direction::as_str).unwrap_or_default().to_owned()),
        dashed(spark(&series, highest, width)),
        bits_per_second(r.peak_bits_per_second as f64),
        dashed(load(r).unwrap_or_default()),
        nanoseconds(r.duration_ns),
        bytes(r.bytes),
        count(r.flows),
        dashed(r.gap_ns.map(nanoseconds).unwrap_or_default()),
        count(r.ce_packets),
        dashed(r.retransmits.map(count).unwrap_or_default()),
    ]
}

/// The busiest bucket's share of the link; where its speed is not known, so many times the mean.
fn load(r: &BurstRecord) -> Option<String> {
    r.utilisation().map(percent).or_else(|| r.peak_to_mean().map(times))
}

/// So many times as much: `23×`, `1.4×`.
fn times(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.1}×") } else { format!("{}×", count(ratio.round() as u64)) }
}

fn flows(r: &BurstRecord) -> String {
    let flows = r.top_flows();
    let named: Vec<String> = flows.iter().take(FLOWS_MAX).map(|flow| in_words(flow, r.bytes)).collect();
    named.join("; ")
}

fn in_words(flow: &BurstFlow, all: u64) -> String {
    let share =
        if all > 0 { format!(", {}", percent((flow.bytes as f64 / all as f64).min(1.0))) } else { String::new() };
    let process = flow.process.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    format!("{}{process} {}{share}", flow.flow, bytes(flow.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_in_two_digits_or_whole() {
        assert_eq!([1.44, 9.96, 1234.5].map(times), ["1.4×", "10×", "1,235×"]);
    }
}
