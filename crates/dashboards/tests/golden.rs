//! The files as they are written. `NETRIG_BLESS=1` rewrites the golden ones.

use netrig_dashboards::files;
use std::path::Path;

#[test]
fn the_files_are_what_they_were() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in files() {
        let path = golden.join(&file.path);
        if std::env::var_os("NETRIG_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
            std::fs::write(&path, &file.text).expect("write the golden file");
            continue;
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == file.text, "{} differs; NETRIG_BLESS=1 rewrites it, and git diff shows how", file.path);
    }
}
