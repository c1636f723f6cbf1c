//! The account of the last closed window.

use super::app::App;
use super::draw::{Text, clock, text};
use super::interfaces::subtitle;
use crate::units::count;
use netrig_model::{LedgerRecord, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub(crate) fn draw(app: &mut App, snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let Some(first) = snapshot.ledger.first() else {
        let nothing = "\nNo window has closed yet: the first account comes with the end of the first window.";
        return frame.render_widget(Paragraph::new(nothing), area);
    };
    let [title, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let (from, to) = (clock(snapshot, first.window_start), clock(snapshot, first.window_end));
    let account = format!("{from} to {to} UTC, packets: seen = told + overflow + not IP + sampled out");
    frame.render_widget(Line::from(subtitle(app, account)), title);
    // A column of what policies removed is for hosts that have one.
    let policy = snapshot.ledger.iter().any(|r| r.policy_packets.is_some());
    let rows = snapshot.ledger.iter().filter(|r| wanted(app, r)).map(|r| row(app, r, policy)).collect();
    let mut headings = vec!["IFACE", "WAY", ">SEEN", ">TOLD", ">OVERFLOW", ">NOT IP", ">IMBALANCE"];
    headings.extend(policy.then_some(">POLICY"));
    headings.extend([">UNACCOUNTED", ">UNSENT"]);
    app.draw_table(frame, body, &headings, rows);
}

fn wanted(app: &App, record: &LedgerRecord) -> bool {
    app.wanted(&[record.iface.as_deref().unwrap_or(""), record.direction.map_or("", |d| d.as_str())])
}

fn row(app: &App, r: &LedgerRecord, policy: bool) -> Vec<Text> {
    let optional = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), count);
    let theme = app.theme;
    let mut cells = vec![
        text(r.iface.as_deref().unwrap_or("-")),
        text(r.direction.map_or("-", |d| d.as_str())),
        text(count(r.seen_packets)),
        text(count(r.told_packets)),
        text(count(r.overflow_packets)).style(theme.zero_is_good(r.overflow_packets)),
        text(count(r.not_ip_packets)),
        text(r.imbalance_packets.to_string()).style(theme.zero_is_good(r.imbalance_packets.unsigned_abs())),
    ];
    cells.extend(policy.then(|| text(optional(r.policy_packets))));
    cells.extend([
        text(optional(r.unaccounted_packets)).style(theme.zero_is_good(r.unaccounted_packets.unwrap_or(0))),
        text(optional(r.unsent_packets)),
    ]);
    cells
}
