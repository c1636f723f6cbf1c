//! Any text at all as a cgroup path and as `/proc/PID/cgroup`, which containers can write: no panic, and nothing made up.
//!
//!     cargo +nightly fuzz run process_texts -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_host::{container_of, process_cgroup};

fuzz_target!(|text: &str| {
    if let Some(name) = container_of(text) {
        assert!(!name.is_empty());
    }
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    for hint in [None, Some(first)] {
        if let Some(path) = process_cgroup(rest, hint) {
            assert!(path == "/" || text.contains(&path));
            let _ = container_of(&path);
        }
    }
});
