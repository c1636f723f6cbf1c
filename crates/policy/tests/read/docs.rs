//! `docs/policy.md` says what the code does: its tables of keys are the code's, its names are known, its example is read.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netrig-policy` writes the tables anew.

use netrig_policy::words::Action;
use netrig_policy::{KeyTable, keys_table};
use std::path::{Path, PathBuf};

const END: &str = "<!-- end -->";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.md")
}

fn text() -> String {
    std::fs::read_to_string(path()).expect("docs/policy.md")
}

/// What stands between ```` ```LANGUAGE ```` and the end of that block.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_tables_of_the_documentation_are_the_keys() {
    let mut text = text();
    for table in KeyTable::ALL {
        let title = table.title();
        let begin = format!("<!-- keys: {} -->\n", if table == KeyTable::File { "file" } else { table.path() });
        let start = text.find(&begin).map(|at| at + begin.len()).unwrap_or_else(|| panic!("no table for {title}"));
        let length = text[start..].find(END).expect("the table has an end");
        let want = format!("\n{}\n", keys_table(table));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            text.replace_range(start..start + length, &want);
            std::fs::write(path(), &text).expect("write the documentation");
        } else {
            assert_eq!(&text[start..start + length], want, "the table of {title} differs");
        }
    }
    assert_eq!(text.matches("<!-- keys: ").count(), KeyTable::ALL.len(), "a table of nothing");
}

#[test]
fn the_example_is_read_without_a_warning() {
    let text = text();
    let examples = blocks(&text, "toml");
    let whole = examples.iter().max_by_key(|block| block.len()).expect("an example");
    let read = super::read(whole);
    assert_eq!(read.warnings, []);
    assert!(read.policy.rules.len() >= 6);
    assert!(read.policy.rules.iter().any(|rule| matches!(rule.action, Action::Limit(_))));
    for example in examples {
        super::read(example);
    }
}

#[test]
fn the_example_of_an_error_is_what_is_printed() {
    let text = text();
    let [wrong] = blocks(&text, "toml,wrong")[..] else { panic!("one wrong example") };
    let errors = super::errors(wrong);
    let shown: String = errors.lines().map(|line| format!("    {line}\n")).collect();
    assert!(text.contains(&shown), "the example differs from:\n{errors}");
}

#[test]
fn the_names_of_the_documentation_are_known() {
    let text = text();
    let mut names = 0;
    for (key, heading) in [
        ("protocol", "Protocols"),
        ("icmp_type", "ICMP types"),
        ("ethertype", "EtherTypes"),
        ("tcp_flags", "TCP flags"),
    ] {
        let line =
            text.lines().find(|line| line.starts_with(&format!("{heading}: "))).unwrap_or_else(|| panic!("{heading}"));
        for name in line.split(", and numbers").next().unwrap_or(line).split('`').skip(1).step_by(2) {
            super::alternatives(&format!("{{ {key} = \"{name}\" }}"));
            names += 1;
        }
        // And the other way round: all that the code knows are told.
        let known =
            super::errors(&format!("[[rule]]\nid = \"r\"\naction = \"drop\"\nmatch = {{ {key} = \"qqqq\" }}\n"));
        if let Some((_, known)) = known.lines().next().and_then(|line| line.split_once("known are numbers and ")) {
            for name in known.split(", ") {
                assert!(line.contains(&format!("`{name}`")), "{heading} lack `{name}`");
            }
        }
    }
    assert!(names > 40, "{names} names");
}
