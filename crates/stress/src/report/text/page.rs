//! Lines on a screen: never wider than it, and coloured where that is wanted.

use crate::report::over_time::Points;
use netrig_view::Style;
use netrig_view::spark::block;
use std::iter;

const WIDTH: usize = 100;
const WIDTH_MIN: usize = 60;
/// Before what belongs to a title.
const TITLE: usize = 15;
const SPARK_MAX: usize = 40;
/// Few values are drawn wider, up to so many blocks each.
const TIMES_MAX: usize = 4;
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
/// Heights are told in so many steps.
const FULL: u64 = 1_000;

pub(super) struct Page {
    width: usize,
    color: bool,
    out: String,
}

impl Page {
    pub(super) fn new(style: Style) -> Self {
        Self { width: style.width.unwrap_or(WIDTH).clamp(WIDTH_MIN, WIDTH), color: style.color, out: String::new() }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An empty line, but never two.
    pub(super) fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn push(&mut self, code: &str, text: &str) {
        let text = clipped(text.trim_end(), self.width);
        if self.color && !code.is_empty() && !text.is_empty() {
            self.out.push_str(&format!("{code}{text}{PLAIN}\n"));
        } else {
            self.out.push_str(&text);
            self.out.push('\n');
        }
    }

    pub(super) fn bold(&mut self, text: &str) {
        self.push(BOLD, text);
    }

    /// A title and what belongs to it.
    pub(super) fn titled(&mut self, title: &str, text: &str) {
        let text = clipped(text, self.width - TITLE);
        if self.color {
            self.out.push_str(&format!("{BOLD}{title:<TITLE$}{PLAIN}{}\n", text.trim_end()));
        } else {
            self.push("", &format!("{title:<TITLE$}{text}"));
        }
    }

    /// A line under a title, with a name of its own.
    pub(super) fn row(&mut self, name: &str, text: &str) {
        let name = clipped(name, TITLE - 1);
        self.push("", &format!("{name:<TITLE$}{text}"));
    }

    pub(super) fn dim(&mut self, name: &str, text: &str) {
        self.push(DIM, &format!("{name:<TITLE$}{text}"));
    }

    /// What should be seen first.
    pub(super) fn alarm(&mut self, title: &str, text: &str) {
        self.push(RED, &format!("{title:<TITLE$}{text}"));
    }

    /// A sentence in as many lines as it takes, but no more than `lines_max`.
    pub(super) fn sentence(&mut self, title: &str, text: &str, alarming: bool, lines_max: usize) {
        let room = self.width - TITLE;
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let line = lines.last_mut().map_or(0, |line| line.chars().count());
            if line > 0 && line + 1 + word.chars().count() > room {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        if lines.len() > lines_max {
            lines.truncate(lines_max);
            lines.last_mut().into_iter().for_each(|line| *line = clipped(&format!("{line} …"), room));
        }
        for (at, line) in lines.iter().enumerate() {
            let title = if at == 0 { title } else { "" };
            if alarming { self.alarm(title, line) } else { self.push(BOLD, &format!("{title:<TITLE$}{line}")) }
        }
    }

    /// A figure over the run as blocks, as high as its share of `top`, and words beside.
    pub(super) fn spark(&mut self, name: &str, points: &Points, top: f64, words: &str) {
        let width = SPARK_MAX.min(self.width / 2 - TITLE);
        let blocks = blocks(points, top, width);
        let rest = " ".repeat(width - blocks.chars().count());
        self.row(name, &format!("{blocks}{rest}  {words}"));
    }
}

/// A block for each value, or as many as make use of the width; where there are more values than that, each block is the
/// highest of its own, so that no peak is lost. What is not known is a blank.
fn blocks(points: &Points, top: f64, width: usize) -> String {
    let cells = width.min(points.len());
    let edge = |cell: usize| cell * points.len() / cells.max(1);
    let highest = |cell: usize| {
        let values = points[edge(cell)..edge(cell + 1)].iter().filter_map(|(_, value)| *value);
        values.filter(|value| value.is_finite()).max_by(f64::total_cmp)
    };
    let height = |value: f64| if top > 0.0 { ((value / top).clamp(0.0, 1.0) * FULL as f64).round() as u64 } else { 0 };
    let blocks = (0..cells).map(|cell| highest(cell).map_or(' ', |value| block(height(value), FULL)));
    let times = (width / cells.max(1)).min(TIMES_MAX);
    blocks.flat_map(|block| iter::repeat_n(block, times)).collect()
}

/// As much of it as there is room for; that something is missing is seen.
fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_peaks_and_leave_gaps() {
        let points = [Some(0.0), Some(1.0), None, Some(0.5), None, None].map(|value| (0.0, value)).to_vec();
        assert_eq!(blocks(&points, 1.0, 6), "▁█ ▅  ");
        assert_eq!(blocks(&points, 1.0, 40), "▁▁▁▁████    ▅▅▅▅        ");
        assert_eq!(blocks(&points, 1.0, 3), "█▅ ");
        assert_eq!(blocks(&points, 0.0, 2), "▁▁");
        assert_eq!(blocks(&Vec::new(), 1.0, 10), "");
    }

    #[test]
    fn a_long_sentence_is_wrapped_and_a_very_long_one_ends_visibly() {
        let mut page = Page::new(Style { width: Some(60), color: false });
        page.sentence("TITLE", &"word ".repeat(60), false, 3);
        let text = page.finish();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.ends_with("…\n"), "{text}");
    }

    #[test]
    fn there_are_never_two_gaps() {
        let mut page = Page::new(Style::default());
        page.gap();
        page.row("a", "b");
        page.gap();
        page.gap();
        assert_eq!(page.finish(), "a              b\n\n");
    }
}
