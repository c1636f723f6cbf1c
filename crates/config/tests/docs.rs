//! `docs/configuration.md` says what the code does: every section has its heading, and its table is the code's.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netrig-config` writes the tables anew.

use netrig_config::{Config, SECTIONS, settings_table};
use std::path::Path;

const END: &str = "<!-- end -->";

#[test]
fn the_tables_of_the_documentation_are_the_settings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let mut text = std::fs::read_to_string(&path).expect("docs/configuration.md");
    for section in SECTIONS {
        let name = section.name;
        assert!(text.contains(&format!("\n## `[{name}]`\n")), "no heading for [{name}]");
        let begin = format!("<!-- settings: {name} -->\n");
        let start = text.find(&begin).map(|at| at + begin.len()).unwrap_or_else(|| panic!("no table for [{name}]"));
        let length = text[start..].find(END).expect("the table has an end");
        let want = format!("\n{}\n", settings_table(name));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            text.replace_range(start..start + length, &want);
            std::fs::write(&path, &text).expect("write the documentation");
        } else {
            assert_eq!(&text[start..start + length], want, "the table of [{name}] differs");
        }
    }
    assert_eq!(text.matches("<!-- settings: ").count(), SECTIONS.len(), "a table of no section");
}

#[test]
fn the_example_of_an_error_is_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(path).expect("docs/configuration.md");
    let errors =
        Config::from_toml("[rig]\nwindw = \"10s\"\n", "rig.toml", std::iter::empty()).expect_err("a typing error");
    let shown: Vec<_> = errors.to_string().lines().map(|line| format!("    {line}\n")).collect();
    assert!(text.contains(&shown.concat()), "the example differs from:\n{errors}");
}
