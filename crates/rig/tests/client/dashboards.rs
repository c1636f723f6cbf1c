//! `netrig dashboards`.

use crate::fixture::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn write_to(dir: &Path, more: &[&str]) -> Output {
    run(&[&["dashboards", "--out", dir.to_str().expect("path")], more].concat())
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).expect("a folder").map(|e| e.expect("entry").file_name().into_string().expect("name")).collect()
}

#[test]
fn it_writes_what_grafana_and_prometheus_read_and_says_so() {
    let dir = tempfile::tempdir().expect("folder");
    let out = dir.path().join("made");
    let output = write_to(&out, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let boards = ["cost", "drops", "fleet", "host", "latency", "policy"].map(|name| format!("netrig-{name}.json"));
    assert_eq!(names(&out.join("grafana")), BTreeSet::from(boards));
    let rules = ["alerts.rules.yml", "recording.rules.yml"].map(str::to_owned);
    assert_eq!(names(&out.join("prometheus")), BTreeSet::from(rules));
    let said = stderr(&output);
    for path in ["grafana/netrig-host.json", "prometheus/alerts.rules.yml", "rule_files"] {
        assert!(said.contains(path), "{path}: {said}");
    }
    // The sums are what a second opinion says they are.
    let mut check = Command::new("sha256sum");
    let check = check.args(["--check", "--quiet", "netrig.sha256"]).current_dir(&out).output().expect("sha256sum");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn what_it_wrote_it_replaces_and_what_others_wrote_it_leaves() {
    let dir = tempfile::tempdir().expect("folder");
    let [alerts, host] = ["prometheus/alerts.rules.yml", "grafana/netrig-host.json"].map(|name| dir.path().join(name));
    assert!(write_to(dir.path(), &[]).status.success());
    let again = write_to(dir.path(), &[]);
    assert!(again.status.success() && !stderr(&again).contains("wrote"), "{}", stderr(&again));

    let mine = fs::read_to_string(&alerts).expect("alerts").replace("critical", "page");
    fs::write(&alerts, &mine).expect("change it");
    fs::remove_file(&host).expect("remove it");
    let refused = write_to(dir.path(), &[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = stderr(&refused);
    assert!(said.contains(&format!("{} would be overwritten", alerts.display())) && said.contains("--force"), "{said}");
    assert_eq!(fs::read_to_string(&alerts).expect("alerts"), mine);
    assert!(!host.exists(), "a refusal writes nothing");

    assert!(write_to(dir.path(), &["--force"]).status.success());
    assert!(host.exists() && fs::read_to_string(&alerts).expect("alerts").contains("critical"));
}

#[test]
fn what_an_older_version_wrote_is_replaced() {
    let dir = tempfile::tempdir().expect("folder");
    assert!(write_to(dir.path(), &[]).status.success());
    let host = dir.path().join("grafana/netrig-host.json");
    fs::write(&host, "older\n").expect("write it");
    let mut sum = Command::new("sha256sum");
    let sum = sum.arg("grafana/netrig-host.json").current_dir(dir.path()).output().expect("sha256sum");
    fs::write(dir.path().join("netrig.sha256"), sum.stdout).expect("write the sums");
    let output = write_to(dir.path(), &[]);
    assert!(output.status.success() && stderr(&output).contains("replaced  "), "{}", stderr(&output));
    assert!(fs::read_to_string(&host).expect("it").contains("\"uid\": \"netrig-host\""));
}

#[test]
fn a_folder_that_cannot_be_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let output = write_to(file.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(file.path().to_str().expect("path")) && said.contains("--out"), "{said}");
}
