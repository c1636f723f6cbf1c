//! Rules for `Cargo.toml` files.

use crate::{Finding, SourceFile, Tree};

/// The road data goes, in order: a crate may depend on those before it, never on those after it. `ARCHITECTURE.md` says
/// the same to people.
pub const ROAD: [&str; 22] = [
    "testkit",
    "model",
    "config",
    "policy",
    "filter",
    "host",
    "probes",
    "drain",
    "payload",
    "aggregate",
    "store",
    "metrics",
    "dashboards",
    "serve",
    "export",
    "view",
    "capture",
    "replay",
    "stress",
    "rig",
    "query",
    "bench",
];

fn crate_manifests(tree: &Tree) -> impl Iterator<Item = &SourceFile> {
    tree.ending("/Cargo.toml").filter(|file| file.path.starts_with("crates/"))
}

/// Crates that do not take the workspace's lints.
#[must_use]
pub fn lints_not_inherited(tree: &Tree) -> Vec<Finding> {
    let message = "the crate does not inherit the lints: add [lints] workspace = true";
    crate_manifests(tree)
        .filter(|file| !file.text.contains("[lints]\nworkspace = true\n"))
        .map(|file| Finding { path: file.path.clone(), line: 0, message: message.to_owned() })
        .collect()
}

/// Dependencies that go up the road, and crates without a place on it.
#[must_use]
pub fn dependencies_against_the_road(tree: &Tree) -> Vec<Finding> {
    let place = |name: &str| ROAD.iter().position(|station| *station == name);
    let mut findings = Vec::new();
    for file in crate_manifests(tree) {
        let name = file.path.split('/').nth(1).unwrap_or_default();
        if name == "tidy" {
            continue;
        }
        let mut find = |line, message| findings.push(Finding { path: file.path.clone(), line, message });
        let Some(own) = place(name) else {
            find(0, format!("`{name}` has no place on the road: give it one in crates/tidy/src/manifests.rs"));
            continue;
        };
        for (line, dependency) in own_dependencies(&file.text) {
            if place(dependency).is_none_or(|theirs| theirs >= own) {
                find(line, format!("`{name}` depends on `{dependency}`, which comes after it on the road"));
            }
        }
    }
    findings
}

/// The house's own crates a manifest names, with their lines, from 1; tests may use whatever they like.
fn own_dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut counts = false;
    let mut found = Vec::new();
    for (at, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            counts = line == "[dependencies]" || line == "[build-dependencies]";
        } else if counts && let Some(rest) = line.strip_prefix("netrig-") {
            found.push((at + 1, rest.split(['.', ' ', '=']).next().unwrap_or_default()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_lints_is_found() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", "[package]\n"),
            ("crates/b/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"),
            ("Cargo.toml", "[workspace]\n"),
        ]);
        assert_eq!(lints_not_inherited(&tree).len(), 1);
    }

    #[test]
    fn only_dependencies_up_the_road_are_found() {
        let down = "[dependencies]\nnetrig-model.workspace = true\n[dev-dependencies]\nnetrig-rig.workspace = true\n";
        let up = "[dependencies]\nserde = \"1\"\nnetrig-store = { path = \"../store\" }\n";
        let tree = Tree::of(&[("crates/view/Cargo.toml", down), ("crates/model/Cargo.toml", up)]);
        let found = dependencies_against_the_road(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("crates/model/Cargo.toml", 3));
    }

    #[test]
    fn a_crate_off_the_road_is_found() {
        let found = dependencies_against_the_road(&Tree::of(&[("crates/zeppelin/Cargo.toml", "")]));
        assert!(found[0].message.contains("no place"));
    }
}
