//! Settings as a file.

use crate::sections::Config;
use crate::settings::{SECTIONS, SETTINGS};
use crate::triggers::{self, Trigger};
use std::fmt::Write;

/// Text is wrapped here.
const LINE_CHARS_MAX: usize = 100;

impl Config {
    /// A file with every setting at its default, each explained, each commented out: it changes nothing until edited.
    #[must_use]
    pub fn default_toml() -> String {
        let mut out = String::from("# netrig: every setting, at its default. Remove a # to change one.\n");
        let defaults = Self::default();
        for section in SECTIONS {
            let _ = write!(out, "\n# {}\n[{}]\n", section.help, section.name);
            for setting in SETTINGS.iter().filter(|s| s.section() == section.name) {
                comment(&mut out, &setting.described());
                let value = setting.field.to_toml(&defaults).unwrap_or_else(|| setting.field.example());
                let _ = writeln!(out, "#{} = {value}", setting.key());
            }
            if section.name == "recorder" {
                comment(&mut out, "What makes it write, a table each; these two where there is none:");
                let triggers = triggers::to_toml(&Trigger::defaults());
                triggers.trim().lines().for_each(|line| _ = writeln!(out, "# {line}"));
            }
        }
        out
    }

    /// These settings as a file: what is in force, every key written out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        for section in SECTIONS {
            let separator = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{separator}[{}]", section.name);
            for setting in SETTINGS.iter().filter(|s| s.section() == section.name) {
                if let Some(value) = setting.field.to_toml(self) {
                    let _ = writeln!(out, "{} = {value}", setting.key());
                }
            }
            if section.name == "recorder" {
                out.push_str(&triggers::to_toml(&self.recorder.triggers));
            }
        }
        out
    }
}

/// Writes text as comment lines, wrapped at blanks.
fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS_MAX {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}
