//! `netrig replay`

use crate::cli::ReplayArgs;
use std::process::ExitCode;

pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`netrig replay` is not built in yet ({args:?})")
}
