//! What these tests share.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

/// Rules and queries have functions of native histograms, which Prometheus has since this version.
const OLDEST: (u32, u32) = (2, 40);

/// Why promtool cannot judge; nothing if it can.
fn lacking() -> Option<String> {
    match Command::new("promtool").arg("--version").output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let version = said.split("version ").nth(1).expect("a version");
            let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
            let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
            (version < OLDEST).then(|| format!("promtool is of {}.{}, before 2.40", version.0, version.1))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Some("promtool is not installed (prometheus)".to_owned()),
        Err(error) => panic!("promtool: {error}"),
    }
}

/// Runs promtool on a file: whether it succeeded, and what it said. Nothing where there is none, which is said aloud.
pub(crate) fn promtool(test: &str, words: &[&str], file: &Path) -> Option<(bool, String)> {
    if let Some(why) = lacking() {
        // Past the test harness' capture: a skip must be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
        return None;
    }
    let output = Command::new("promtool").args(words).arg(file).output().expect("promtool");
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}
