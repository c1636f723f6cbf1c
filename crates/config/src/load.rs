//! From file and environment to settings that are valid by themselves and with each other.

use crate::environment::overrides;
use crate::errors::{ConfigError, ConfigErrors, Place};
use crate::payload::PathRule;
use crate::read::{Assignment, assignments};
use crate::remote_write;
use crate::sections::Config;
use crate::units::{ByteSize, format_duration};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No configuration is larger; a device or a log given by mistake is.
const FILE_BYTES_MAX: u64 = 1 << 20;

impl Config {
    /// Reads the file at `path` (none: only defaults) and lays `environment` over it; see [`crate::process_environment`].
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let Some(path) = path else { return Self::from_toml("", "", environment) };
        let name = path.display().to_string();
        let text = read_file(path).map_err(|message| {
            ConfigErrors(vec![ConfigError { place: Place::File(name.clone()), key: None, message }])
        })?;
        Self::from_toml(&text, &name, environment)
    }

    /// As [`Config::load`], from text; `name` stands for the file in messages.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn from_toml(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let (mut all, triggers) = assignments(text, name, &mut errors);
        all.extend(overrides(environment, &mut errors));

        let mut config = Self::default();
        config.recorder.triggers = triggers;
        let mut set_at = HashMap::new();
        for Assignment { setting, found, place } in all {
            match setting.field.assign(&mut config, &found) {
                Ok(()) => _ = set_at.insert(setting.path, place),
                Err(mismatch) => {
                    let place = match place {
                        Place::Line { .. } => Place::in_text(name, text, &mismatch.span),
                        other => other,
                    };
                    let message = format!("`{}` {}", setting.path, mismatch.problem);
                    errors.push(ConfigError { place, key: Some(setting.path.to_owned()), message });
                }
            }
        }
        check_timeouts(&mut config, &set_at, &mut errors);
        check_recorder(&config, &set_at, &mut errors);
        check_payload(&config, &set_at, &mut errors);
        remote_write::check(&config, &set_at, &mut errors);
        if errors.is_empty() {
            return Ok(config);
        }
        errors.sort_by_key(|e| e.place.order());
        Err(ConfigErrors(errors))
    }
}

/// Idle flows are looked for when a window closes: a timeout shorter than that could not be kept.
fn check_timeouts(config: &mut Config, set_at: &HashMap<&str, Place>, errors: &mut Vec<ConfigError>) {
    const KEY: &str = "rig.idle_timeout";
    let (window, idle) = (config.rig.window, config.rig.idle_timeout);
    if idle >= window {
        return;
    }
    let Some(place) = set_at.get(KEY) else {
        config.rig.idle_timeout = window;
        return;
    };
    let (window, idle) = (format_duration(window), format_duration(idle));
    let message = format!(
        "`{KEY}` is \"{idle}\", shorter than `rig.window` (\"{window}\"), at whose end idle flows are looked for: write \"{window}\" or more"
    );
    errors.push(ConfigError { place: place.clone(), key: Some(KEY.to_owned()), message });
}

/// The recorder's memory is a part of the rig's.
fn check_recorder(config: &Config, set_at: &HashMap<&str, Place>, errors: &mut Vec<ConfigError>) {
    const KEY: &str = "recorder.memory";
    let (memory, all) = (config.recorder.memory, config.rig.memory);
    let Some(place) = set_at.get(KEY) else { return };
    if memory.0 <= all.0 / 2 {
        return;
    }
    let message = format!(
        "`{KEY}` is \"{memory}\", more than half of `rig.memory` (\"{all}\"), of which it is a part: make that at least \"{}\"",
        ByteSize(memory.0 * 2)
    );
    errors.push(ConfigError { place: place.clone(), key: Some(KEY.to_owned()), message });
}

/// A hash without a key hides nothing: paths can be guessed.
fn check_payload(config: &Config, set_at: &HashMap<&str, Place>, errors: &mut Vec<ConfigError>) {
    const KEY: &str = "payload.path";
    let Some(place) = set_at.get(KEY) else { return };
    if config.payload.path != PathRule::Hash || !config.payload.hash_key.is_empty() {
        return;
    }
    let message = format!("`{KEY}` is \"hash\", which needs a key: set `payload.hash_key`, or write \"cut\"");
    errors.push(ConfigError { place: place.clone(), key: Some(KEY.to_owned()), message });
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err("is larger than 1 MiB: no configuration".to_owned());
    }
    String::from_utf8(bytes).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() + 1;
        format!("line {line} is not UTF-8 text")
    })
}
