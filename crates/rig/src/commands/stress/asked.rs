//! What the command line asks for, as a run takes it.

use crate::cli::StressArgs;
use crate::failure::Usage;
use anyhow::Context;
use netrig_stress::plan::{self, Plan};
use netrig_stress::{Asked, StressError};
use std::path::Path;

/// The scenario that captures are sent as.
const OF_CAPTURES: &str = "steady";

/// # Errors
/// When a file cannot be read, or something is asked for that cannot be.
pub(super) fn asked(args: &StressArgs) -> anyhow::Result<Asked> {
    let mut plan = scenario(args.scenario.as_deref().unwrap_or(OF_CAPTURES))?;
    if let Some(capture) = &args.from {
        if args.scenario.is_none() {
            plan.name = capture.display().to_string();
        }
        plan.capture = Some(capture.clone());
    }
    plan.duration = args.duration.unwrap_or(plan.duration);
    plan.rate = args.rate.or(plan.rate);
    let plan = in_words(plan.checked("netrig stress"))?;
    let base = args.config.as_deref().map(read_config).transpose()?;
    let executable = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(Asked { plan, seed: args.seed, executable, base, victim: !args.no_victim })
}

/// A path has a separator or an end; a name has neither.
fn scenario(word: &str) -> anyhow::Result<Plan> {
    if !word.contains('/') && !word.ends_with(".toml") {
        return in_words(plan::named(word));
    }
    let text = std::fs::read_to_string(word)
        .map_err(|error| Usage(format!("{word}: cannot be read: {error}; give the path of a scenario's file")))?;
    let mut plan = in_words(Plan::read(word, &text))?;
    plan.name = word.to_owned();
    Ok(plan)
}

fn read_config(path: &Path) -> anyhow::Result<toml::Table> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("{shown}: cannot be read: {error}; give the path of a configuration")))?;
    Ok(text.parse().map_err(|error| Usage(format!("{shown}: {error}")))?)
}

/// What was asked for and cannot be ends with the exit code for wrong usage.
pub(super) fn in_words<T>(result: Result<T, StressError>) -> anyhow::Result<T> {
    result.map_err(|error| match error {
        StressError::Asked(sentence) => Usage(sentence).into(),
        other => other.into(),
    })
}
