//! The tables of the page.

use crate::report::escape::escape;
use crate::report::figures::{self, share};
use crate::report::lost;
use crate::report::model::{Limit, Percentiles, Report, Stage};
use crate::report::series::ratio;
use crate::report::text::{is_slower, rounds_words};
use netrig_view::units::{bytes, count, microseconds};
use std::fmt::Write;

/// Which side a column's cells stand on.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Text,
    Number,
}
use Side::{Number, Text};

fn table(out: &mut String, columns: &[(&str, Side)], rows: &[Vec<String>]) {
    let class = |side: Side| if side == Text { " class=\"text\"" } else { "" };
    out.push_str("<div class=\"scroll\"><table>\n<thead><tr>");
    for (title, side) in columns {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(*side), escape(title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (cell, (_, side)) in row.iter().zip(columns) {
            let _ = write!(out, "<td{}>{}</td>", class(*side), escape(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

pub(super) fn losses(out: &mut String, report: &Report) {
    let losses = lost::by_name(report);
    if losses.is_empty() {
        return;
    }
    let sent = report.traffic.sent_packets as f64;
    let rows: Vec<Vec<String>> = losses
        .iter()
        .map(|loss| {
            let part = if loss.unit == "packets" { share(ratio(loss.count as f64, sent)) } else { "–".to_owned() };
            vec![loss.stage.to_string(), loss.what.clone(), count(loss.count), loss.unit.clone(), part]
        })
        .collect();
    out.push_str("<h2>Lost or left out, by name</h2>\n");
    table(
        out,
        &[("where", Text), ("why", Text), ("how many", Number), ("of what", Text), ("of those sent", Number)],
        &rows,
    );
}

pub(super) fn ledger(out: &mut String, report: &Report) {
    out.push_str(
        "<h2>The ledger</h2>\n<p class=\"quiet\">seen = told + overflow + not IP + sampled out − extrapolated; \
                  what is left over is the imbalance, and anything but 0 is a bug.</p>\n",
    );
    let optional = |packets: Option<u64>| packets.map_or_else(|| "–".to_owned(), count);
    let rows: Vec<Vec<String>> = report
        .ledger
        .iter()
        .map(|row| {
            vec![
                row.iface.clone(),
                row.direction.as_str().to_owned(),
                count(row.seen_packets),
                bytes(row.seen_bytes),
                count(row.told_packets),
                count(row.overflow_packets),
                count(row.not_ip_packets),
                count(row.sampled_out_packets),
                count(row.extrapolated_packets),
                optional(row.policy_packets),
                row.imbalance_packets.to_string(),
                optional(row.unaccounted_packets),
            ]
        })
        .collect();
    let columns = [
        ("interface", Text),
        ("direction", Text),
        ("seen", Number),
        ("bytes", Number),
        ("told", Number),
        ("overflow", Number),
        ("not IP", Number),
        ("sampled out", Number),
        ("extrapolated", Number),
        ("policy", Number),
        ("imbalance", Number),
        ("unaccounted", Number),
    ];
    table(out, &columns, &rows);
}

pub(super) fn victim(out: &mut String, report: &Report) {
    out.push_str("<h2>The victim</h2>\n");
    let Some(victim) = &report.victim else {
        out.push_str("<p>What other traffic felt of it was not measured.</p>\n");
        return;
    };
    match victim.p99_ratio_median.filter(|ratio| ratio.is_finite()) {
        Some(ratio) => {
            let class = if is_slower(victim) { " class=\"bad\"" } else { "" };
            let (slower, rounds) = (figures::change(ratio - 1.0), rounds_words(victim));
            let _ = writeln!(out, "<p{class}>p99 with the rig against without: {slower} ({rounds}).</p>");
        }
        None => out.push_str("<p>How much slower it was with the rig is not known.</p>\n"),
    }
    let us = |us: f64| microseconds(us.max(0.0).round() as u64);
    let row = |name: &str, of: &Percentiles| {
        vec![name.to_owned(), count(of.count), us(of.p50_us), us(of.p99_us), us(of.p999_us)]
    };
    let rows = [row("without the rig", &victim.off), row("with it", &victim.on)];
    table(out, &[("round trips", Text), ("count", Number), ("p50", Number), ("p99", Number), ("p99.9", Number)], &rows);
    let rounds: Vec<Vec<String>> = (victim.rounds.iter().enumerate())
        .map(|(at, round)| {
            let times = format!("{:.3}", ratio(round.on_p99_us, round.off_p99_us));
            vec![(at + 1).to_string(), us(round.off_p99_us), us(round.on_p99_us), times]
        })
        .collect();
    table(out, &[("round", Number), ("p99 without", Number), ("p99 with", Number), ("times", Number)], &rounds);
}

pub(super) fn limit(out: &mut String, limit: &Limit) {
    let rows: Vec<Vec<String>> = (limit.steps.iter())
        .map(|step| {
            let first = step.first_loss.map_or("–", Stage::as_str).to_owned();
            vec![count(step.pps), count(step.lost_packets), first]
        })
        .collect();
    table(out, &[("packets/s", Number), ("lost", Number), ("first at", Text)], &rows);
}
