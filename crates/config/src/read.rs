//! From the text of a file to assignments, and everything in it that is none.

use crate::errors::{ConfigError, Place};
use crate::nearest::nearest;
use crate::settings::{SECTIONS, SETTINGS, Setting};
use crate::triggers::{self, Trigger};
use crate::value::{Found, FoundValue};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The one list of tables.
const TRIGGERS: &str = "recorder.trigger";

/// A value for a setting, and where it comes from.
pub(crate) struct Assignment {
    pub(crate) setting: &'static Setting,
    pub(crate) found: Found,
    pub(crate) place: Place,
}

/// Reads `text`, which `file` names in messages.
pub(crate) fn assignments(text: &str, file: &str, errors: &mut Vec<ConfigError>) -> (Vec<Assignment>, Vec<Trigger>) {
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, file, errors: Vec::new(), assignments: Vec::new(), triggers: Vec::new() };
    reader.table("", table.get_ref());
    let Reader { errors: mut ours, mut assignments, triggers, .. } = reader;

    // One message a line of broken syntax: what else is said of that line follows from the first.
    let mut broken_lines = BTreeSet::new();
    for error in syntax_errors {
        let place = Place::in_text(file, text, &error.span().unwrap_or(0..0));
        if broken_lines.insert(place.line()) {
            errors.push(ConfigError { place, key: None, message: syntax_message(error.message()) });
        }
    }
    if !broken_lines.is_empty() {
        // The rest is judged as far as it stands by itself: what the parser made up has no extent, and below a broken
        // section header nobody knows whose keys they are.
        broken_lines.extend(lines_below_broken_headers(text, &broken_lines));
        assignments.retain(|a| !a.found.span.is_empty() && !broken_lines.contains(&a.place.line()));
        ours.retain(|e| !broken_lines.contains(&e.place.line()));
    }
    errors.append(&mut ours);
    (assignments, triggers)
}

fn lines_below_broken_headers(text: &str, broken: &BTreeSet<Option<usize>>) -> Vec<Option<usize>> {
    let mut below = false;
    let numbered = text.lines().enumerate().map(|(i, line)| (Some(i + 1), line));
    let unsure = numbered.filter(|(number, line)| {
        if line.trim_start().starts_with('[') {
            below = broken.contains(number);
        }
        below
    });
    unsure.map(|(number, _)| number).collect()
}

/// The parser's words on one line.
fn syntax_message(message: &str) -> String {
    let words = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ");
    format!("not TOML: {words}")
}

struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    errors: Vec<ConfigError>,
    assignments: Vec<Assignment>,
    triggers: Vec<Trigger>,
}

impl Reader<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        Place::in_text(self.file, self.text, span)
    }

    fn refuse(&mut self, span: &Range<usize>, key: &str, message: String) {
        let place = self.place(span);
        self.errors.push(ConfigError { place, key: Some(key.to_owned()), message });
    }

    /// Reads the table at `section`; the whole file is the table at "".
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            if let Some(setting) = SETTINGS.iter().find(|s| s.path == path) {
                let place = self.place(&value.span());
                self.assignments.push(Assignment { setting, found: found_of(value), place });
            } else if path == TRIGGERS {
                self.triggers(value);
            } else if is_section(&path) {
                match value.get_ref() {
                    DeValue::Table(inner) => self.table(&path, inner),
                    other => {
                        let kind = if other.is_array() { "list" } else { other.type_str() };
                        self.refuse(
                            &key.span(),
                            &path,
                            format!("`{path}` is a section, found a value ({kind}): write [{path}] and its keys below"),
                        );
                    }
                }
            } else {
                let message = unknown_message(section, name, matches!(value.get_ref(), DeValue::Table(_)));
                self.refuse(&key.span(), &path, message);
            }
        }
    }
}

impl Reader<'_> {
    fn triggers(&mut self, value: &toml::Spanned<DeValue<'_>>) {
        let tables = value.get_ref().as_array().map(|items| items.iter().map(|item| (item.span(), item.get_ref())));
        let tables: Option<Vec<_>> =
            tables.and_then(|items| items.map(|(span, item)| Some((span, item.as_table()?))).collect());
        let Some(tables) = tables else {
            let message =
                format!("`{TRIGGERS}` is a list of tables: write [[{TRIGGERS}]] and its keys below, once for each");
            return self.refuse(&value.span(), TRIGGERS, message);
        };
        for (span, table) in tables {
            match triggers::read(table, span, &self.triggers) {
                Ok(trigger) => self.triggers.push(trigger),
                Err(wrong) => self.refuse(&wrong.span, wrong.key.as_deref().unwrap_or(TRIGGERS), wrong.message),
            }
        }
    }
}

fn is_section(path: &str) -> bool {
    SECTIONS.iter().any(|s| s.name == path || s.name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// `` unknown key `windw` in [rig]: did you mean `window`? ``
fn unknown_message(section: &str, name: &str, is_table: bool) -> String {
    let shown = crate::value::quoted(name);
    let shown = shown.trim_matches('"');
    if section.is_empty() && is_table {
        let sections = || SECTIONS.iter().map(|s| s.name);
        return match nearest(name, sections()) {
            Some(near) => format!("unknown section [{shown}]: did you mean [{near}]?"),
            None => format!("unknown section [{shown}]: known are {}", listed(sections().map(|s| format!("[{s}]")))),
        };
    }
    let place = if section.is_empty() { "above the first section".to_owned() } else { format!("in [{section}]") };
    let here = || SETTINGS.iter().filter(|s| s.section() == section).map(Setting::key);
    if let Some(near) = nearest(name, here()) {
        return format!("unknown key `{shown}` {place}: did you mean `{near}`?");
    }
    if let Some(elsewhere) = SETTINGS.iter().find(|s| s.key() == name) {
        return format!("unknown key `{shown}` {place}: it belongs in [{}]", elsewhere.section());
    }
    if let Some(near) = nearest(name, SETTINGS.iter().map(Setting::key)) {
        let of = SETTINGS.iter().find(|s| s.key() == near).map_or("", Setting::section);
        return format!("unknown key `{shown}` {place}: did you mean `{near}` in [{of}]?");
    }
    if section.is_empty() {
        return format!("unknown key `{shown}` {place}: every key stands in a section, such as [rig]");
    }
    format!("unknown key `{shown}` {place}: known are {}", listed(here().map(|key| format!("`{key}`"))))
}

fn listed(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// A parsed value in the few kinds that settings take.
pub(crate) fn found_of(value: &toml::Spanned<DeValue<'_>>) -> Found {
    let span = value.span();
    let value = match value.get_ref() {
        DeValue::String(text) => FoundValue::Text(text.clone().into_owned()),
        DeValue::Boolean(b) => FoundValue::Bool(*b),
        DeValue::Integer(n) => FoundValue::Number(n.to_string()),
        DeValue::Float(n) => FoundValue::Number(n.to_string()),
        DeValue::Datetime(t) => FoundValue::Other("a date or time", t.to_string()),
        DeValue::Array(items) => FoundValue::List(items.iter().map(found_of).collect()),
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(key, value)| (key.get_ref().clone().into_owned(), found_of(value)));
            FoundValue::Table(pairs.collect())
        }
    };
    Found { value, span }
}
