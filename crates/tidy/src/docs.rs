//! Rules for Markdown.

use crate::{Finding, Tree};

/// Relative links that lead nowhere.
#[must_use]
pub fn broken_links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&file.text) {
            if !exists(tree, &resolve(folder, target)) {
                let message = format!("the link to `{target}` leads nowhere");
                findings.push(Finding { path: file.path.clone(), line, message });
            }
        }
    }
    findings
}

/// Decisions that the index of `docs/decisions/` does not name.
#[must_use]
pub fn decisions_not_in_the_index(tree: &Tree) -> Vec<Finding> {
    const FOLDER: &str = "docs/decisions/";
    let index = tree.files.iter().find(|file| file.path == format!("{FOLDER}README.md"));
    let index = index.map_or("", |file| file.text.as_str());
    let decisions = tree.ending(".md").filter_map(|file| file.path.strip_prefix(FOLDER));
    decisions
        .filter(|name| *name != "README.md" && !index.contains(&format!("]({name})")))
        .map(|name| Finding {
            path: format!("{FOLDER}{name}"),
            line: 0,
            message: format!("{FOLDER}README.md does not name this decision"),
        })
        .collect()
}

/// Targets of relative links with their lines, outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code || line.starts_with("    ") {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '#']).next());
        found.extend(
            targets.filter(|t| !t.is_empty() && !t.contains("://") && !t.starts_with("mailto:")).map(|t| (at + 1, t)),
        );
    }
    found
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    path.is_empty()
        || tree.paths.iter().any(|p| p == path || p.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_the_folder_of_their_file() {
        let text =
            "[up](../README.md) [here](b.md#part) [folder](../crates/) [web](https://x.y/z)\n\n    [code](c.md)\n";
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", ""), ("crates/x/y.rs", "")]);
        assert_eq!(broken_links(&tree), []);
    }

    #[test]
    fn a_link_to_nowhere_is_found_with_its_line() {
        let tree = Tree::of(&[("docs/a.md", "fine\n[gone](gone.md)\n")]);
        assert_eq!(broken_links(&tree)[0].to_string(), "docs/a.md:2: the link to `gone.md` leads nowhere");
    }

    #[test]
    fn a_decision_missing_from_the_index_is_found() {
        let tree = Tree::of(&[
            ("docs/decisions/README.md", "- [1](0001-a.md)\n"),
            ("docs/decisions/0001-a.md", ""),
            ("docs/decisions/0002-b.md", ""),
        ]);
        let found = decisions_not_in_the_index(&tree);
        assert_eq!(found.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["docs/decisions/0002-b.md"]);
    }
}
