//! The busiest moment of each of the last seconds, of each interface.

use super::app::App;
use super::interfaces::subtitle;
use crate::spark::block;
use crate::table::shorten;
use crate::units::{bits_per_second, nanoseconds, percent};
use netrig_model::{BurstInterface, BurstStatus, Direction};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Seconds that are shown where there is room.
const SECONDS_MAX: usize = 60;
/// Peak and share of the link, with their gaps.
const NUMBERS_WIDTH: usize = 22;
const NAME_WIDTH_MAX: usize = 15;
const WAY_WIDTH: usize = 7;
/// From these shares of the link on, a second is warm, and hot.
const WARM: f64 = 0.5;
const HOT: f64 = 0.9;

/// Lines that the strips of so many interfaces and directions need.
pub(super) fn height(strips: usize) -> u16 {
    if strips == 0 { 0 } else { u16::try_from(strips + 2).unwrap_or(u16::MAX) }
}

/// A strip for each, a character for each second: as high as its busiest bucket among the strip's, as warm as that is of the link.
pub(super) fn draw(app: &App, bursts: &BurstStatus, strips: &[&BurstInterface], frame: &mut Frame<'_>, area: Rect) {
    let name_width = strips.iter().map(|s| s.iface.chars().count()).max().unwrap_or(0).min(NAME_WIDTH_MAX);
    let others = name_width + WAY_WIDTH + 2 + NUMBERS_WIDTH;
    let seconds = usize::from(area.width).saturating_sub(others).min(SECONDS_MAX);
    let bucket = nanoseconds(bursts.bucket_ns);
    let title = format!("Busiest {bucket} of each of {seconds} s; the highest, and its share of the link");
    let mut lines = vec![Line::default(), Line::from(subtitle(app, title))];
    lines.extend(strips.iter().map(|strip| line(app, strip, name_width, seconds)));
    frame.render_widget(Paragraph::new(lines), area);
}

fn line(app: &App, strip: &BurstInterface, name_width: usize, seconds: usize) -> Line<'static> {
    let name = shorten(&strip.iface, name_width);
    let way = strip.direction.map_or("-", Direction::as_str);
    let shown = &strip.peaks[strip.peaks.len().saturating_sub(seconds)..];
    let highest = shown.iter().copied().max().unwrap_or(0);
    let of_link = |bits: u64| strip.link_bits_per_second.filter(|link| *link > 0).map(|link| bits as f64 / link as f64);
    let mut spans = vec![Span::raw(format!("{name:<name_width$} {way:<WAY_WIDTH$} "))];
    spans.push(Span::raw(" ".repeat(seconds - shown.len())));
    let heat = |bits: u64| match of_link(bits) {
        Some(share) if share >= HOT => app.theme.bad(),
        Some(share) if share >= WARM => app.theme.warn(),
        _ => app.theme.bar(),
    };
    spans.extend(shown.iter().map(|bits| Span::styled(block(*bits, highest).to_string(), heat(*bits))));
    let share = of_link(highest).map_or_else(|| "-".to_owned(), percent);
    let numbers = format!(" {:>12} {share:>7}", bits_per_second(highest as f64));
    spans.push(Span::styled(numbers, if highest == 0 { app.theme.quiet() } else { Style::new() }));
    Line::from(spans)
}
