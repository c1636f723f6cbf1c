//! Interfaces: what passes, through which hook, and whether all of it was seen.

use super::app::{App, Sort};
use super::draw::{Text, text};
use super::peaks;
use super::rates::Rate;
use crate::units;
use netrig_model::{BurstInterface, InterfaceStatus, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;

pub(crate) fn draw(app: &mut App, snapshot: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
    let rate = |i: &InterfaceStatus| {
        app.rates.interfaces.get(&(i.iface.clone(), i.ifindex, i.direction)).copied().unwrap_or_default()
    };
    let mut lines: Vec<(&InterfaceStatus, Rate)> = snapshot
        .interfaces
        .iter()
        .filter(|i| app.wanted(&[&i.iface, i.direction.as_str(), &i.hook]))
        .map(|i| (i, rate(i)))
        .collect();
    let name = |i: &InterfaceStatus| (i.iface.clone(), i.ifindex, i.direction);
    lines.sort_by(|(a, ra), (b, rb)| {
        let by = match app.sort {
            Sort::Rate => rb.bits.total_cmp(&ra.bits),
            Sort::Packets => rb.packets.total_cmp(&ra.packets),
            Sort::Total => b.counts.seen.bytes.cmp(&a.counts.seen.bytes),
            Sort::Name => std::cmp::Ordering::Equal,
        };
        by.then_with(|| name(a).cmp(&name(b)))
    });
    let rows: Vec<Vec<Text>> = lines.iter().map(|(i, rate)| row(app, i, *rate)).collect();
    let headings = ["IFACE", "WAY", "HOOK", ">RATE", ">PKT", ">SEEN", ">DROPPED", ">UNACCOUNTED"];
    let bursts = snapshot.bursts.as_ref();
    let strip = |i: &InterfaceStatus| {
        bursts?.interfaces.iter().find(|b| b.iface == i.iface && b.direction == Some(i.direction))
    };
    let strips: Vec<&BurstInterface> = lines.iter().filter_map(|(i, _)| strip(i)).collect();
    let table_height = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    let strips_height = peaks::height(strips.len()).min(area.height / 2);
    let heights = [
        Constraint::Length(table_height.min(area.height - strips_height)),
        Constraint::Length(strips_height),
        Constraint::Min(0),
    ];
    let [table, below, _] = Layout::vertical(heights).areas(area);
    app.draw_table(frame, table, &headings, rows);
    if let Some(bursts) = bursts.filter(|_| !strips.is_empty()) {
        peaks::draw(app, bursts, &strips[app.scroll.min(strips.len())..], frame, below);
    }
}

fn row(app: &App, i: &InterfaceStatus, rate: Rate) -> Vec<Text> {
    let gone = i.hook.is_empty();
    let hook = if gone { "gone".to_owned() } else { i.hook.clone() };
    let dropped = i.kernel.map_or_else(|| "-".to_owned(), |k| units::count(k.dropped));
    let unaccounted = match i.kernel {
        Some(_) => (units::count(i.unaccounted_packets), app.theme.zero_is_good(i.unaccounted_packets)),
        None => ("-".to_owned(), app.theme.quiet()),
    };
    let usual = if gone { app.theme.quiet() } else { Style::new() };
    let plain = |cell: String| text(cell).style(usual);
    vec![
        plain(i.iface.clone()),
        plain(i.direction.to_string()),
        plain(hook),
        plain(units::bits_per_second(rate.bits)),
        plain(units::per_second(rate.packets)),
        plain(units::bytes(i.counts.seen.bytes)),
        plain(dropped),
        text(unaccounted.0).style(unaccounted.1),
    ]
}

/// Text in the style of a heading within a screen.
pub(crate) fn subtitle(app: &App, text: String) -> Span<'static> {
    Span::styled(text, app.theme.heading())
}
