//! `netrig completions`: what a shell completes.

use crate::cli::{Cli, CompletionsArgs};
use crate::output::Output;
use clap::CommandFactory;

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "netrig", &mut script);
    let mut out = Output::stdout();
    out.write(&String::from_utf8(script)?);
    Ok(out.finish()?)
}
