//! `netrig man`: a manual page for netrig and for each subcommand.

use crate::cli::{Cli, ManArgs};
use crate::output::say;
use anyhow::Context;
use clap::CommandFactory;

pub(crate) fn run(args: &ManArgs) -> anyhow::Result<()> {
    let dir = &args.out;
    let place = || format!("cannot write manual pages to {}", dir.display());
    std::fs::create_dir_all(dir).with_context(place)?;
    clap_mangen::generate_to(Cli::command(), dir).with_context(place)?;
    say(&format!("manual pages are in {}; read one with: man -l {}", dir.display(), dir.join("netrig.1").display()));
    Ok(())
}
