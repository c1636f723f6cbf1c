//! Aligned columns, cut to the terminal's width without cutting a number.

use std::fmt::Write;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Where its cells stand.
    pub align: Align,
    /// The narrowest it may be cut to; 0: it is never cut (numbers).
    pub width_min: usize,
    /// Left out where there is no room for all, those with the highest number first, of equals the last; 0: never.
    pub optional: u8,
    /// What it should have before others are kept that can be left out, and its weight where words have to give.
    pub width_good: usize,
    /// Whether what does not fit is cut off its end, as of sentences, and not out of its middle.
    pub cut_end: bool,
}

impl Column {
    /// A column of numbers, never cut.
    #[must_use]
    pub fn number(title: &str) -> Self {
        let title = title.to_owned();
        Self { title, align: Align::Right, width_min: 0, optional: 0, width_good: usize::MAX, cut_end: false }
    }

    /// A column of words, cut in the middle down to `width_min` where there is no room.
    #[must_use]
    pub fn text(title: &str, width_min: usize) -> Self {
        Self { align: Align::Left, width_min, ..Self::number(title) }
    }

    /// The same, content with `width`.
    #[must_use]
    pub fn good_at(self, width: usize) -> Self {
        Self { width_good: width, ..self }
    }

    /// The same, cut off its end.
    #[must_use]
    pub fn sentence(self) -> Self {
        Self { cut_end: true, ..self }
    }

    /// The same, left out where there is no room.
    #[must_use]
    pub fn optional(self) -> Self {
        self.optional_before(0)
    }

    /// The same, left out before those of `rank` and below.
    #[must_use]
    pub fn optional_before(self, rank: u8) -> Self {
        Self { optional: rank.saturating_add(1), ..self }
    }
}

/// How a table is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Characters in a line; none: as wide as it gets (a file, a pipe).
    pub width: Option<usize>,
    /// Whether ANSI colours may be used.
    pub color: bool,
}

impl Style {
    /// A line that says something beside.
    pub(crate) fn dimmed(self, line: &str) -> String {
        if self.color { format!("{DIM}{line}{PLAIN}") } else { line.to_owned() }
    }
}

/// Rows under headings. All cells lie in one text, so that a table of a million rows is not millions of allocations.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    cells: String,
    /// Where each cell ends.
    ends: Vec<usize>,
    /// The widest cell of each column.
    widths: Vec<usize>,
    /// Lines below rows: which row, and what they say.
    notes: Vec<(usize, String)>,
    /// Rows that should be seen first, in order.
    alarms: Vec<usize>,
    footer: Option<String>,
}

const GAP: usize = 2;
/// What a line below a row begins with.
const INDENT: &str = "    ";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        let widths = columns.iter().map(|c| c.title.chars().count()).collect();
        Self {
            columns,
            cells: String::new(),
            ends: Vec::new(),
            widths,
            notes: Vec::new(),
            alarms: Vec::new(),
            footer: None,
        }
    }

    /// Adds a row; it has a cell for every column.
    pub fn push(&mut self, row: &[String]) {
        debug_assert_eq!(row.len(), self.columns.len());
        for (cell, width) in row.iter().zip(&mut self.widths) {
            self.cells.extend(cell.chars().map(printable));
            self.ends.push(self.cells.len());
            *width = (*width).max(cell.chars().count());
        }
    }

    /// Says something below the last row, in as many lines as it needs.
    pub fn push_note(&mut self, note: &str) {
        let row = self.rows().saturating_sub(1);
        self.notes.push((row, note.chars().map(printable).collect()));
    }

    /// The last row tells of something that went wrong: where there are colours, it has one.
    pub fn alarm(&mut self) {
        self.alarms.push(self.rows().saturating_sub(1));
    }

    /// A line under the table.
    pub fn set_footer(&mut self, footer: String) {
        self.footer = Some(footer);
    }

    /// The table as text.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let mut out = String::new();
        self.render_lines(style, &mut |line| {
            out.push_str(line);
            out.push('\n');
        });
        out
    }

    /// The table line by line, for tables that should not stand in memory twice.
    pub fn render_lines(&self, style: Style, sink: &mut dyn FnMut(&str)) {
        let widths = self.fit(style.width);
        let (bold, dim, plain) = if style.color { (BOLD, DIM, PLAIN) } else { ("", "", "") };
        let titles = self.line(self.columns.iter().map(|c| c.title.as_str()), &widths);
        sink(&format!("{bold}{titles}{plain}"));
        let mut cells = self.cells();
        let mut notes = self.notes.iter().peekable();
        let mut alarms = self.alarms.iter().peekable();
        for row in 0..self.rows() {
            let line = self.line(cells.by_ref().take(self.columns.len()), &widths);
            let alarming = alarms.next_if(|at| **at == row).is_some();
            if alarming && style.color {
                sink(&format!("{RED}{line}{PLAIN}"))
            } else {
                sink(&line)
            }
            while let Some((_, note)) = notes.next_if(|(at, _)| *at == row) {
                let room = style.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT.len()));
                for line in wrapped(note, room) {
                    sink(&format!("{dim}{INDENT}{line}{plain}"));
                }
            }
        }
        if let Some(footer) = &self.footer {
            sink(&format!("{dim}{footer}{plain}"));
        }
    }

    fn rows(&self) -> usize {
        self.ends.len() / self.columns.len().max(1)
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.cells[start..*end])
    }

    /// The width of each column; none for one that is left out.
    fn fit(&self, width: Option<usize>) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> = self.widths.iter().copied().map(Some).collect();
        let Some(room) = width else { return widths };
        let good = |widths: &[Option<usize>]| {
            total(widths.iter().zip(&self.columns).map(|(width, c)| width.map(|w| w.min(c.width_good))))
        };
        let mut optional: Vec<usize> = (0..widths.len()).filter(|i| self.columns[*i].optional > 0).collect();
        optional.sort_by_key(|i| (self.columns[*i].optional, *i));
        while good(&widths) > room
            && let Some(last) = optional.pop()
        {
            widths[last] = None;
        }
        // The widest of those that may shrink gives first, so that one long name does not starve the others; of those that
        // say what is good for them, the one that is nearest to it or farthest beyond.
        while total(widths.iter().copied()) > room {
            let shrinkable = |i: &usize| {
                widths[*i].is_some_and(|w| self.columns[*i].width_min > 0 && w > self.columns[*i].width_min)
            };
            let share = |i: &usize| widths[*i].unwrap_or(0) as f64 / self.columns[*i].width_good as f64;
            let most = (0..widths.len()).filter(shrinkable).max_by(|a, b| share(a).total_cmp(&share(b)));
            let Some(widest) = most else { break };
            widths[widest] = widths[widest].map(|w| w - 1);
        }
        widths
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, widths: &[Option<usize>]) -> String {
        let mut out = String::new();
        for ((cell, width), column) in cells.zip(widths).zip(&self.columns) {
            let Some(width) = *width else { continue };
            if !out.is_empty() {
                out.push_str(&" ".repeat(GAP));
            }
            let cell = if column.cut_end { cut(cell, width) } else { shorten(cell, width) };
            let _ = match column.align {
                Align::Left => write!(out, "{cell:<width$}"),
                Align::Right => write!(out, "{cell:>width$}"),
            };
        }
        out.truncate(out.trim_end().len());
        out
    }
}

fn total(widths: impl Iterator<Item = Option<usize>>) -> usize {
    let (sum, shown) = widths.flatten().fold((0, 0usize), |(sum, shown), width| (sum + width, shown + 1));
    sum + GAP * shown.saturating_sub(1)
}

/// `text` in lines of at most `width` characters, broken between words; a word that is longer has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let more = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + more <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + more;
            }
            _ => {
                lines.push(word.to_owned());
                length = more;
            }
        }
    }
    lines
}

/// `text` in at most `width` characters, its end left out.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.extend((width > 0).then_some('…'));
    out
}

/// `text` in at most `width` characters: what is left out of the middle is shown as `…`, so that an address keeps its port.
#[must_use]
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(length - tail));
    out
}

/// A cell must not move the cursor, whatever a process, an interface or a stranger's server calls itself.
pub(crate) fn printable(c: char) -> char {
    if moves(c) { '\u{fffd}' } else { c }
}

/// Whether a terminal obeys this character rather than show it: what controls it, what turns the direction of writing, and
/// what has no width and so hides.
pub(crate) fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Table {
        let mut table = Table::new(vec![
            Column::text("SRC", 8),
            Column::text("DST", 8),
            Column::number("BYTES"),
            Column::number("SENT").optional(),
        ]);
        table.push(&["10.0.0.1:43210".into(), "[2001:db8:aaaa:bbbb::1]:443".into(), "1.50 MB".into(), "1.0 MB".into()]);
        table.push(&["10.0.0.2:53".into(), "x".into(), "10 B".into(), "5 B".into()]);
        table
    }

    #[test]
    fn wide_enough_shows_all() {
        let want = "SRC             DST                            BYTES    SENT\n\
                    10.0.0.1:43210  [2001:db8:aaaa:bbbb::1]:443  1.50 MB  1.0 MB\n\
                    10.0.0.2:53     x                               10 B     5 B\n";
        assert_eq!(sample().render(Style::default()), want);
    }

    #[test]
    fn narrow_leaves_out_the_optional_then_cuts_words_in_the_middle() {
        let want = "SRC             DST              BYTES\n\
                    10.0.0.1:43210  [2001:…1]:443  1.50 MB\n\
                    10.0.0.2:53     x                 10 B\n";
        let got = sample().render(Style { width: Some(38), color: false });
        assert_eq!(got.lines().map(|l| l.chars().count()).max(), Some(38), "{got}");
        assert_eq!(got, want);
    }

    #[test]
    fn what_is_content_with_less_keeps_others_and_sentences_lose_their_end() {
        let mut table = Table::new(vec![
            Column::text("NAME", 4).good_at(6),
            Column::number("AGE").optional(),
            Column::number("SENT").optional_before(1),
            Column::text("WHY", 8).good_at(12).sentence(),
        ]);
        table.push(&["a long name".into(), "5s".into(), "1 B".into(), "a sentence that is long".into()]);
        let lines = |width| {
            let text = table.render(Style { width: Some(width), color: false });
            text.lines().nth(1).map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(lines(46), "a long name   5s   1 B  a sentence that is lo…");
        assert_eq!(lines(31), "a l…me   5s   1 B  a sentence …");
        assert_eq!(lines(29), "a l…ame   5s  a sentence tha…");
        assert_eq!(lines(18), "a …me  a sentence…");
    }

    #[test]
    fn notes_stand_below_their_rows_and_are_broken_between_words() {
        let mut table = Table::new(vec![Column::text("NAME", 4), Column::number("N")]);
        table.push(&["a".into(), "1".into()]);
        table.push_note("a note of several words");
        table.push_note("another\x1b");
        table.push(&["b".into(), "2".into()]);
        let want = "NAME  N\na     1\n    a note of\n    several\n    words\n    another\u{fffd}\nb     2\n";
        assert_eq!(table.render(Style { width: Some(14), color: false }), want);
        assert!(table.render(Style::default()).contains("    a note of several words\n"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut table = Table::new(vec![Column::text("NAME", 4)]);
        table.push(&["\x1b[2Jevil".into()]);
        table.push(&["gpj.\u{202e}exe\u{9b}2J\u{200b}".into()]);
        table.push_note("\u{feff}note");
        let text = table.render(Style::default());
        assert!(!text.chars().any(|c| c != '\n' && moves(c)), "{text:?}");
    }

    #[test]
    fn a_row_that_alarms_is_red_where_there_are_colours() {
        let mut table = Table::new(vec![Column::text("NAME", 4)]);
        table.push(&["fine".into()]);
        table.push(&["lost".into()]);
        table.alarm();
        let colored = table.render(Style { width: None, color: true });
        assert!(colored.contains("\nfine\n\x1b[31mlost\x1b[0m\n"), "{colored:?}");
        assert!(!table.render(Style::default()).contains('\x1b'));
    }

    proptest! {
        #[test]
        fn numbers_are_never_cut(width in 0usize..120) {
            let text = sample().render(Style { width: Some(width), color: false });
            prop_assert!(text.contains("1.50 MB") && text.contains("10 B"), "{}", text);
            prop_assert!(text.lines().all(|l| l.chars().count() <= width.max(27)), "{}", text);
        }
    }
}
