//! Requests: how many of each kind, how they go, and which servers they go to.

use super::app::{App, Sort};
use super::draw::{Text, text};
use super::interfaces::subtitle;
use super::request_rates::{RequestLine, Server};
use crate::table::shorten;
use crate::units::{bytes, count, duration, few_per_second as rate, microseconds};
use netrig_model::{Histogram, PayloadCounts, PayloadStatus, ProbeState, RequestKind, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// From this width on names have room, and lines more numbers.
const WIDE: u16 = 100;
/// Who has no line of his own.
const OTHERS: &str = "others";

pub(crate) fn draw(app: &mut App, snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let Some(payload) = &snapshot.payload else {
        let why = Paragraph::new(nothing(snapshot)).wrap(Wrap { trim: false });
        return frame.render_widget(why, area);
    };
    let wide = area.width >= WIDE;
    let kinds = kind_rows(app, wide);
    let heights = [
        Constraint::Length(u16::try_from(kinds.len() + 1).unwrap_or(u16::MAX)),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(2),
        Constraint::Length(1),
    ];
    let [top, _, title, servers, bottom] = Layout::vertical(heights).areas(area);
    app.draw_rows(frame, top, &headings("KIND", wide), &kinds, 0);
    frame.render_widget(servers_title(app, snapshot), title);
    draw_servers(app, wide, frame, servers);
    frame.render_widget(Line::from(copies(app, payload)), bottom);
}

/// Why there is nothing to see, and what to do about it.
fn nothing(snapshot: &Snapshot) -> String {
    match snapshot.probes.iter().find(|p| p.name == "payload") {
        Some(probe) if probe.state == ProbeState::Failed => format!("\nThe payload probe has failed: {}", probe.detail),
        Some(probe) if probe.state != ProbeState::Off => "\nThe payload probe has seen nothing yet.".to_owned(),
        _ => "\nRequests are not looked at. To see them, switch that on in the configuration, and start the rig again:\n\n\
              \u{20}   [payload]\n    enabled = true"
            .to_owned(),
    }
}

fn headings(first: &'static str, wide: bool) -> Vec<&'static str> {
    let mut headings = vec![first, ">RATE", ">FAILED", ">MEDIAN", ">99 %", ">TOTAL", ">FAILED"];
    if wide {
        headings.extend([">UNANSWERED", ">ASKED AGAIN"]);
    }
    headings
}

fn kind_rows(app: &App, wide: bool) -> Vec<Vec<Text>> {
    let row = |kind: &RequestKind| {
        let line = app.rates.requests.lines.iter().find(|line| line.kind == *kind && line.server.is_none());
        line.map_or_else(
            || vec![text(kind.as_str()).style(app.theme.quiet())],
            |line| row(app, kind.as_str(), line, wide),
        )
    };
    RequestKind::ALL.iter().map(row).collect()
}

fn servers_title(app: &App, snapshot: &Snapshot) -> Line<'static> {
    let since = app.rates.requests.recent_since.map(|since| snapshot.taken.0.saturating_sub(since.0));
    let span = since.map_or_else(|| "since the start".to_owned(), |ns| format!("of the last {}", duration(ns)));
    Line::from(subtitle(app, format!("Servers: resolvers, TLS names, HTTP hosts; median and 99 % {span}")))
}

fn draw_servers(app: &mut App, wide: bool, frame: &mut Frame<'_>, area: Rect) {
    let name = |server: &Server| server.clone().unwrap_or_else(|| OTHERS.to_owned());
    let lines = app.rates.requests.lines.iter().filter_map(|line| Some((name(line.server.as_ref()?), line)));
    let mut lines: Vec<_> = lines.filter(|(name, line)| app.wanted(&[name, line.kind.as_str()])).collect();
    if lines.is_empty() {
        let nothing = if app.filter.is_empty() { "none yet" } else { "none that the filter lets through" };
        return frame.render_widget(Span::styled(nothing, app.theme.quiet()), area);
    }
    lines.sort_by(|a, b| compare(app.sort, a, b));
    let width = if wide { 48 } else { 24 };
    let named = |(name, line): &(String, &RequestLine)| {
        let name = format!("{:<5} {}", line.kind.as_str(), shorten(name, width));
        row(app, &name, line, wide)
    };
    let rows: Vec<_> = lines.iter().map(named).collect();
    app.draw_table(frame, area, &headings("SERVER", wide), rows);
}

/// `packets` orders by what failed: of requests nobody counts packets.
fn compare(sort: Sort, a: &(String, &RequestLine), b: &(String, &RequestLine)) -> std::cmp::Ordering {
    let by = match sort {
        Sort::Rate => b.1.rate.requests.total_cmp(&a.1.rate.requests),
        Sort::Packets => b.1.all.failed.cmp(&a.1.all.failed),
        Sort::Total => std::cmp::Ordering::Equal,
        Sort::Name => a.0.cmp(&b.0),
    };
    by.then_with(|| b.1.all.requests.cmp(&a.1.all.requests)).then_with(|| (&a.0, a.1.kind).cmp(&(&b.0, b.1.kind)))
}

fn row(app: &App, name: &str, line: &RequestLine, wide: bool) -> Vec<Text> {
    let now = if line.rate.failed > 0.0 { app.theme.bad() } else { app.theme.quiet() };
    let mut row = vec![
        text(name),
        text(format!("{:>6}", rate(line.rate.requests))),
        text(format!("{:>6}", rate(line.rate.failed))).style(now),
    ];
    // What was quiet for a minute shows what it was before, and that it is old.
    let (shown, style) = match line.recent.latency.count() {
        0 => (&line.all.latency, app.theme.quiet()),
        _ => (&line.recent.latency, Style::new()),
    };
    row.extend([0.5, 0.99].map(|share| text(quantile(shown, share)).style(style)));
    row.push(text(count(line.all.requests)));
    row.push(text(count(line.all.failed)).style(now));
    if wide {
        row.extend([line.all.unanswered, line.all.retries].map(|n| text(count(n))));
    }
    row
}

/// As wide as it can be, so that columns stand still from second to second.
fn quantile(histogram: &Histogram, share: f64) -> String {
    let us = histogram.quantile_s(share).map(|s| (s * 1e6).round() as u64);
    format!("{:>7}", us.map_or_else(|| "-".to_owned(), microseconds))
}

/// What requests are read from.
fn copies(app: &App, payload: &PayloadStatus) -> Vec<Span<'static>> {
    let PayloadCounts { copied, lost, no_room, .. } = payload.counts;
    vec![
        Span::raw(format!("{} packets copied, ", count(copied))),
        Span::styled(
            format!("{} lost", count(lost.saturating_add(no_room))),
            app.theme.zero_is_good(lost.saturating_add(no_room)),
        ),
        Span::raw(format!(
            "; {} flows, {} waiting, {} names, {}",
            count(payload.flows),
            count(payload.pending),
            count(payload.names),
            bytes(payload.bytes)
        )),
    ]
}
