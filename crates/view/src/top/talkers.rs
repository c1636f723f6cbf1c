//! Who talks to whom, and how much.

use super::app::{App, Sort};
use super::draw::text;
use super::rates::Talker;
use crate::bar::bar;
use crate::table::shorten;
use crate::units;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;
use ratatui::widgets::Paragraph;

const BAR_WIDTH: u16 = 10;

/// From this width on, both ways have a rate of their own.
const WIDE: u16 = 100;

pub(crate) fn draw(app: &mut App, frame: &mut Frame<'_>, area: Rect) {
    let name = |ip: Option<std::net::IpAddr>| ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let wanted =
        |t: &&Talker| app.wanted(&[&name(t.pair.src), &name(t.pair.dst), t.pair.iface.as_deref().unwrap_or("")]);
    let mut talkers: Vec<&Talker> = app.rates.talkers.iter().filter(wanted).filter(|t| t.bits() > 0.0).collect();
    if talkers.is_empty() {
        let nothing = if app.filter.is_empty() {
            "\nNo traffic since the last look."
        } else {
            "\nNothing that the filter lets through."
        };
        return frame.render_widget(Paragraph::new(nothing), area);
    }
    talkers.sort_by(|a, b| compare(app.sort, a, b).then_with(|| a.pair.cmp(&b.pair)));
    let most = talkers.iter().map(|t| t.bits()).fold(0.0, f64::max);
    let wide = area.width >= WIDE;
    let words = address_width(area.width);
    let row = |t: &&Talker| {
        let mut row = vec![
            text(shorten(&name(t.pair.src), words)),
            text(shorten(&name(t.pair.dst), words)),
            text(bar(t.bits() / most, BAR_WIDTH.into())).style(app.theme.bar()),
        ];
        if wide {
            row.push(text(rate(t.sent.bits)));
            row.push(text(rate(t.received.bits)));
        } else {
            row.push(text(rate(t.bits())));
        }
        row.extend([
            text(format!("{:>7}", units::per_second(t.packets()))),
            text(format!("{:>8}", units::bytes(t.total.bytes()))),
            text(t.pair.iface.clone().unwrap_or_default()),
        ]);
        row
    };
    let rows = talkers.iter().map(row).collect();
    let headings: &[&str] = if wide {
        &["SRC", "DST", "RATE", ">SENT", ">RECEIVED", ">PKT", ">TOTAL", "IFACE"]
    } else {
        &["SRC", "DST", "RATE", ">", ">PKT", ">TOTAL", "IFACE"]
    };
    let [body, note] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(u16::from(app.left_out > 0))]).areas(area);
    app.draw_table(frame, body, headings, rows);
    let left_out = format!(
        "{} live records of more than {} pairs are not told apart here",
        units::count(app.left_out),
        units::count(super::PAIRS_MAX as u64)
    );
    frame.render_widget(Span::styled(left_out, app.theme.warn()), note);
}

/// As wide as a rate can be, so that columns stand still from second to second.
fn rate(bits: f64) -> String {
    format!("{:>11}", units::bits_per_second(bits))
}

/// Room for an address: what the other columns leave, up to the longest IPv6 address.
fn address_width(width: u16) -> usize {
    let rates = if width >= WIDE { 11 + 11 + 2 } else { 11 + 1 };
    let others = BAR_WIDTH + rates + 7 + 8 + 8 + 5;
    usize::from(width.saturating_sub(others) / 2).clamp(8, 39)
}

fn compare(sort: Sort, a: &Talker, b: &Talker) -> std::cmp::Ordering {
    match sort {
        Sort::Rate => b.bits().total_cmp(&a.bits()),
        Sort::Packets => b.packets().total_cmp(&a.packets()),
        Sort::Total => b.total.bytes().cmp(&a.total.bytes()).then(b.total.packets().cmp(&a.total.packets())),
        Sort::Name => std::cmp::Ordering::Equal,
    }
}
