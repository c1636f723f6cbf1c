//! `netrig policy`: rules for packets.

mod apply;
mod check;
mod show;
mod test;

use crate::cli::{ConfigFile, PolicyCommand};
use crate::control::{Answer, Ask, ask};
use crate::failure::Usage;
use crate::output::say;
use crate::settings;
use anyhow::{Context, anyhow};
use netrig_model::PolicyStatus;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(command: &PolicyCommand) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Check(args) => check::run(args),
        PolicyCommand::Test(args) => test::run(args).map(|()| ExitCode::SUCCESS),
        PolicyCommand::Apply(args) => apply::apply(args).map(|()| ExitCode::SUCCESS),
        PolicyCommand::Confirm(args) => apply::confirm(args).map(|()| ExitCode::SUCCESS),
        PolicyCommand::Remove(args) => apply::remove(args).map(|()| ExitCode::SUCCESS),
        PolicyCommand::Show(args) => show::run(args).map(|()| ExitCode::SUCCESS),
    }
}

/// A policy's text. Not to be read is as wrong as not to be understood.
fn text_of(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).map_err(|error| Usage(format!("cannot read {}: {error}", file.display())).into())
}

/// Asks the rig of this configuration. Its notes go to stderr.
fn ask_rig(config: &ConfigFile, question: &Ask) -> anyhow::Result<Option<PolicyStatus>> {
    let config = settings::load(config.config.as_deref())?;
    match ask(&config.policy.socket, question)? {
        Answer::Done { notes, status } => {
            notes.iter().for_each(|note| say(&format!("netrig: {note}")));
            Ok(status.map(|status| *status))
        }
        Answer::Dumped { file, .. } => Err(anyhow!("the rig wrote {file}, which it was not asked to")),
        Answer::Refused { why, wrong: true } => Err(Usage(why).into()),
        Answer::Refused { why, wrong: false } => Err(anyhow!(why)),
    }
}

/// A path that means the same to the rig, whose folder is another.
fn absolute(file: &Path) -> anyhow::Result<String> {
    let path = fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?;
    path.to_str().map(str::to_owned).ok_or_else(|| Usage(format!("{} is no text", path.display())).into())
}
