//! Overrides from the environment: `NETRIG_RIG__WINDOW=5s`.

use crate::errors::{ConfigError, Place};
use crate::nearest::nearest;
use crate::read::{Assignment, found_of};
use crate::settings::SETTINGS;
use crate::value::{Field, Found, FoundValue};
use toml::de::DeValue;

/// What the names of our variables begin with.
pub(crate) const PREFIX: &str = "NETRIG_";

/// The variables of this process that could be overrides, for [`crate::Config::load`]; what is not Unicode is shown as it can be.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    let variables =
        std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
    variables.filter(|(name, _)| name.starts_with(PREFIX))
}

/// Reads the overrides in `variables`. Names with our prefix but without `__` are other things' (`NETRIG_LOG`) and left alone.
pub(crate) fn overrides(
    variables: impl Iterator<Item = (String, String)>,
    errors: &mut Vec<ConfigError>,
) -> Vec<Assignment> {
    let mut ours: Vec<_> = variables.filter(|(name, _)| name.starts_with(PREFIX) && name.contains("__")).collect();
    // The environment has no order of its own, messages should.
    ours.sort();
    let mut assignments = Vec::new();
    for (name, text) in ours {
        match SETTINGS.iter().find(|s| s.variable() == name) {
            Some(setting) => {
                let found = parse(&text, &setting.field);
                assignments.push(Assignment { setting, found, place: Place::Variable(name) });
            }
            None => errors.push(unknown(name)),
        }
    }
    assignments
}

fn unknown(name: String) -> ConfigError {
    let known: Vec<_> = SETTINGS.iter().map(crate::Setting::variable).collect();
    // What all have in common would make all of them near.
    let words = known.iter().filter_map(|variable| variable.strip_prefix(PREFIX));
    let hint = match nearest(name.trim_start_matches(PREFIX), words) {
        Some(near) => format!(": did you mean {PREFIX}{near}?"),
        None => ": `netrig config default` lists the settings".to_owned(),
    };
    ConfigError { place: Place::Variable(name), key: None, message: format!("names no setting{hint}") }
}

/// A variable's text as a value: a truth value, a TOML array, table or quoted string, a list split at commas, a number where the
/// setting takes one, or plain text.
fn parse(text: &str, field: &Field) -> Found {
    let text = text.trim();
    let list = matches!(field, Field::Interfaces(_));
    let number = matches!(field, Field::Count { .. }) && text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    let toml_value = text.starts_with(['[', '{', '"', '\'']).then(|| DeValue::parse(text).ok()).flatten();
    let value = match (toml_value, text) {
        (Some(value), _) => match (found_of(&value).value, list) {
            (single @ FoundValue::Text(_), true) => FoundValue::List(vec![at_no_place(single)]),
            (value, _) => value,
        },
        (None, text) if list => {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            FoundValue::List(names.map(|name| at_no_place(FoundValue::Text(name.to_owned()))).collect())
        }
        (None, text) if number => FoundValue::Number(text.to_owned()),
        (None, "true") => FoundValue::Bool(true),
        (None, "false") => FoundValue::Bool(false),
        (None, text) => FoundValue::Text(text.to_owned()),
    };
    at_no_place(value)
}

fn at_no_place(value: FoundValue) -> Found {
    Found { value, span: 0..0 }
}
