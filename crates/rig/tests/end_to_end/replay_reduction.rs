//! `netrig replay --reduction`: what levels of the store still tell of real captures, as golden files.

use crate::support::Rig;
use netrig_testkit::require_root;
use std::path::Path;

/// Compares with a golden file; `NETRIG_BLESS=1` rewrites it.
fn golden(file: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, got).expect("write golden file");
    }
    let want = std::fs::read_to_string(&path).expect("golden file; NETRIG_BLESS=1 writes it");
    assert_eq!(got, want, "{file} differs; NETRIG_BLESS=1 rewrites it");
}

/// Many flows to few services, of which minutes keep the services; and flows that were joined in the middle, of which not even
/// the service's port is sure.
#[test]
fn what_levels_still_tell_of_captures_is_told_like_this() {
    require_root!();
    for capture in ["ipfixprobe__tls", "PcapPlusPlus__ipv4-options"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay/tests/captures").join(capture);
        let path = path.with_extension("pcap");
        let path = path.to_str().expect("a path in UTF-8");
        golden(&format!("reduction-{capture}.txt"), &Rig::ask_alone(&["replay", path, "--reduction"]));
        golden(&format!("reduction-{capture}.jsonl"), &Rig::ask_alone(&["replay", path, "--reduction", "--json"]));
    }
}
