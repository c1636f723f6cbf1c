//! What Prometheus' own linter thinks of the text. Reported as SKIPPED, on stderr, where promtool is not installed.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

/// Speeds of links, and rates to hold against them, are told in bits as everybody tells them; the linter wants bytes.
fn is_in_bits(line: &str) -> bool {
    line.split_once(' ').is_some_and(|(name, complaint)| {
        name.ends_with("_bits_per_second") && complaint == "use base unit \"bytes\" instead of \"bits\""
    })
}

#[test]
fn promtool_finds_nothing() {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Past the test harness' capture: a skip must be seen.
            let _ =
                writeln!(std::io::stderr(), "SKIPPED promtool_finds_nothing: promtool is not installed (prometheus)");
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    let text = netrig_metrics::render(&common::snapshot());
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("write");
    let output = child.wait_with_output().expect("wait");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let complaints: Vec<_> = said.lines().filter(|line| !line.is_empty() && !is_in_bits(line)).collect();
    assert!(complaints.is_empty(), "promtool: {complaints:?}");
    // Its own failure, not the text's: 3 says that it found something.
    assert!(matches!(output.status.code(), Some(0 | 3)), "promtool: {}", output.status);
}
