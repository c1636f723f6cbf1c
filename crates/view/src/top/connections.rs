//! The host's TCP: what is open, what fails, how fast its services are, and who does not accept.

use super::app::{App, Sort};
use super::draw::{Text, text};
use super::interfaces::subtitle;
use super::tcp_rates::{failures, key};
use crate::bar::bar;
use crate::table::shorten;
use crate::units::{bytes, count, duration, few_per_second as rate, microseconds};
use netrig_model::{Histogram, KernelTcp, ListenerStatus, ProbeState, Role, ServiceStatus, Snapshot, TcpStatus};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use std::net::SocketAddr;

/// From this width on, services have their totals, and listeners whom they belong to.
const WIDE: u16 = 100;
const BAR_WIDTH: usize = 6;
/// What is in the way of connections when so much of an accept queue is taken.
const QUEUE_SHARE_HIGH: f64 = 0.5;

pub(crate) fn draw(app: &mut App, snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let Some(tcp) = &snapshot.tcp else {
        let why = Paragraph::new(nothing(snapshot)).wrap(Wrap { trim: false });
        return frame.render_widget(why, area);
    };
    let summary = summary(app, tcp);
    let listeners = listener_rows(app, tcp, area.width >= WIDE);
    let heights = [
        Constraint::Length(u16::try_from(summary.len()).unwrap_or(u16::MAX)),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(u16::from(!listeners.is_empty())),
        Constraint::Max(u16::try_from(listeners.len() + 1).unwrap_or(u16::MAX).min(area.height / 3)),
    ];
    let [top, title, services, _, bottom] = Layout::vertical(heights).areas(area);
    frame.render_widget(Paragraph::new(summary), top);
    frame.render_widget(services_title(app, snapshot), title);
    draw_services(app, tcp, frame, services);
    if !listeners.is_empty() {
        let headings = ["LISTENER", "ACCEPT QUEUE", ">WAITING", ">SYNS", ">DROPS", ">RESENT", "PROCESS"];
        app.draw_rows(frame, bottom, &headings, &listeners, 0);
    }
}

/// Why there is nothing to see, and what to do about it.
fn nothing(snapshot: &Snapshot) -> String {
    match snapshot.probes.iter().find(|p| p.name == "tcp") {
        Some(probe) if probe.state == ProbeState::Failed => format!("\nThe TCP probe has failed: {}", probe.detail),
        Some(probe) if probe.state != ProbeState::Off => "\nThe TCP probe has seen nothing yet.".to_owned(),
        _ => "\nThe TCP probe is off. To see connections, switch it on in the configuration, and start the rig again:\n\n\
              \u{20}   [tcp]\n    enabled = true"
            .to_owned(),
    }
}

fn summary(app: &App, tcp: &TcpStatus) -> Vec<Line<'static>> {
    let rates = &app.rates.tcp;
    let [client, server] = rates.opened.map(rate);
    let failed = failures(tcp);
    let mut lines = vec![
        named("open", vec![Span::raw(open(tcp))]),
        named(
            "new",
            vec![
                Span::raw(format!("{client} as client, {server} as server; ")),
                Span::styled(
                    format!("failed {}, {} in all", rate(rates.failed), count(failed)),
                    app.theme.zero_is_good(failed),
                ),
            ],
        ),
        named("sent again", counts(app, &tcp.retransmits, |cause| rates.retransmits.get(cause).copied())),
        named("errors", counts(app, &tcp.errors, |name| rates.errors.get(name).copied())),
        named("resets", resets(app, tcp)),
    ];
    lines.extend(tcp.kernel.as_ref().map(|k| named("kernel", kernel(app, k))));
    let table = &tcp.table;
    if table.evicted + table.untracked + table.lost > 0 {
        let missed = format!(
            "{} made room for others, {} found none, {} ended unseen",
            count(table.evicted),
            count(table.untracked),
            count(table.lost)
        );
        lines.push(named("not told", vec![Span::styled(missed, app.theme.warn())]));
    }
    lines
}

fn named(name: &str, mut spans: Vec<Span<'static>>) -> Line<'static> {
    spans.insert(0, Span::raw(format!("{name:<12}")));
    Line::from(spans)
}

/// Open connections by state, the most frequent first.
fn open(tcp: &TcpStatus) -> String {
    let mut states: Vec<_> = tcp.open.iter().filter(|(_, n)| *n > 0).collect();
    states.sort_by_key(|(state, n)| (std::cmp::Reverse(*n), *state));
    let total: u64 = states.iter().map(|(_, n)| n).sum();
    let by_state: Vec<String> = states.iter().map(|(state, n)| format!("{} {}", count(*n), state.as_str())).collect();
    let colon = if by_state.is_empty() { "" } else { ": " };
    format!("{}{colon}{}; {} half open", count(total), by_state.join(", "), count(tcp.half_open))
}

/// Counts since the start by name, those that come now first, each with its rate.
fn counts(app: &App, all: &[(String, u64)], rate_of: impl Fn(&str) -> Option<f64>) -> Vec<Span<'static>> {
    let mut all: Vec<(&str, u64, f64)> =
        all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name.as_str(), *n, rate_of(name).unwrap_or(0.0))).collect();
    if all.is_empty() {
        return vec![Span::styled("none", app.theme.quiet())];
    }
    all.sort_by(|a, b| b.2.total_cmp(&a.2).then(b.1.cmp(&a.1)).then(a.0.cmp(b.0)));
    let one = |(at, (name, n, now)): (usize, &(&str, u64, f64))| {
        let comma = if at == 0 { "" } else { ", " };
        let style = if *now > 0.0 { app.theme.warn() } else { Style::new() };
        let now = if *now > 0.0 { format!(" ({})", rate(*now)) } else { String::new() };
        [Span::raw(comma), Span::styled(format!("{name} {}{now}", count(*n)), style)]
    };
    all.iter().enumerate().flat_map(one).collect()
}

fn resets(app: &App, tcp: &TcpStatus) -> Vec<Span<'static>> {
    let rates = &app.rates.tcp;
    let sent: u64 = tcp.resets_sent.iter().map(|(_, n)| n).sum();
    let mut spans = vec![Span::raw(format!(
        "received {} ({}), sent {} ({})",
        count(tcp.resets_received),
        rate(rates.resets_received),
        count(sent),
        rate(rates.resets_sent)
    ))];
    if sent > 0 {
        spans.push(Span::raw(": "));
        spans.extend(counts(app, &tcp.resets_sent, |_| None));
    }
    spans
}

/// The kernel's own counts. They began before the rig: what is new since the view began stands out.
fn kernel(app: &App, k: &KernelTcp) -> Vec<Span<'static>> {
    let first = app.rates.tcp.kernel_first.unwrap_or(*k);
    let bad = |what: &str, n: u64, first: u64| {
        let more = n.saturating_sub(first);
        let more = if more > 0 { format!(" (+{})", count(more)) } else { String::new() };
        let style = if more.is_empty() { Style::new() } else { app.theme.bad() };
        [Span::raw(format!("{what} ")), Span::styled(format!("{}{more}", count(n)), style), Span::raw(", ")]
    };
    let mut spans: Vec<Span<'static>> = Vec::new();
    spans.extend(bad("overflows", k.listen_overflows, first.listen_overflows));
    spans.extend(bad("drops", k.listen_drops, first.listen_drops));
    spans.extend(bad("SYN queue", k.syn_queue_drops, first.syn_queue_drops));
    spans.extend(bad("cookies", k.syn_cookies, first.syn_cookies));
    spans.push(Span::raw(format!(
        "time_wait {}, orphans {}, {}",
        count(k.time_wait),
        count(k.orphans),
        bytes(k.memory_bytes)
    )));
    spans
}

fn services_title(app: &App, snapshot: &Snapshot) -> Line<'static> {
    let since = app.rates.tcp.recent_since.map(|since| snapshot.taken.0.saturating_sub(since.0));
    let span = since.map_or_else(|| "since the start".to_owned(), |ns| format!("of the last {}", duration(ns)));
    let explained = format!("Services: median and 99 % {span}; WIRE is acknowledged without data");
    Line::from(subtitle(app, explained))
}

struct Service<'a> {
    name: String,
    status: &'a ServiceStatus,
    recent: &'a ServiceStatus,
    per_second: f64,
}

fn draw_services(app: &mut App, tcp: &TcpStatus, frame: &mut Frame<'_>, area: Rect) {
    let wide = area.width >= WIDE;
    let rates = &app.rates.tcp;
    // What is beyond the cap is a line only where there is something.
    let any = |s: &&ServiceStatus| s.role.is_some() || s.connections > 0 || s.rtt.count() > 0;
    let mut services: Vec<Service<'_>> = tcp
        .services
        .iter()
        .filter(any)
        .map(|status| Service {
            name: status.name(),
            status,
            recent: rates.recent.get(&key(status)).unwrap_or(status),
            per_second: rates.services.get(&key(status)).copied().unwrap_or(0.0),
        })
        .filter(|s| app.wanted(&[&s.name, s.status.role.map_or("", Role::as_str)]))
        .collect();
    if services.is_empty() {
        let nothing = if app.filter.is_empty() { "none yet" } else { "none that the filter lets through" };
        return frame.render_widget(Span::styled(nothing, app.theme.quiet()), area);
    }
    services.sort_by(|a, b| compare(app.sort, a, b));
    let rows: Vec<Vec<Text>> = services.iter().map(|s| service_row(app, s, wide)).collect();
    let mut headings = vec!["SERVICE", ">NEW", ">CONNECT", ">99 %", ">RTT", ">99 %", ">WIRE", ">99 %"];
    if wide {
        headings.splice(2..2, [">TOTAL", ">TRIPS"]);
    }
    app.draw_table(frame, area, &headings, rows);
}

/// `packets` orders by round trips, which is what of packets the probe sees.
fn compare(sort: Sort, a: &Service<'_>, b: &Service<'_>) -> std::cmp::Ordering {
    let trips = |s: &Service<'_>| s.recent.rtt.count();
    let total = |s: &Service<'_>| s.status.connections;
    let by = match sort {
        Sort::Rate => b.per_second.total_cmp(&a.per_second).then_with(|| trips(b).cmp(&trips(a))),
        Sort::Packets => trips(b).cmp(&trips(a)),
        Sort::Total => total(b).cmp(&total(a)),
        Sort::Name => std::cmp::Ordering::Equal,
    };
    by.then_with(|| key(a.status).cmp(&key(b.status)))
}

fn service_row(app: &App, s: &Service<'_>, wide: bool) -> Vec<Text> {
    let mut row = vec![text(shorten(&s.name, if wide { 47 } else { 21 })), text(format!("{:>6}", rate(s.per_second)))];
    if wide {
        row.push(text(count(s.status.connections)));
        row.push(text(count(s.recent.rtt.count())));
    }
    let pairs = [
        (&s.recent.connect, &s.status.connect),
        (&s.recent.rtt, &s.status.rtt),
        (&s.recent.rtt_pure, &s.status.rtt_pure),
    ];
    for (recent, all) in pairs {
        // What was quiet for a minute shows what it was before, and that it is old.
        let (shown, style) = if recent.count() > 0 { (recent, Style::new()) } else { (all, app.theme.quiet()) };
        row.extend([0.5, 0.99].map(|share| text(quantile(shown, share)).style(style)));
    }
    row
}

fn listener_rows(app: &App, tcp: &TcpStatus, wide: bool) -> Vec<Vec<Text>> {
    let share = |l: &ListenerStatus| f64::from(l.accept_queue) / f64::from(l.accept_queue_max.max(1));
    let name = |l: &ListenerStatus| SocketAddr::new(l.addr, l.port).to_string();
    let wanted = |l: &&ListenerStatus| {
        let (process, container) = (l.process.as_deref().unwrap_or(""), l.container.as_deref().unwrap_or(""));
        app.wanted(&[&name(l), process, container])
    };
    let mut listeners: Vec<&ListenerStatus> = tcp.listeners.iter().filter(wanted).collect();
    // Trouble first.
    listeners.sort_by(|a, b| {
        let new = |l| app.rates.tcp.new_drops(l);
        new(b)
            .cmp(&new(a))
            .then(share(b).total_cmp(&share(a)))
            .then((a.port, a.addr, a.netns).cmp(&(b.port, b.addr, b.netns)))
    });
    let row = |l: &&ListenerStatus| {
        let full = if share(l) >= QUEUE_SHARE_HIGH { app.theme.warn() } else { app.theme.bar() };
        let process = l.process.as_deref().unwrap_or("-");
        let owner = match (&l.pid, &l.container) {
            (Some(pid), Some(container)) if wide => format!("{process} {pid} in {}", shorten(container, 30)),
            (Some(pid), _) if wide => format!("{process} {pid}"),
            _ => process.to_owned(),
        };
        vec![
            text(shorten(&name(l), if wide { 47 } else { 21 })),
            text(bar(share(l), BAR_WIDTH)).style(full),
            text(format!("{} of {}", count(l.accept_queue.into()), count(l.accept_queue_max.into()))),
            text(count(l.syn_queue.into())),
            text(count(l.drops)).style(app.theme.zero_is_good(app.rates.tcp.new_drops(l))),
            text(count(l.syn_ack_retransmits)),
            text(owner),
        ]
    };
    listeners.iter().map(row).collect()
}

/// As wide as it can be, so that columns stand still from second to second.
fn quantile(histogram: &Histogram, share: f64) -> String {
    let us = histogram.quantile_s(share).map(|s| (s * 1e6).round() as u64);
    format!("{:>7}", us.map_or_else(|| "-".to_owned(), microseconds))
}
