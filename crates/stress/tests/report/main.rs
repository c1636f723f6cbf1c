//! Whole reports: verdicts, words, charts and comparisons of runs that were made up.

mod compare;
mod html;
mod json;
mod made;
mod text;
mod verdict;

use std::path::Path;

/// Holds what was shown against a golden file; `UPDATE_GOLDEN=1` writes it anew, to be read before it is committed.
fn golden(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, shown).expect("write the golden file");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    // Whole pages side by side would show nobody where they differ.
    let differing = shown.lines().zip(kept.lines()).position(|(shown, kept)| shown != kept);
    let at = differing.unwrap_or(shown.lines().count().min(kept.lines().count()));
    let [shown_line, kept_line] = [shown, &kept].map(|text| text.lines().nth(at).unwrap_or("nothing"));
    assert!(shown == kept, "{name} differs in line {}:\n{shown_line:.200}\ninstead of\n{kept_line:.200}", at + 1);
}
