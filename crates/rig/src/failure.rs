//! How failures end: 1 when something failed, 2 when it was asked wrongly.

use crate::output::say;
use netrig_config::ConfigErrors;
use std::fmt;
use std::process::ExitCode;

/// Something failed.
const FAILED: u8 = 1;
/// Wrong usage or input.
const WRONG_USAGE: u8 = 2;

/// The command line asks for something that cannot be: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Says what went wrong on stderr, and gives the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    say(&format!("netrig: {error:#}"));
    let wrong_usage = error.is::<Usage>() || error.is::<ConfigErrors>();
    ExitCode::from(if wrong_usage { WRONG_USAGE } else { FAILED })
}
