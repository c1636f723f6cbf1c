//! `netrig check`

use crate::cli::CheckArgs;
use std::process::ExitCode;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`netrig check` is not built in yet ({args:?})")
}
