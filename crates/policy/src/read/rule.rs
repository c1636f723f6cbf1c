//! A rule of the file.

use super::action::action;
use super::fields::{Field, Fields};
use super::keys::KeyTable;
use super::lists::Lists;
use super::matching::alternatives;
use super::notes::Notes;
use crate::tables::RULES_MAX;
use crate::words::{Mode, Rule};
use std::collections::HashMap;
use std::time::Duration;
use toml::de::DeValue;

/// Those in front of the policy's own.
const RULES_BUILT_IN: usize = 2;
/// What ids of built-in rules begin with.
const RESERVED: &str = "netrig:";
const TTL_MAX: Duration = Duration::from_hours(24 * 3_650);
const COMMENT_CHARS_MAX: usize = 512;
const OWNER_CHARS_MAX: usize = 128;

/// Reads all `[[rule]]`s.
pub(super) fn rules(notes: &mut Notes<'_>, lists: &mut Lists, field: Field<'_>) -> Vec<Rule> {
    let mut lines_by_id: HashMap<String, usize> = HashMap::new();
    let mut rules = Vec::new();
    for (at, fields) in field.tables(notes, KeyTable::Rule).into_iter().enumerate() {
        if at == RULES_MAX - RULES_BUILT_IN {
            let message = format!("this rule is one too many: a policy has at most {at}");
            notes.refuse(fields.span.clone(), Some("rule".to_owned()), message);
        }
        let line = notes.line(fields.span.start);
        let id = fields.require(notes, "id", "").and_then(|field| id(notes, field, line, &mut lines_by_id));
        rules.extend(rule(notes, lists, &fields, id, line));
    }
    rules
}

fn id(
    notes: &mut Notes<'_>,
    field: Field<'_>,
    line: usize,
    lines_by_id: &mut HashMap<String, usize>,
) -> Option<String> {
    if let DeValue::String(text) = field.value()
        && text.starts_with(RESERVED)
    {
        field.refuse_value(notes, &format!("`{RESERVED}` is for the rules that are always there"));
        return None;
    }
    let id = field.plain_name(notes)?;
    if let Some(first) = lines_by_id.get(id) {
        field.refuse_value(notes, &format!("the rule in line {first} has this id already, and counters live by it"));
        return None;
    }
    lines_by_id.insert(id.to_owned(), line);
    Some(id.to_owned())
}

fn rule(
    notes: &mut Notes<'_>,
    lists: &mut Lists,
    fields: &Fields<'_>,
    id: Option<String>,
    line: usize,
) -> Option<Rule> {
    let comment = fields.get("comment").map(|f| f.line_of_text(notes, COMMENT_CHARS_MAX));
    let owner = fields.get("owner").map(|f| f.line_of_text(notes, OWNER_CHARS_MAX));
    let ttl = fields.get("ttl").map(|f| f.duration(notes, Duration::from_secs(1)..=TTL_MAX));
    let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
    let mode = fields.get("mode").map_or(Some(Mode::Enforce), |f| f.choice(notes, &modes));
    let action = fields.require(notes, "action", "").and_then(|f| action(notes, f));
    // Without a match a rule would be of every packet: that is to be written, not forgotten.
    let alternatives = fields
        .require(notes, "match", ", or {} for every packet")
        .map(|f| alternatives(notes, lists, f))
        .unwrap_or_default();
    Some(Rule {
        id: id?,
        comment: whole(comment)?,
        owner: whole(owner)?,
        ttl: whole(ttl)?,
        mode: mode?,
        action: action?,
        alternatives: if alternatives.is_empty() { return None } else { alternatives },
        line,
    })
}

/// Nothing is fine where nothing stands; a value that was refused is not.
fn whole<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        Some(found) => Some(found),
        None => Some(None),
    }
}
