//! What people read when their rig.toml is wrong: each `golden/NAME.toml` must give `golden/NAME.txt`, to the letter.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netrig-config` writes the texts anew; read them before you commit them.

use netrig_config::Config;
use std::fs;
use std::path::{Path, PathBuf};

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The first lines of a case may set the environment: `#env NAME=value`.
fn environment(text: &str) -> impl Iterator<Item = (String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#env "));
    lines.filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()))
}

fn hold(path: &Path, got: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, got).expect("write the golden file");
    }
    let want = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(got, want, "{} differs", path.display());
}

#[test]
fn every_wrong_file_gives_its_message() {
    let mut cases: Vec<_> =
        fs::read_dir(golden_dir()).expect("golden files").map(|e| e.expect("entry").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    cases.sort();
    assert!(cases.len() >= 8, "golden cases are missing");
    for case in cases {
        let text = fs::read_to_string(&case).expect("case");
        let errors =
            Config::from_toml(&text, "rig.toml", environment(&text)).expect_err("the case is wrong on purpose");
        hold(&case.with_extension("txt"), &format!("{errors}\n"));
    }
}

#[test]
fn the_default_file_stays_as_it_is() {
    hold(&golden_dir().join("default.txt"), &Config::default_toml());
}

#[test]
fn the_schema_stays_as_it_is() {
    let schema = serde_json::to_string_pretty(&Config::json_schema()).expect("JSON");
    hold(&golden_dir().join("schema.txt"), &format!("{schema}\n"));
}
