//! What Prometheus' own linter thinks of the text. Reported as SKIPPED, on stderr, where promtool is not installed.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

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
    assert!(output.status.success() && said.trim().is_empty(), "promtool: {said}");
}
