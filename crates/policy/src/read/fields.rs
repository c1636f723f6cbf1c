//! Values under known keys, of the kind that is asked for; all others are refused with what was expected.

use super::keys::{KEYS, KeyTable, PolicyKey, key, path};
use super::notes::Notes;
use netrig_config::{Glob, nearest, parse_duration};
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// A table of the file.
pub(super) struct Fields<'t> {
    pub(super) table: KeyTable,
    values: &'t DeTable<'t>,
    /// Its header or, inline, all of it.
    pub(super) span: Range<usize>,
}

/// A value, or one of a list, under a known key.
#[derive(Clone, Copy)]
pub(super) struct Field<'t> {
    key: &'static PolicyKey,
    value: &'t Spanned<DeValue<'t>>,
    /// It is one of a list.
    listed: bool,
}

/// What may be written as text or as a number.
#[derive(Clone, Copy)]
pub(super) enum Word<'t> {
    Text(&'t str),
    Number(u64),
}

impl<'t> Fields<'t> {
    /// Refuses unknown keys.
    pub(super) fn new(notes: &mut Notes<'_>, table: KeyTable, values: &'t DeTable<'t>, span: Range<usize>) -> Self {
        for name in values.keys().filter(|name| key(table, name.get_ref()).is_none()) {
            let name_path = path(table, name.get_ref());
            notes.refuse(name.span(), Some(name_path), unknown_message(table, name.get_ref()));
        }
        Self { table, values, span }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What stands under `name`.
    pub(super) fn get(&self, name: &str) -> Option<Field<'t>> {
        let key = key(self.table, name);
        debug_assert!(key.is_some(), "`{name}` is not in the list of keys");
        Some(Field { key: key?, value: self.values.get(name)?, listed: false })
    }

    /// What must stand under `name`; `or` is said beside the example of it.
    pub(super) fn require(&self, notes: &mut Notes<'_>, name: &str, or: &str) -> Option<Field<'t>> {
        let found = self.get(name);
        if let (None, Some(key)) = (found, key(self.table, name)) {
            let message = format!("{} has no `{name}`: write {name} = {}{or}", self.table.title(), key.example);
            notes.refuse_if_whole(self.span.clone(), Some(key.path()), message);
        }
        found
    }

    /// The one of two keys that stands there.
    pub(super) fn either(&self, notes: &mut Notes<'_>, one: &str, other: &str) -> Option<Field<'t>> {
        let title = self.table.title();
        match (self.get(one), self.get(other)) {
            (Some(_), Some(second)) => {
                second.refuse(notes, format!("{title} has `{one}` and `{other}`: write one of them"));
                None
            }
            (None, None) => {
                let message = format!("{title} has neither `{one}` nor `{other}`: write one of them");
                notes.refuse_if_whole(self.span.clone(), Some(self.table.path().to_owned()), message);
                None
            }
            (found, None) | (None, found) => found,
        }
    }
}

impl<'t> Field<'t> {
    pub(super) fn name(self) -> &'static str {
        self.key.name
    }

    pub(super) fn span(self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn value(self) -> &'t DeValue<'t> {
        self.value.get_ref()
    }

    /// Refuses it, in a sentence.
    pub(super) fn refuse(self, notes: &mut Notes<'_>, message: String) {
        notes.refuse(self.span(), Some(self.key.path()), message);
    }

    pub(super) fn warn(self, notes: &mut Notes<'_>, message: String) {
        notes.warn(self.span(), Some(self.key.path()), message);
    }

    /// `` `ttl` is "1x": `` and what is wrong with that.
    pub(super) fn refuse_value(self, notes: &mut Notes<'_>, problem: &str) {
        self.refuse(notes, format!("{}: {problem}", self.found()));
    }

    /// As [`Field::refuse_value`], but only if the file is TOML throughout.
    pub(super) fn refuse_value_if_whole(self, notes: &mut Notes<'_>, problem: &str) {
        let message = format!("{}: {problem}", self.found());
        notes.refuse_if_whole(self.span(), Some(self.key.path()), message);
    }

    /// `` `ttl` is "10", which has no unit ``
    pub(super) fn refuse_problem(self, notes: &mut Notes<'_>, problem: &dyn Display) {
        self.refuse(notes, format!("{}, which {problem}", self.found()));
    }

    /// `` `auto` is 1: expected `true` or `false`, such as true ``
    pub(super) fn refuse_kind(self, notes: &mut Notes<'_>) {
        self.refuse_value(notes, &format!("expected {}, such as {}", self.key.kind, self.key.example));
    }

    /// `` `ttl` is "1x" ``
    fn found(self) -> String {
        format!("`{}` {} {}", self.key.name, if self.listed { "has" } else { "is" }, self.shown())
    }

    fn shown(self) -> String {
        match self.value.get_ref() {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(b) => b.to_string(),
            DeValue::Datetime(time) => format!("{time} (a date or time)"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    pub(super) fn text(self, notes: &mut Notes<'_>) -> Option<&'t str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => {
                self.refuse_kind(notes);
                None
            }
        }
    }

    /// Text for people, on one line.
    pub(super) fn line_of_text(self, notes: &mut Notes<'_>, chars_max: usize) -> Option<String> {
        let text = self.text(notes)?;
        let fits = (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !fits {
            self.refuse_kind(notes);
        }
        fits.then(|| text.to_owned())
    }

    /// A name that ids and sets may have.
    pub(super) fn plain_name(self, notes: &mut Notes<'_>) -> Option<&'t str> {
        let text = self.text(notes)?;
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if !plain || !(1..=63).contains(&text.len()) {
            self.refuse_kind(notes);
            return None;
        }
        Some(text)
    }

    /// A name that an interface can have. Whether there is one is not known here.
    pub(super) fn interface(self, notes: &mut Notes<'_>) -> Option<String> {
        let text = self.text(notes)?;
        match Glob::parse(text) {
            Ok(glob) if glob.is_literal() => Some(text.to_owned()),
            Ok(_) => {
                self.refuse_value(notes, "patterns are not taken here: write each interface's name");
                None
            }
            Err(problem) => {
                self.refuse_problem(notes, &problem);
                None
            }
        }
    }

    pub(super) fn boolean(self, notes: &mut Notes<'_>) -> Option<bool> {
        let found = self.value.get_ref().as_bool();
        if found.is_none() {
            self.refuse_kind(notes);
        }
        found
    }

    pub(super) fn number(self, notes: &mut Notes<'_>, bounds: RangeInclusive<u64>) -> Option<u64> {
        let found = match self.value.get_ref() {
            DeValue::Integer(number) => unsigned(number).filter(|number| bounds.contains(number)),
            _ => None,
        };
        if found.is_none() {
            self.refuse_kind(notes);
        }
        found
    }

    pub(super) fn duration(self, notes: &mut Notes<'_>, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.text(notes)?;
        match parse_duration(text) {
            Ok(duration) if bounds.contains(&duration) => return Some(duration),
            Ok(_) => self.refuse_kind(notes),
            Err(problem) => self.refuse_problem(notes, &problem),
        }
        None
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(self, notes: &mut Notes<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(notes)?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*found);
        }
        match nearest(text, words.iter().map(|(word, _)| *word)) {
            Some(near) => self.refuse_value(notes, &format!("did you mean \"{near}\"?")),
            None => self.refuse_kind(notes),
        }
        None
    }

    /// Text or a whole number.
    pub(super) fn word(self, notes: &mut Notes<'_>) -> Option<Word<'t>> {
        let found = match self.value.get_ref() {
            DeValue::String(text) => Some(Word::Text(text)),
            DeValue::Integer(number) => unsigned(number).map(Word::Number),
            _ => None,
        };
        if found.is_none() {
            self.refuse_kind(notes);
        }
        found
    }

    /// Its items, or itself where it is a single one.
    pub(super) fn items(self) -> Vec<Self> {
        match self.value.get_ref() {
            DeValue::Array(items) => items.iter().map(|value| Self { key: self.key, value, listed: true }).collect(),
            _ => vec![self],
        }
    }

    /// As [`Field::items`]; there must be some.
    pub(super) fn some_items(self, notes: &mut Notes<'_>) -> Option<Vec<Self>> {
        let items = self.items();
        if items.is_empty() {
            let name = self.key.name;
            self.refuse(notes, format!("`{name}` is an empty list: leave the key out, or write what belongs there"));
            return None;
        }
        Some(items)
    }

    /// What `read` makes of each item; nothing if any of them is refused.
    pub(super) fn each<T>(
        self,
        notes: &mut Notes<'_>,
        mut read: impl FnMut(Self, &mut Notes<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.some_items(notes)?;
        let count = items.len();
        let found: Vec<_> = items.into_iter().filter_map(|item| read(item, notes)).collect();
        (found.len() == count).then_some(found)
    }

    /// It is a table with keys of its own.
    pub(super) fn table(self, notes: &mut Notes<'_>, table: KeyTable) -> Option<Fields<'t>> {
        match self.value.get_ref() {
            DeValue::Table(values) => Some(Fields::new(notes, table, values, self.span())),
            _ => {
                self.refuse_kind(notes);
                None
            }
        }
    }

    /// It is a list of tables: `[[rule]]`.
    pub(super) fn tables(self, notes: &mut Notes<'_>, table: KeyTable) -> Vec<Fields<'t>> {
        if !self.value.get_ref().is_array() {
            let name = self.key.name;
            self.refuse(notes, format!("`{name}` is {}: write [[{name}]] and its keys below, for each", self.shown()));
            return Vec::new();
        }
        self.items().into_iter().filter_map(|item| item.table(notes, table)).collect()
    }
}

pub(super) fn unsigned(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Text as a message shows it: quoted, cut when it is long, and silent to the terminal.
pub(super) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut cut: String = text.chars().take(CHARS_MAX).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        cut.push('…');
    }
    let clean: String =
        cut.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect();
    format!("\"{clean}\"")
}

/// ``unknown key `mach` in [[rule]]: did you mean `match`?``
fn unknown_message(table: KeyTable, name: &str) -> String {
    let shown = quoted(name);
    let shown = shown.trim_matches('"');
    let place =
        if table == KeyTable::File { "above the first table".to_owned() } else { format!("in {}", table.title()) };
    if let Some(near) = nearest(name, table.keys().map(|key| key.name)) {
        return format!("unknown key `{shown}` {place}: did you mean `{near}`?");
    }
    if let Some(elsewhere) = KEYS.iter().find(|key| key.name == name) {
        return format!("unknown key `{shown}` {place}: it belongs in {}", elsewhere.table.title());
    }
    let known: Vec<_> = table.keys().map(|key| format!("`{}`", key.name)).collect();
    format!("unknown key `{shown}` {place}: known are {}", known.join(", "))
}
