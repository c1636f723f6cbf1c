//! Named sets: where they come from, and the lists that rules make of them.

use super::fields::{Field, Fields, quoted};
use super::notes::Notes;
use super::{NamedSet, SetError, SetSource};
use crate::sets::{Builder, EntryProblem, SetCounts, SetEntries, SetFile, parse_entry};
use netrig_config::{ConfigError, Place, nearest};
use std::collections::HashMap;
use std::sync::Arc;
use toml::de::DeValue;

/// The sets of a policy, by name.
#[derive(Default)]
pub(super) struct NamedSets {
    sets: Vec<Slot>,
    by_name: HashMap<String, usize>,
    /// What came of each file, so that each is fetched once.
    files: HashMap<String, Option<Arc<SetFile>>>,
    pub(super) files_in_order: Vec<String>,
}

struct Slot {
    set: NamedSet,
    /// Its entries could be read; if not, that was said.
    readable: bool,
    used: bool,
    span: std::ops::Range<usize>,
}

impl NamedSets {
    /// Reads a `[[set]]`.
    pub(super) fn declare(&mut self, notes: &mut Notes<'_>, fields: &Fields<'_>, source: &mut dyn SetSource) {
        let name_field = fields.require(notes, "name", "");
        let name = name_field.and_then(|field| field.plain_name(notes));
        let entries = fields.either(notes, "file", "entries");
        let mut path = None;
        let read = match entries {
            Some(field) if field.name() == "file" => field.text(notes).and_then(|text| {
                path = Some(text.to_owned());
                self.fetch(notes, field, text, source)
            }),
            Some(field) => inline(notes, field).map(Arc::new),
            None => None,
        };
        let (Some(name), Some(name_field)) = (name, name_field) else { return };
        let line = notes.line(fields.span.start);
        if let Some(first) = self.by_name.get(name) {
            let first = self.sets[*first].set.line;
            name_field.refuse_value(notes, &format!("the set in line {first} is called so already"));
            return;
        }
        if let (Some(set), Some(field)) = (&read, entries) {
            warn_of(notes, field, name, &set.counts);
        }
        let readable = read.is_some();
        let (entries, counts) =
            read.map_or((SetEntries::Empty, SetCounts::default()), |set| (set.entries.clone(), set.counts));
        let set = NamedSet { name: name.to_owned(), file: path, entries, counts, line };
        self.by_name.insert(name.to_owned(), self.sets.len());
        self.sets.push(Slot { set, readable, used: false, span: name_field.span() });
    }

    fn fetch(
        &mut self,
        notes: &mut Notes<'_>,
        field: Field<'_>,
        path: &str,
        source: &mut dyn SetSource,
    ) -> Option<Arc<SetFile>> {
        if let Some(known) = self.files.get(path) {
            return known.clone();
        }
        if path.is_empty() || path.contains('\0') {
            field.refuse_kind(notes);
            return None;
        }
        self.files_in_order.push(path.to_owned());
        let fetched = match source.load(path) {
            Ok(set) => Some(set),
            Err(SetError::Unreadable(why)) => {
                field.refuse(notes, format!("the set file {} cannot be read: {why}", quoted(path)));
                None
            }
            Err(SetError::Broken(broken)) => {
                let (count, lines) = (broken.broken, broken.lines);
                let shown = broken.first.len();
                let first = if count > shown {
                    format!("the first {shown} are told below")
                } else {
                    "they are told below".to_owned()
                };
                field.refuse(
                    notes,
                    format!(
                        "the set file {} is refused: {count} of its {lines} lines cannot be read; {first}",
                        quoted(path)
                    ),
                );
                for line in broken.first {
                    let place =
                        Place::Line { file: path.to_owned(), line: line.line, column: line.column, excerpt: None };
                    let message = format!("`{}`: {}", line.text, line.problem);
                    notes.refuse_elsewhere(ConfigError { place, key: None, message });
                }
                None
            }
        };
        self.files.insert(path.to_owned(), fetched.clone());
        fetched
    }

    /// The entries of the set that is called so. Outer nothing: there is none; inner nothing: it could not be read.
    pub(super) fn used(&mut self, name: &str) -> Option<Option<&NamedSet>> {
        let slot = &mut self.sets[*self.by_name.get(name)?];
        slot.used = true;
        Some(slot.readable.then_some(&slot.set))
    }

    /// What is wrong with the name of a set that is not there.
    pub(super) fn unknown(&self, name: &str) -> String {
        let known = || self.sets.iter().map(|slot| slot.set.name.as_str());
        match nearest(name, known()) {
            Some(near) => format!("there is no set of that name: did you mean \"@{near}\"?"),
            None if self.sets.is_empty() => "there are no sets: add a [[set]] of that name".to_owned(),
            None => {
                // A policy may have hundreds.
                let some: Vec<_> = known().take(10).map(|name| format!("@{name}")).collect();
                let more = if self.sets.len() > some.len() { ", …" } else { "" };
                format!("there is no set of that name: known are {}{more}", some.join(", "))
            }
        }
    }

    /// The sets in the order of the file; those that nothing uses are warned of.
    pub(super) fn finish(self, notes: &mut Notes<'_>) -> (Vec<NamedSet>, Vec<String>) {
        for slot in self.sets.iter().filter(|slot| !slot.used) {
            let message = format!("the set `{}` is used by no rule", slot.set.name);
            notes.warn(slot.span.clone(), Some("set.name".to_owned()), message);
        }
        (self.sets.into_iter().map(|slot| slot.set).collect(), self.files_in_order)
    }
}

/// Entries that stand in the policy.
fn inline(notes: &mut Notes<'_>, field: Field<'_>) -> Option<SetFile> {
    let mut builder = Builder::default();
    let mut sound = true;
    for item in field.items() {
        let text = match item.value() {
            DeValue::String(text) => text.trim().to_owned(),
            DeValue::Integer(number) => number.to_string(),
            _ => String::new(),
        };
        let added = parse_entry(&text).and_then(|parsed| builder.add(parsed, notes.line(item.span().start)));
        match added {
            Ok(()) => {}
            Err(EntryProblem::NotAnEntry) if text.starts_with(['@', '!']) => {
                item.refuse_value(notes, "sets hold plain entries: `!` and `@` belong into rules");
                sound = false;
            }
            Err(problem) => {
                item.refuse_value(notes, &problem.to_string());
                sound = false;
            }
        }
    }
    sound.then(|| builder.finish())
}

fn warn_of(notes: &mut Notes<'_>, field: Field<'_>, name: &str, counts: &SetCounts) {
    if counts.entries == 0 {
        field.warn(notes, format!("the set `{name}` is empty"));
        return;
    }
    let kinds = [
        (counts.duplicates, "say what another says"),
        (counts.overlaps, "overlap another"),
        (counts.masked, "have bits set beyond their prefix, which are left out"),
    ];
    let told: Vec<_> = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !told.is_empty() {
        field.warn(notes, format!("of the {} entries of the set `{name}`, {}", counts.entries, told.join("; ")));
    }
}
