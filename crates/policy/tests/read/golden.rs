//! What people read when their policy is wrong: each `golden/NAME.toml` must give `golden/NAME.txt`, to the letter.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netrig-policy` writes the texts anew; read them before you commit them.

use std::fs;
use std::path::Path;

#[test]
fn every_wrong_policy_gives_its_messages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read/golden");
    let mut cases: Vec<_> = fs::read_dir(folder).expect("golden files").map(|e| e.expect("entry").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    assert!(cases.len() >= 4, "golden cases are missing");
    for case in cases {
        let got = format!("{}\n", super::errors(&fs::read_to_string(&case).expect("case")));
        let path = case.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &got).expect("write the golden file");
        }
        assert_eq!(got, fs::read_to_string(&path).unwrap_or_default(), "{} differs", path.display());
    }
}
