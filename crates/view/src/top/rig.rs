//! What the rig costs, and how its parts fare.

use super::app::App;
use super::interfaces::subtitle;
use crate::bar::bar;
use crate::units::{bytes, count};
use netrig_model::{
    DrainStatus, OverheadStatus, ProbeState, ProbeStatus, RemoteWriteStatus, Snapshot, StoreStatus, TableStatus,
    TcpTableStatus,
};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

const BAR_WIDTH: usize = 20;

pub(crate) fn draw(app: &mut App, snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::from(subtitle(app, "Probes".to_owned()))];
    lines.extend(snapshot.probes.iter().map(|p| probe(app, p)));
    lines.extend(snapshot.overhead.as_ref().and_then(|overhead| cost(app, overhead)));
    lines.push(Line::default());
    lines.push(Line::from(subtitle(app, "Flow tables in the kernel".to_owned())));
    for table in &snapshot.tables {
        lines.extend(flow_table(app, table));
    }
    lines.push(Line::default());
    if let Some(tcp) = &snapshot.tcp {
        lines.push(Line::from(subtitle(app, "Connection table in the kernel".to_owned())));
        lines.extend(connection_table(app, &tcp.table));
        lines.push(Line::default());
    }
    lines.push(Line::from(subtitle(app, "User space".to_owned())));
    lines.extend(user_space(app, &snapshot.drain));
    lines.push(Line::default());
    lines.push(Line::from(subtitle(app, "Store".to_owned())));
    lines.extend(store(app, snapshot.store.as_ref()));
    if let Some(sending) = &snapshot.remote_write {
        lines.push(Line::default());
        lines.push(Line::from(subtitle(app, "Remote write".to_owned())));
        lines.extend(remote_write(app, sending));
    }
    app.scroll = app.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    let offset = u16::try_from(app.scroll).unwrap_or(u16::MAX);
    frame.render_widget(Paragraph::new(lines).scroll((offset, 0)), area);
}

fn probe(app: &App, probe: &ProbeStatus) -> Line<'static> {
    let (word, style) = match probe.state {
        ProbeState::Running => ("running", app.theme.good()),
        ProbeState::Degraded => ("degraded", app.theme.warn()),
        ProbeState::Failed => ("failed", app.theme.bad()),
        ProbeState::Off => ("off", app.theme.quiet()),
    };
    Line::from(vec![
        Span::raw(format!("  {:<10}", probe.name)),
        Span::styled(format!("{word:<10}"), style),
        Span::raw(probe.detail.clone()),
    ])
}

/// Of the machine, against its budget; none until it has been measured.
fn cost(app: &App, overhead: &OverheadStatus) -> Option<Line<'static>> {
    let (ratio, budget) = (overhead.ratio?, overhead.cpu_budget_ratio);
    let style = if ratio > budget { app.theme.warn() } else { app.theme.good() };
    let down = match overhead.governor.level {
        0 => String::new(),
        down => format!(", {down} turned down to keep it"),
    };
    Some(Line::from(vec![
        Span::raw(format!("  {:<10}", "cost")),
        Span::styled(format!("{:.3} % of the machine", ratio * 100.0), style),
        Span::raw(format!(", budget {:.3} %{down}", budget * 100.0)),
    ]))
}

fn flow_table(app: &App, table: &TableStatus) -> [Line<'static>; 2] {
    let (evictions, spills) = (count(table.evictions), count(table.spills));
    let fate = Line::from(vec![
        Span::raw(format!("  {:<10}evicted {evictions}, told by the outbox {spills}, ", "")),
        Span::styled(format!("overflow {}", count(table.overflows)), app.theme.zero_is_good(table.overflows)),
    ]);
    [fill(app, &table.family, table.entries, table.capacity, table.bytes), fate]
}

fn connection_table(app: &App, table: &TcpTableStatus) -> [Line<'static>; 2] {
    let fate = Line::from(vec![
        Span::raw(format!("  {:<10}found open {}, evicted {}, ", "", count(table.adopted), count(table.evicted))),
        Span::styled(format!("untracked {}", count(table.untracked)), app.theme.zero_is_good(table.untracked)),
        Span::raw(", "),
        Span::styled(format!("lost {}", count(table.lost)), app.theme.zero_is_good(table.lost)),
    ]);
    [fill(app, "tcp", table.entries, table.capacity, table.bytes), fate]
}

/// How full a table is.
fn fill(app: &App, name: &str, entries: u64, capacity: u64, memory: u64) -> Line<'static> {
    let share = share(entries, capacity);
    Line::from(vec![
        Span::raw(format!("  {name:<10}")),
        Span::styled(format!("{:<BAR_WIDTH$}", bar(share, BAR_WIDTH)), app.theme.bar()),
        Span::raw(format!(
            " {:>4.0} %  {} of {} entries, {}",
            share * 100.0,
            count(entries),
            count(capacity),
            bytes(memory)
        )),
    ])
}

fn user_space(app: &App, drain: &DrainStatus) -> [Line<'static>; 3] {
    let share = share(drain.flows, drain.flows_capacity);
    [
        Line::from(format!(
            "  {:<10}{:.2} % of a core, {:.1} passes/s, {:.0} deltas/s",
            "drain",
            app.rates.drain_cpu * 100.0,
            app.rates.scans,
            app.rates.deltas
        )),
        Line::from(vec![
            Span::raw(format!("  {:<10}", "flows")),
            Span::styled(format!("{:<BAR_WIDTH$}", bar(share, BAR_WIDTH)), app.theme.bar()),
            Span::raw(format!(
                " {:>4.0} %  {} of {}, {} told early",
                share * 100.0,
                count(drain.flows),
                count(drain.flows_capacity),
                count(drain.flows_evicted)
            )),
        ]),
        Line::from(format!("  {:<10}{} resident", "memory", bytes(drain.resident_bytes))),
    ]
}

fn store(app: &App, store: Option<&StoreStatus>) -> Vec<Line<'static>> {
    let Some(store) = store else { return vec![Line::from("  off")] };
    let state = if store.writing {
        Span::styled("writing", app.theme.good())
    } else {
        Span::styled("not writing", app.theme.bad())
    };
    let mut lines = vec![
        Line::from(vec![Span::raw(format!("  {:<10}", "state")), state, Span::raw(format!(" to {}", store.dir))]),
        Line::from(format!(
            "  {:<10}{} in {} files, {} retired",
            "disk",
            bytes(store.bytes),
            count(store.files),
            count(store.files_retired)
        )),
        Line::from(vec![
            Span::raw(format!("  {:<10}{} written, ", "rows", count(store.rows_written))),
            Span::styled(format!("{} lost", count(store.rows_lost)), app.theme.zero_is_good(store.rows_lost)),
        ]),
    ];
    if !store.detail.is_empty() {
        lines.push(Line::from(Span::styled(format!("  {}", store.detail), app.theme.warn())));
    }
    lines
}

fn remote_write(app: &App, sending: &RemoteWriteStatus) -> Vec<Line<'static>> {
    let lost = sending.dropped + sending.rejected;
    let mut lines = vec![
        Line::from(format!("  {:<10}{}", "server", sending.url)),
        Line::from(vec![
            Span::raw(format!(
                "  {:<10}{} sent, {} wait, ",
                "samples",
                count(sending.sent),
                count(sending.queue_samples)
            )),
            Span::styled(format!("{} lost", count(lost)), app.theme.zero_is_good(lost)),
        ]),
    ];
    if !sending.detail.is_empty() {
        lines.push(Line::from(Span::styled(format!("  {}", sending.detail), app.theme.warn())));
    }
    lines
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
