//! The frame around every screen: header, tabs, and what the keys do.

use super::app::{App, Link, Screen};
use super::drop_rates::DropRates;
use super::{connections, interfaces, ledger, requests, rig, talkers};
use crate::units;
use netrig_model::{DropClass, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};

impl App {
    /// Draws the whole view. The scroll position is brought back to where there is something to see.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let [header, tabs, body, footer] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
                .areas(frame.area());
        self.draw_header(frame, header);
        self.draw_tabs(frame, tabs);
        self.draw_body(frame, body);
        self.draw_footer(frame, footer);
    }

    fn draw_header(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut spans = vec![Span::styled("netrig", self.theme.title())];
        if let Some(s) = &self.snapshot {
            spans.push(Span::raw(format!(
                " {}  {}  window {}  up {}",
                s.version,
                s.host,
                units::duration(s.window_ns),
                units::duration(s.taken.0.saturating_sub(s.started.0))
            )));
        }
        let state = match (&self.link, self.paused) {
            (Link::Lost(_), _) => Span::styled(" no answer, trying again ", self.theme.bad()),
            (_, true) => Span::styled(" paused ", self.theme.warn()),
            (Link::Connecting, _) => Span::styled(" asking … ", self.theme.quiet()),
            (Link::Up, _) => Span::styled(" live ", self.theme.good()),
        };
        let taken = Line::from(spans.clone()).width() + state.width();
        spans.extend(self.drops(usize::from(area.width).saturating_sub(taken)));
        frame.render_widget(Line::from(spans), area);
        frame.render_widget(Paragraph::new(Line::from(state)).alignment(Alignment::Right), area);
    }

    /// What is dropped now: by class, without what is harmless, or in one sum, as there is room.
    fn drops(&self, room: usize) -> Vec<Span<'static>> {
        let Some(DropRates(rates)) = &self.rates.drops else { return Vec::new() };
        let word = |class: Option<DropClass>| class.map_or("unknown", DropClass::as_str);
        let style = |class| match class {
            Some(DropClass::Error | DropClass::Resource) => self.theme.bad(),
            Some(DropClass::Harmless) => self.theme.quiet(),
            _ => self.theme.warn(),
        };
        let named = |rates: &[(Option<DropClass>, f64)]| {
            let mut spans = vec![Span::raw("  drops: ")];
            for (at, (class, rate)) in rates.iter().enumerate() {
                spans.push(Span::raw(if at == 0 { "" } else { ", " }));
                spans.push(Span::styled(format!("{} {}", word(*class), units::few_per_second(*rate)), style(*class)));
            }
            spans
        };
        let bad: Vec<_> = rates.iter().copied().filter(|(class, _)| *class != Some(DropClass::Harmless)).collect();
        let sum = |rates: &[(Option<DropClass>, f64)]| {
            let all: f64 = rates.iter().map(|(_, rate)| rate).sum();
            let style = rates.first().map_or(self.theme.quiet(), |(class, _)| style(*class));
            vec![Span::styled(format!("  drops: {}", units::few_per_second(all)), style)]
        };
        let choices = match (rates.is_empty(), bad.is_empty()) {
            (true, _) => vec![vec![Span::styled("  no drops", self.theme.quiet())]],
            (_, true) => vec![named(rates), sum(rates)],
            _ => vec![named(rates), named(&bad), sum(&bad)],
        };
        choices.into_iter().find(|spans| Line::from(spans.clone()).width() <= room).unwrap_or_default()
    }

    fn draw_tabs(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut spans = Vec::new();
        for (number, screen) in (1..).zip(Screen::ALL) {
            let text = format!(" {number} {} ", screen.title());
            let style = if screen == self.screen { self.theme.chosen() } else { self.theme.quiet() };
            spans.push(Span::styled(text, style));
            spans.push(Span::raw(" "));
        }
        frame.render_widget(Line::from(spans), area);
    }

    fn draw_body(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let Some(snapshot) = self.snapshot.take() else {
            return self.draw_waiting(frame, area);
        };
        match self.screen {
            Screen::Talkers => talkers::draw(self, frame, area),
            Screen::Connections => connections::draw(self, &snapshot, frame, area),
            Screen::Interfaces => interfaces::draw(self, &snapshot, frame, area),
            Screen::Ledger => ledger::draw(self, &snapshot, frame, area),
            Screen::Rig => rig::draw(self, &snapshot, frame, area),
            Screen::Requests => requests::draw(self, &snapshot, frame, area),
        }
        self.snapshot = Some(snapshot);
    }

    fn draw_waiting(&self, frame: &mut Frame<'_>, area: Rect) {
        let text = match &self.link {
            Link::Lost(reason) => format!(
                "\nNo rig answers at {}:\n{reason}\n\nStart one with `netrig run`, or name another with --url. Trying again every second.",
                self.source
            ),
            Link::Connecting | Link::Up => format!("\nAsking the rig at {} …", self.source),
        };
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), area);
    }

    fn draw_footer(&self, frame: &mut Frame<'_>, area: Rect) {
        let line = if self.typing {
            Line::from(vec![Span::styled("filter: ", self.theme.title()), Span::raw(format!("{}▏", self.filter))])
        } else {
            let filter = if self.filter.is_empty() { String::new() } else { format!("  filter: {}", self.filter) };
            let reason = match &self.link {
                Link::Lost(reason) if self.snapshot.is_some() => format!("  {reason}"),
                _ => String::new(),
            };
            let keys = format!("q quit  Tab screen  s sort: {}  p pause  / filter{filter}", self.sort.title());
            Line::from(vec![Span::styled(keys, self.theme.quiet()), Span::styled(reason, self.theme.bad())])
        };
        frame.render_widget(line, area);
    }

    /// A table that scrolls, under its headings; a heading that begins with `>` stands over numbers. Columns are as wide
    /// as what they hold.
    pub(crate) fn draw_table(&mut self, frame: &mut Frame<'_>, area: Rect, headings: &[&str], rows: Vec<Vec<Text>>) {
        let room = usize::from(area.height.saturating_sub(1));
        self.scroll = self.scroll.min(rows.len().saturating_sub(room));
        self.draw_rows(frame, area, headings, &rows, self.scroll);
    }

    /// The same, from this row on.
    pub(crate) fn draw_rows(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        headings: &[&str],
        rows: &[Vec<Text>],
        from: usize,
    ) {
        let room = usize::from(area.height.saturating_sub(1));
        let titles: Vec<Text> =
            headings.iter().map(|h| text(h.trim_start_matches('>').to_owned()).style(self.theme.heading())).collect();
        let width = |column: usize| {
            let cells = rows.iter().chain([&titles]).filter_map(|row| row.get(column));
            Constraint::Length(
                cells.map(|c| u16::try_from(c.text.chars().count()).unwrap_or(u16::MAX)).max().unwrap_or(0),
            )
        };
        let widths: Vec<Constraint> = (0..headings.len()).map(width).collect();
        let shown: Vec<Row<'_>> = rows.iter().skip(from).take(room).map(|cells| line(cells, headings)).collect();
        frame.render_widget(Table::new(shown, widths).header(line(&titles, headings)).column_spacing(1), area);
    }
}

fn line<'a>(cells: &'a [Text], headings: &[&str]) -> Row<'a> {
    Row::new(cells.iter().zip(headings).map(|(cell, h)| cell.cell(h.starts_with('>'))))
}

/// What a cell says, and how.
pub(crate) struct Text {
    text: String,
    style: Style,
}

/// A cell in the usual style.
pub(crate) fn text(text: impl Into<String>) -> Text {
    Text { text: text.into(), style: Style::new() }
}

impl Text {
    pub(crate) fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    fn cell(&self, number: bool) -> Cell<'_> {
        let alignment = if number { Alignment::Right } else { Alignment::Left };
        Cell::from(Line::from(self.text.as_str()).alignment(alignment)).style(self.style)
    }
}

/// The hour, minute and second of an instant, UTC.
pub(crate) fn clock(snapshot: &Snapshot, at: netrig_model::Timestamp) -> String {
    let day = |t: netrig_model::Timestamp| t.to_string().chars().take(10).collect::<String>();
    let text = at.to_string();
    let time: String = text.chars().skip(11).take(8).collect();
    if day(at) == day(snapshot.taken) { time } else { format!("{} {time}", day(at)) }
}
