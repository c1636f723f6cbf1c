//! The settings as a JSON schema, for editors that complete and check TOML by one.

use crate::ports::PORTS_MAX;
use crate::sections::Config;
use crate::settings::{SECTIONS, SETTINGS, Setting};
use crate::value::Field;
use serde_json::{Map, Value, json};

impl Config {
    /// JSON Schema (draft 2020-12) of rig.toml.
    #[must_use]
    pub fn json_schema() -> Value {
        let sections: Map<String, Value> = SECTIONS
            .iter()
            .map(|section| {
                let settings = SETTINGS.iter().filter(|s| s.section() == section.name);
                let mut properties: Map<String, Value> = settings.map(|s| (s.key().to_owned(), property(s))).collect();
                if section.name == "recorder" {
                    properties.insert("trigger".to_owned(), triggers());
                }
                let schema = json!({
                    "type": "object",
                    "description": section.help,
                    "properties": properties,
                    "additionalProperties": false,
                });
                (section.name.to_owned(), schema)
            })
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "rig.toml",
            "description": "Configuration of netrig.",
            "type": "object",
            "properties": sections,
            "additionalProperties": false,
        })
    }
}

fn property(setting: &Setting) -> Value {
    let mut schema = type_schema(&setting.field);
    schema["description"] = Value::from(setting.described());
    // What a setting's TOML says, JSON can say too.
    let default = setting.field.to_toml(&Config::default()).and_then(|toml| serde_json::from_str(&toml).ok());
    if let Some(default) = default {
        schema["default"] = default;
    }
    schema
}

fn type_schema(field: &Field) -> Value {
    match field {
        Field::Bool(_) => json!({ "type": "boolean" }),
        Field::Count { min, max, .. } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Field::Duration { .. } => pattern(r"^\s*([0-9]+\s*([uµμ]s|ms|s|m|h|d|w)\s*)+$"),
        Field::Size { .. } => pattern(r"^\s*[0-9]+\s*(B|[kK]B|[MGT]B|[KMGT]iB)\s*$"),
        Field::Percent { .. } => pattern(r"^\s*[0-9]+(\.[0-9]{1,3})?\s*%\s*$"),
        Field::Interfaces(_) => {
            let entry = r"^(auto|!?[^\s/:!,]+)$";
            json!({ "type": "array", "minItems": 1, "items": { "type": "string", "pattern": entry } })
        }
        Field::HostName(_) => pattern(r"^\S{1,253}$"),
        Field::AbsolutePath(_) | Field::OptionalPath { .. } => pattern("^/"),
        Field::OptionalText { .. } => json!({ "type": "string" }),
        Field::OptionalUrl(_) => pattern(r"^https?://[^\s#@]+$"),
        Field::Labels(_) => json!({
            "type": "object",
            "patternProperties": { "^(?!__)[A-Za-z_][A-Za-z0-9_]*$": { "type": "string" } },
            "additionalProperties": false,
        }),
        Field::Loopback(_) => pattern(r"^(127\.[0-9.]+|localhost|\[::1\]):[0-9]+$"),
        Field::Ports(_) => {
            let port = json!({ "type": "integer", "minimum": 1, "maximum": 65_535 });
            json!({ "oneOf": [
                pattern(r"^\s*([0-9]{1,5}(\s*,\s*[0-9]{1,5})*)?\s*$"),
                { "type": "array", "maxItems": PORTS_MAX, "items": port },
            ] })
        }
        Field::Key(_) => pattern(r"^(.{16,256})?$"),
        Field::Choice { words, .. } => json!({ "enum": words }),
    }
}

/// What each kind needs is for the reader to say; here is what can be completed.
fn triggers() -> Value {
    let words = |words: Vec<&str>| json!({ "enum": words });
    json!({
        "type": "array",
        "description": "What makes the flight recorder write its packets down, one table each.",
        "items": {
            "type": "object",
            "required": ["on"],
            "properties": {
                "name": pattern("^[a-z0-9_-]{1,32}$"),
                "on": words(crate::triggers::words().collect()),
                "above": { "type": ["integer", "string"] },
                "reason": { "type": "string" },
                "class": words(netrig_model::DropClass::ALL.iter().map(|class| class.as_str()).collect()),
                "port": { "type": "integer", "minimum": 1, "maximum": 65_535 },
                "stage": words(netrig_model::Stage::ALL.iter().map(|stage| stage.as_str()).collect()),
                "iface": { "type": "string" },
                "rule": { "type": "string" },
            },
            "additionalProperties": false,
        },
    })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}
