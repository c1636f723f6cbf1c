//! The settings as tables of `docs/configuration.md`.

use crate::sections::Config;
use crate::settings::{Reload, SETTINGS};
use std::fmt::Write;

/// A section's settings as a Markdown table: what the documentation must say.
#[must_use]
pub fn settings_table(section: &str) -> String {
    let mut out = String::from("| key | type | default | meaning |\n|---|---|---|---|\n");
    let defaults = Config::default();
    for setting in SETTINGS.iter().filter(|s| s.section() == section) {
        let bounds = setting.field.bounds();
        let bounds = if bounds.is_empty() { bounds } else { format!(", {bounds}") };
        let default = setting.field.to_toml(&defaults).map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        let reload = if setting.reload == Reload::Live { " *Reloads.*" } else { "" };
        let (key, kind, help) = (setting.key(), setting.field.type_name(), setting.help);
        let _ = writeln!(out, "| `{key}` | {kind}{bounds} | {default} | {help}{reload} |");
    }
    out
}
