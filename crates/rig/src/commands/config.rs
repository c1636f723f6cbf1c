//! `netrig config`: the settings, their defaults, and whether a file is right.

use crate::cli::{ConfigCommand, ConfigFile};
use crate::output::{Output, say};
use crate::settings;
use netrig_config::Config;

pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Default => print(&Config::default_toml()),
        ConfigCommand::Schema => print(&(serde_json::to_string_pretty(&Config::json_schema())? + "\n")),
        ConfigCommand::Check(file) => check(file),
    }
}

fn check(file: &ConfigFile) -> anyhow::Result<()> {
    settings::load(file.config.as_deref())?;
    match &file.config {
        Some(path) => say(&format!("{}: fine", path.display())),
        None => say("defaults and environment: fine (-c FILE checks a file)"),
    }
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = Output::stdout();
    out.write(text);
    Ok(out.finish()?)
}
