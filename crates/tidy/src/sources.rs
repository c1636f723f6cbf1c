//! Rules for Rust, C and shell.

use crate::{Finding, SourceFile, Tree};

/// No file should need scrolling for long; 400 is what one aims at.
const LINES_MAX: usize = 600;
/// This crate names what it forbids.
const SELF: &str = "crates/tidy/";

/// Where `unsafe` may be, and why. Everything else is safe Rust.
const UNSAFE_HOMES: [(&str, &str); 9] = [
    ("crates/host/src/drop_counters/ethtool.rs", "drivers' statistics, which only an ioctl tells"),
    ("crates/probes/src/", "mapped kernel tables and libbpf's C interface"),
    ("crates/probes/tests/filter/", "the kernel's own classic filters, which a socket takes as an option"),
    ("crates/bench/", "libbpf's C interface: test runs and their statistics"),
    ("crates/query/src/limits.rs", "two limits the standard library cannot set"),
    ("crates/testkit/src/syscalls.rs", "entering a network namespace, TUN devices, TCP_INFO"),
    ("crates/store/src/", "file locks and free space"),
    ("crates/rig/", "process clocks and signals"),
    ("crates/stress/src/watch/child.rs", "a child that dies with who started it"),
];

fn is_code(file: &SourceFile) -> bool {
    [".rs", ".c", ".h", ".sh"].iter().any(|end| file.path.ends_with(end)) || file.path == "dev"
}

/// Files longer than [`LINES_MAX`] lines.
#[must_use]
pub fn long_files(tree: &Tree) -> Vec<Finding> {
    let long = tree.files.iter().filter(|file| is_code(file) && file.text.lines().count() > LINES_MAX);
    long.map(|file| Finding {
        path: file.path.clone(),
        line: 0,
        message: format!("{} lines; at most {LINES_MAX}: give its second purpose a file", file.text.lines().count()),
    })
    .collect()
}

/// Notes to self, left-over debugging and paths of one machine.
#[must_use]
pub fn forbidden_words(tree: &Tree) -> Vec<Finding> {
    const WORDS: [(&str, &str); 6] = [
        ("TODO", "do it, or write an issue"),
        ("FIXME", "mend it, or write an issue"),
        ("XXX", "say it in a sentence"),
        ("dbg!(", "remove it"),
        ("/home/", "no paths of one machine"),
        ("/root/", "no paths of one machine"),
    ];
    each_line(tree, |line| {
        WORDS.iter().find(|(word, _)| line.contains(word)).map(|(word, advice)| format!("`{word}`: {advice}"))
    })
}

/// C files without the tag that says their two licences.
#[must_use]
pub fn missing_licence_tags(tree: &Tree) -> Vec<Finding> {
    const TAG: &str = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause";
    let c = tree.files.iter().filter(|file| file.path.ends_with(".c") || file.path.ends_with(".h"));
    c.filter(|file| !file.text.lines().next().is_some_and(|line| line.contains(TAG)))
        .map(|file| Finding {
            path: file.path.clone(),
            line: 1,
            message: format!("the first line must be /* {TAG} */"),
        })
        .collect()
}

/// `unsafe` outside its few homes.
#[must_use]
pub fn unknown_unsafe_homes(tree: &Tree) -> Vec<Finding> {
    let at_home = |path: &str| UNSAFE_HOMES.iter().any(|(home, _)| path.starts_with(home));
    let mut findings = each_line(tree, |line| {
        let code = line.split("//").next().unwrap_or_default();
        let is_unsafe = code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl");
        is_unsafe.then(|| "`unsafe` outside its homes: find a safe way, or add a home with its reason".to_owned())
    });
    findings.retain(|finding| finding.path.ends_with(".rs") && !at_home(&finding.path));
    findings
}

fn each_line(tree: &Tree, rule: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let files = tree.files.iter().filter(|file| is_code(file) && !file.path.starts_with(SELF));
    let lines = files.flat_map(|file| file.text.lines().enumerate().map(move |(at, line)| (file, at + 1, line)));
    lines
        .filter_map(|(file, at, line)| Some(Finding { path: file.path.clone(), line: at, message: rule(line)? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_a_short_one_is_not() {
        let long = "x\n".repeat(LINES_MAX + 1);
        let tree = Tree::of(&[("a.rs", &long), ("b.rs", "x\n"), ("c.md", &long)]);
        assert_eq!(long_files(&tree).iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["a.rs"]);
    }

    #[test]
    fn a_note_to_self_is_found_with_its_line() {
        let tree = Tree::of(&[("a.rs", "fn main() {}\n// TODO: more\n"), ("b.rs", "#[expect(dead_code)]\n")]);
        let found = forbidden_words(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "a.rs:2: `TODO`: do it, or write an issue");
    }

    #[test]
    fn c_needs_its_licence_tag_on_the_first_line() {
        let good = "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n";
        let tree = Tree::of(&[("a.h", good), ("b.bpf.c", "int x;\n"), ("c.c", "")]);
        assert_eq!(missing_licence_tags(&tree).len(), 2);
    }

    #[test]
    fn unsafe_is_found_away_from_home_only() {
        let code = "fn f() { unsafe { g() } } // unsafe { }\n";
        let tree = Tree::of(&[("crates/view/src/lib.rs", code), ("crates/probes/src/memory.rs", code)]);
        assert_eq!(unknown_unsafe_homes(&tree).iter().map(|f| f.line).collect::<Vec<_>>(), [1]);
        assert!(unknown_unsafe_homes(&Tree::of(&[("crates/view/src/lib.rs", "// unsafe {\n")])).is_empty());
    }
}
