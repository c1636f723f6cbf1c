//! The other subcommands that need no rights.

use crate::fixture::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn without_words_the_help_and_exit_code_2() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("netrig flows --top 10"));
}

#[test]
fn the_version_names_the_kernel() {
    let text = stdout(&run(&["--version"]));
    assert!(text.starts_with(&format!("netrig {}\nkernel ", env!("CARGO_PKG_VERSION"))), "{text}");
    assert_eq!(stdout(&run(&["-V"])), format!("netrig {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_subcommand_has_help_with_what_it_does() {
    for word in [
        "run",
        "check",
        "top",
        "flows",
        "connections",
        "explain",
        "latency",
        "query",
        "store",
        "replay",
        "config",
        "dashboards",
        "completions",
        "man",
    ] {
        let output = run(&[word, "--help"]);
        assert!(output.status.success() && stdout(&output).contains("Usage: netrig"), "{word}");
        let too_wide = stdout(&output).lines().find(|l| l.chars().count() > 100).map(str::to_owned);
        assert_eq!(too_wide, None, "{word}");
    }
}

#[test]
fn the_default_configuration_is_a_right_one() {
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), stdout(&run(&["config", "default"]))).expect("write");
    let output = run(&["config", "check", "-c", file.path().to_str().expect("path")]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_wrong_configuration_exits_with_2_and_says_where() {
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), "[rig]\nwindw = \"10s\"\n").expect("write");
    let path = file.path().to_str().expect("path");
    for words in [&["config", "check", "-c", path][..], &["flows", "-c", path], &["query", "-c", path, "SELECT 1"]] {
        let output = run_beside_an_engine(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("line 2") && said.contains("window"), "{words:?}: {said}");
    }
}

#[test]
fn the_schema_is_json() {
    let schema: serde_json::Value = serde_json::from_str(&stdout(&run(&["config", "schema"]))).expect("json");
    assert_eq!(schema["title"], "rig.toml");
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&run(&["completions", shell])).contains("netrig"), "{shell}");
    }
    let dir = tempfile::tempdir().expect("folder");
    let out = dir.path().join("man");
    assert!(run(&["man", "--out", out.to_str().expect("path")]).status.success());
    for page in ["netrig-flows.1", "netrig-explain.1", "netrig-latency.1"] {
        assert!(std::fs::read_to_string(out.join(page)).expect("page").contains(".TH"), "{page}");
    }
    let output = run(&["man", "--out", "/proc/nothing"]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("/proc/nothing"));
}

#[test]
fn top_needs_a_terminal() {
    let output = run(&["top"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("terminal"));
}

/// A folder with this netrig and a netrig-query that prints what it is given.
fn beside_an_engine() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("folder");
    std::fs::hard_link(env!("CARGO_BIN_EXE_netrig"), dir.path().join("netrig")).expect("link");
    let engine = dir.path().join("netrig-query");
    std::fs::write(&engine, "#!/bin/sh\nfor word; do echo \"$word\"; done\nexit 7\n").expect("write");
    std::fs::set_permissions(&engine, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    dir
}

fn run_beside_an_engine(words: &[&str]) -> std::process::Output {
    let dir = beside_an_engine();
    command(dir.path().join("netrig")).args(words).output().expect("netrig")
}

#[test]
fn a_query_goes_to_the_engine_with_the_store_and_its_exit_code_comes_back() {
    let output = run_beside_an_engine(&["query", "SELECT 1"]);
    assert_eq!(stdout(&output), "--store\n/nonexistent/netrig\n--\nSELECT 1\n");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_query_is_told_the_rig_that_runs_and_its_store() {
    let rig = rig(Vec::new(), window(0), Some(Path::new("/somewhere/else")));
    let url = format!("http://{}", rig.address());
    let output = run_beside_an_engine(&["query", "--json", "--url", &url, "SELECT '--x'"]);
    assert_eq!(stdout(&output), format!("--store\n/somewhere/else\n--live\n{url}\n--json\n--\nSELECT '--x'\n"));
}

#[test]
fn without_an_engine_it_says_how_to_build_one() {
    let dir = beside_an_engine();
    std::fs::remove_file(dir.path().join("netrig-query")).expect("remove");
    let output =
        command(dir.path().join("netrig")).env("PATH", "/nonexistent").args(["query", "x"]).output().expect("netrig");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cargo build --release -p netrig-query"), "{}", stderr(&output));
}
