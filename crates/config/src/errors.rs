//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;
use std::ops::Range;

/// Everything that is wrong, in the order of the file, the environment last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// The key it is about, as `section.key`; `None` when it is about no key.
    pub key: Option<String>,
    /// What was found and what is expected, as a sentence.
    pub message: String,
}

/// Where in the configuration something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole: it could not be read.
    File(String),
    /// A place in the file.
    Line {
        /// The file's name.
        file: String,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// The line, and how many characters of it are meant; `None` when the line is too long to show.
        excerpt: Option<(String, usize)>,
    },
    /// An environment variable.
    Variable(String),
}

impl Place {
    /// Longer lines are not repeated in messages.
    const EXCERPT_CHARS_MAX: usize = 120;

    /// The place of `span` (bytes) in `text`.
    #[must_use]
    pub fn in_text(file: &str, text: &str, span: &Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let shown = text[line_start..line_end].trim_end_matches('\r');
        let end = floor_char_boundary(text, span.end).clamp(start, line_end);
        let marked = text[start..end].trim_end().chars().count().max(1);
        // A tab or an escape sequence would shift the mark or speak to the terminal.
        let clean: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self::Line {
            file: file.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            excerpt: (shown.chars().count() <= Self::EXCERPT_CHARS_MAX).then_some((clean, marked)),
        }
    }

    /// The line, where there is one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        if let Self::Line { line, .. } = self { Some(*line) } else { None }
    }

    /// Order of messages: the file from its top, then the environment.
    #[must_use]
    pub fn order(&self) -> (u8, usize, usize) {
        match self {
            Self::File(_) => (0, 0, 0),
            Self::Line { line, column, .. } => (1, *line, *column),
            Self::Variable(_) => (2, 0, 0),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(file) => write!(f, "{file}: {}", self.message),
            Place::Variable(variable) => write!(f, "environment variable {variable}: {}", self.message),
            Place::Line { file, line, column, excerpt } => {
                write!(f, "{file}, line {line}, column {column}: {}", self.message)?;
                let Some((text, marked)) = excerpt else { return Ok(()) };
                let gutter = line.to_string().len();
                write!(f, "\n  {line} | {text}\n  {:gutter$} | {:>2$}", "", "", column - 1)?;
                write!(f, "{}", "^".repeat(*marked))
            }
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
impl std::error::Error for ConfigErrors {}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_place_in_any_text_can_be_shown(text in "[a\u{e9}\t\n\r=\"\u{1b}]{0,30}", a in 0usize..40, b in 0usize..40) {
            let place = Place::in_text("rig.toml", &text, &(a.min(b)..a.max(b)));
            let shown = ConfigError { place, key: None, message: "wrong".to_owned() }.to_string();
            let escapes = shown.contains('\u{1b}');
            prop_assert!(!escapes);
        }
    }
}
