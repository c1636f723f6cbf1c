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

/// An error and its causes; those of netrig's own say their cause themselves.
fn in_words(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

/// Says what went wrong on stderr, and gives the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    say(&format!("netrig: {}", in_words(error)));
    let wrong_usage = error.is::<Usage>() || error.is::<ConfigErrors>();
    ExitCode::from(if wrong_usage { WRONG_USAGE } else { FAILED })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_store::StoreReader;

    #[test]
    fn a_cause_is_said_once() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = StoreReader::open(file.path()).expect_err("a file is no store");
        let said = in_words(&anyhow::Error::from(error).context("the store"));
        assert!(said.starts_with("the store: "), "{said}");
        assert_eq!(said.matches("os error").count(), 1, "{said}");
        assert_eq!(in_words(&anyhow::anyhow!("end").context("middle").context("begin")), "begin: middle: end");
    }
}
