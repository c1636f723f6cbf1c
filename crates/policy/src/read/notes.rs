//! What is wrong, collected while reading goes on.

use netrig_config::{ConfigError, ConfigErrors, Place};
use std::collections::BTreeSet;
use std::ops::Range;

/// Something that is to be said of a place in the policy file.
struct Note {
    span: Range<usize>,
    key: Option<String>,
    message: String,
    /// It may be only because something else is broken: what is missing may be what could not be read.
    follows: bool,
}

/// All that is to be said of a policy file.
pub(super) struct Notes<'a> {
    text: &'a str,
    /// Where lines begin.
    line_starts: Vec<usize>,
    problems: Vec<Note>,
    /// Problems in other files.
    elsewhere: Vec<ConfigError>,
    warnings: Vec<Note>,
}

impl<'a> Notes<'a> {
    /// More errors than these are counted and not told.
    const SHOWN_MAX: usize = 200;

    pub(super) fn new(text: &'a str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, line_starts, problems: Vec::new(), elsewhere: Vec::new(), warnings: Vec::new() }
    }

    /// The line of a place, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    pub(super) fn refuse(&mut self, span: Range<usize>, key: Option<String>, message: String) {
        self.problems.push(Note { span, key, message, follows: false });
    }

    /// Says what is wrong only if the file is TOML throughout.
    pub(super) fn refuse_if_whole(&mut self, span: Range<usize>, key: Option<String>, message: String) {
        self.problems.push(Note { span, key, message, follows: true });
    }

    pub(super) fn refuse_elsewhere(&mut self, error: ConfigError) {
        self.elsewhere.push(error);
    }

    pub(super) fn warn(&mut self, span: Range<usize>, key: Option<String>, message: String) {
        self.warnings.push(Note { span, key, message, follows: false });
    }

    /// The warnings if nothing is wrong.
    pub(super) fn finish(
        mut self,
        file: &str,
        syntax_errors: &[toml::de::Error],
    ) -> Result<Vec<ConfigError>, ConfigErrors> {
        self.add_syntax_errors(syntax_errors);
        self.problems.sort_by_key(|note| note.span.start);
        self.warnings.sort_by_key(|note| note.span.start);
        if self.problems.is_empty() && self.elsewhere.is_empty() {
            return Ok(placed(self.text, file, self.warnings));
        }
        let more = self.problems.len().saturating_sub(Self::SHOWN_MAX);
        self.problems.truncate(Self::SHOWN_MAX);
        let mut errors = placed(self.text, file, self.problems);
        if more > 0 {
            let message = format!("and {more} more errors");
            errors.push(ConfigError { place: Place::File(file.to_owned()), key: None, message });
        }
        errors.append(&mut self.elsewhere);
        Err(ConfigErrors(errors))
    }

    /// One message a line of broken syntax: what else is said of that line follows from the first. The rest is judged as
    /// far as it stands by itself: below a broken header nobody knows whose keys they are.
    fn add_syntax_errors(&mut self, syntax_errors: &[toml::de::Error]) {
        if syntax_errors.is_empty() {
            return;
        }
        let mut broken = BTreeSet::new();
        let mut notes = Vec::new();
        for error in syntax_errors {
            let span = error.span().unwrap_or(0..0);
            if broken.insert(self.line(span.start)) {
                let message = error.message();
                let words: Vec<_> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                notes.push(Note {
                    span,
                    key: None,
                    message: format!("not TOML: {}", words.join(", ")),
                    follows: false,
                });
            }
        }
        let mut below = false;
        for (at, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with('[') {
                below = broken.contains(&(at + 1));
            }
            if below {
                broken.insert(at + 1);
            }
        }
        let starts = &self.line_starts;
        self.problems.retain(|note| {
            let line = starts.partition_point(|start| *start <= note.span.start);
            !note.follows && !note.span.is_empty() && !broken.contains(&line)
        });
        self.problems.append(&mut notes);
    }
}

fn placed(text: &str, file: &str, notes: Vec<Note>) -> Vec<ConfigError> {
    let place = |span: &Range<usize>| Place::in_text(file, text, span);
    notes.into_iter().map(|n| ConfigError { place: place(&n.span), key: n.key, message: n.message }).collect()
}
