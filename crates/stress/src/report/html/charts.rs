//! The charts of a run.

use crate::report::chart::{COLORS, Chart, Line};
use crate::report::escape::escape;
use crate::report::figures;
use crate::report::model::Report;
use crate::report::over_time::{self, Points, is_known};
use netrig_view::units::{bytes, count, per_second};
use std::collections::BTreeMap;
use std::fmt::Write;

/// More lines than this in one chart cannot be told apart.
const LINES_MAX: usize = COLORS;

/// All of which something is known.
pub(super) fn all(out: &mut String, report: &Report) {
    out.push_str("<h2>Over the run</h2>\n<div class=\"charts\">\n");
    for chart in charts(report) {
        figure(out, &chart);
    }
    out.push_str("</div>\n");
}

fn charts(report: &Report) -> Vec<Chart> {
    let percent = |value: f64| format!("{:.0} %", value * 100.0);
    let mut rates = lines(report, [("sent", |s| s.sent_pps), ("seen", |s| s.seen_pps), ("told", |s| s.told_pps)]);
    rates.retain(|line| is_known(&line.points));
    let cpu = lines(report, [("process", |s| s.rig_cpu_share_of_core)]);
    let cpu = cpu.into_iter().chain(named(over_time::probe_shares(report))).collect();
    let memory = lines(
        report,
        [
            ("process, its own", |s| s.own_bytes.map(|n| n as f64)),
            ("process, mapped", |s| Some(s.rss_bytes?.saturating_sub(s.own_bytes?) as f64)),
            ("maps", |s| s.kernel_bytes.map(|n| n as f64)),
            ("files", |s| s.store_bytes.map(|n| n as f64)),
        ],
    );
    let chart = |id, title, unit, top_min, lines| Chart { id, title, unit, top_min, lines };
    vec![
        chart("rates", "Packets a second", per_second, 1.0, rates),
        chart("cpu", "Share of one core: the process, and each probe in the kernel", figures::share, 0.000_01, cpu),
        chart("ns", "Nanoseconds a run, by probe", |ns| format!("{ns:.0} ns"), 1.0, named(over_time::probe_ns(report))),
        chart("tables", "How full tables are", percent, 1.0, named(over_time::tables(report))),
        chart("evictions", "Entries replaced a second, by table", per_second, 1.0, named(over_time::evictions(report))),
        chart("rings", "How full rings and queues are", percent, 1.0, named(over_time::rings(report))),
        chart("lost", "Lost in rings so far", |n| count(n.max(0.0) as u64), 4.0, named(over_time::ring_losses(report))),
        chart(
            "lag",
            "Age of the oldest thing not read yet",
            |s| format!("{s:.2} s"),
            0.1,
            lines(report, [("lag", |s| s.drain_lag_s)]),
        ),
        chart("memory", "Memory and disk", |n| bytes(n.max(0.0) as u64), 1e6, memory),
    ]
}

type Of = fn(&crate::report::model::Sample) -> Option<f64>;

fn lines<const N: usize>(report: &Report, of: [(&str, Of); N]) -> Vec<Line> {
    let line = |(name, of): (&str, Of)| Line { name: name.to_owned(), points: over_time::figure(report, of) };
    of.into_iter().map(line).collect()
}

fn named(rows: BTreeMap<&str, Points>) -> Vec<Line> {
    let known = rows.into_iter().filter(|(_, points)| is_known(points));
    known.map(|(name, points)| Line { name: name.to_owned(), points }).collect()
}

fn figure(out: &mut String, chart: &Chart) {
    let shown = Chart { lines: chart.lines.iter().take(LINES_MAX).cloned().collect(), ..chart.clone() };
    let Some(svg) = shown.svg() else { return };
    let _ = write!(out, "<figure>\n<figcaption>{}</figcaption>\n{svg}<ul class=\"legend\">\n", escape(chart.title));
    for (at, line) in shown.lines.iter().enumerate() {
        let color = at % COLORS;
        let mark = format!(
            "<svg viewBox=\"0 0 26 10\" aria-hidden=\"true\"><polyline class=\"c{color}\" points=\"0,5 26,5\"/></svg>"
        );
        let _ = writeln!(out, "<li>{mark}{}</li>", escape(&line.name));
    }
    if let Some(more) = chart.lines.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "<li class=\"quiet\">and {more} more, in the JSON</li>");
    }
    out.push_str("</ul>\n</figure>\n");
}
