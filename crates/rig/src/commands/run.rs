//! `netrig run`

use crate::cli::RunArgs;
use crate::{daemon, settings};
use netrig_config::{Config, ConfigErrors};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let read = || configuration(args);
    let config = read()?;
    log_to_stderr();
    daemon::run(config, &read)?;
    Ok(ExitCode::SUCCESS)
}

fn configuration(args: &RunArgs) -> Result<Config, ConfigErrors> {
    let mut config = settings::load(args.file.config.as_deref())?;
    if !args.interfaces.is_empty() {
        config.rig.interfaces.clone_from(&args.interfaces);
    }
    Ok(config)
}

/// Sentences to stderr; `NETRIG_LOG` (`info`, `debug`, `netrig_store=debug`, …) says how many.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("NETRIG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
}
