//! `netrig run`

use crate::cli::RunArgs;
use std::process::ExitCode;

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`netrig run` is not built in yet ({args:?})")
}
