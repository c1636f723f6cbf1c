//! The programs that make interfaces.

use crate::StressError;
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a command to its end; what it says when it fails is the error.
pub(super) fn run(program: &str, args: &[&str]) -> Result<String, StressError> {
    run_with_input(program, args, "")
}

/// The same, with something to read.
pub(super) fn run_with_input(program: &str, args: &[&str], input: &str) -> Result<String, StressError> {
    let line = || format!("{program} {}", args.join(" "));
    let failed = |said: String| StressError::Program { line: line(), said };
    let start =
        Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = start.map_err(|error| failed(format!("{error}; is it installed? (packages iproute2, ethtool)")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not want to read it says why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let out = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        return Err(failed(if said.is_empty() { out.status.to_string() } else { said }));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
