//! From the text of a policy file to a [`Policy`], with everything that is wrong in it at once.

mod action;
mod criteria;
mod fields;
mod keys;
mod lists;
mod matching;
mod named;
mod names;
mod notes;
mod rule;
mod values;

pub use keys::{KEYS, KeyTable, PolicyKey, keys_table};

use crate::sets::{BrokenSet, SetCounts, SetEntries, SetFile};
use crate::words::{Addresses, Management, Policy, Unreadable};
use fields::{Field, Fields};
use lists::Lists;
use netrig_config::{ConfigError, ConfigErrors};
use notes::Notes;
use std::io;
use std::sync::Arc;
use thiserror::Error;
use toml::de::DeTable;

/// Where the files of named sets come from.
///
/// A closure that reads bytes is one, which is enough for a single reading. Who reads a policy again and again
/// implements this, and hands out the same [`SetFile`] as long as the file is the same: rules then share its memory.
pub trait SetSource {
    /// The set in `path`, which is as written in the policy: relative to the policy file's folder, unless absolute.
    ///
    /// # Errors
    /// When the file cannot be read, or is refused.
    fn load(&mut self, path: &str) -> Result<Arc<SetFile>, SetError>;
}

impl<F: FnMut(&str) -> io::Result<Vec<u8>>> SetSource for F {
    fn load(&mut self, path: &str) -> Result<Arc<SetFile>, SetError> {
        Ok(Arc::new(SetFile::parse(&self(path)?)?))
    }
}

/// Why there is no set.
#[derive(Debug, Error)]
pub enum SetError {
    /// The file is not there, or may not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is no set.
    #[error(transparent)]
    Broken(#[from] BrokenSet),
}

/// A policy as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it says.
    pub policy: Policy,
    /// Its named sets, in the order of the file.
    pub sets: Vec<NamedSet>,
    /// The files those are read from, as written, each once.
    pub files: Vec<String>,
    /// What is allowed and likely not meant, in the order of the file.
    pub warnings: Vec<ConfigError>,
}

/// A `[[set]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSet {
    /// Rules call it `@name`.
    pub name: String,
    /// Its file, as written; none if its entries stand in the policy.
    pub file: Option<String>,
    /// What is in it.
    pub entries: SetEntries,
    /// How it was written.
    pub counts: SetCounts,
    /// Where it stands in the policy file, from 1.
    pub line: usize,
}

/// Reads `text`, which `file` names in messages; the files of sets come from `sets`.
///
/// # Errors
/// Everything that is wrong: in the policy, in its order, then in the files of its sets.
pub fn read(text: &str, file: &str, sets: &mut dyn SetSource) -> Result<Read, ConfigErrors> {
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    let mut notes = Notes::new(text);
    let mut lists = Lists::default();
    let fields = Fields::new(&mut notes, KeyTable::File, table.get_ref(), 0..0);
    // First, since all else may use them.
    if let Some(field) = fields.get("set") {
        for set in field.tables(&mut notes, KeyTable::Set) {
            lists.sets.declare(&mut notes, &set, sets);
        }
    }
    let unreadable = [("pass", Unreadable::Pass), ("drop", Unreadable::Drop)];
    let policy = Policy {
        fragments: fields.get("fragments").and_then(|f| f.choice(&mut notes, &unreadable)).unwrap_or_default(),
        persist: fields.get("persist").and_then(|f| f.boolean(&mut notes)).unwrap_or_default(),
        management: management(&mut notes, &mut lists, &fields),
        interfaces: fields.get("interfaces").and_then(|f| f.each(&mut notes, Field::interface)).unwrap_or_default(),
        rules: fields.get("rule").map(|f| rule::rules(&mut notes, &mut lists, f)).unwrap_or_default(),
    };
    let (sets, files) = lists.sets.finish(&mut notes);
    let warnings = notes.finish(file, &syntax_errors)?;
    Ok(Read { policy, sets, files, warnings })
}

fn management(notes: &mut Notes<'_>, lists: &mut Lists, fields: &Fields<'_>) -> Management {
    let mut management = Management { auto: true, allow: Arc::new(Addresses::default()) };
    let Some(fields) = fields.get("management").and_then(|field| field.table(notes, KeyTable::Management)) else {
        return management;
    };
    management.auto = fields.get("auto").and_then(|field| field.boolean(notes)).unwrap_or(true);
    let Some(field) = fields.get("allow") else { return management };
    let items = field.items();
    if items.is_empty() {
        return management;
    }
    // "All but one" would let nearly everything past every rule.
    let out = |item: &Field<'_>| item.value().as_str().is_some_and(|text| text.trim_start().starts_with('!'));
    if items.iter().all(out) {
        field.refuse(notes, "`allow` only takes addresses out: write those that are to pass".to_owned());
    } else if let Some(allow) = lists.addresses(notes, field) {
        management.allow = allow;
    }
    management
}
