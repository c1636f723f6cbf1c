//! What Prometheus' own tool thinks of rules and queries. Reported as SKIPPED, on stderr, where promtool is not installed.

mod common;

use common::promtool;
use netrig_dashboards::{files, queries, substituted};
use serde_json::json;
use std::path::Path;

fn write_all(dir: &Path) {
    for file in files() {
        let path = dir.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(path, &file.text).expect("write the file");
    }
}

#[test]
fn promtool_finds_nothing_in_the_rules() {
    let dir = tempfile::tempdir().expect("a folder");
    write_all(dir.path());
    for name in ["recording", "alerts"] {
        let file = dir.path().join(format!("prometheus/{name}.rules.yml"));
        let Some((succeeded, said)) = promtool("promtool_finds_nothing_in_the_rules", &["check", "rules"], &file)
        else {
            return;
        };
        assert!(succeeded && said.contains("SUCCESS"), "{name}: {said}");
    }
}

/// promtool parses no query by itself, but those of rules.
#[test]
fn every_query_of_every_panel_parses() {
    let rules: Vec<_> = queries()
        .iter()
        .enumerate()
        .map(|(n, query)| json!({ "record": format!("query:{n}"), "expr": substituted(&query.expr, "5m") }))
        .collect();
    let asked = rules.len();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("queries.yml");
    // JSON is YAML.
    let text = json!({ "groups": [{ "name": "queries", "rules": rules }] }).to_string();
    assert!(!text.contains('$'), "a variable is left: {text}");
    std::fs::write(&file, text).expect("write the file");
    let Some((succeeded, said)) = promtool("every_query_of_every_panel_parses", &["check", "rules"], &file) else {
        return;
    };
    assert!(succeeded && said.contains(&format!("{asked} rules found")), "{said}");
}
