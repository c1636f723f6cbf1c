//! The house as it stands, held against its rules.

use netrig_tidy::{Finding, Tree};
use std::path::Path;

fn house() -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).expect("read the sources");
    assert!(tree.files.len() > 50, "only {} files found: is this the house?", tree.files.len());
    tree
}

fn none(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} against the rules:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    none(&netrig_tidy::long_files(&house()));
}

#[test]
fn no_notes_to_self_nor_left_over_debugging() {
    none(&netrig_tidy::forbidden_words(&house()));
}

#[test]
fn kernel_code_carries_its_licence() {
    none(&netrig_tidy::missing_licence_tags(&house()));
}

#[test]
fn unsafe_stays_in_its_homes() {
    none(&netrig_tidy::unknown_unsafe_homes(&house()));
}

#[test]
fn every_crate_inherits_the_lints() {
    none(&netrig_tidy::lints_not_inherited(&house()));
}

#[test]
fn dependencies_run_down_the_road() {
    none(&netrig_tidy::dependencies_against_the_road(&house()));
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    none(&netrig_tidy::broken_links(&house()));
}

#[test]
fn every_decision_is_in_the_index() {
    none(&netrig_tidy::decisions_not_in_the_index(&house()));
}
