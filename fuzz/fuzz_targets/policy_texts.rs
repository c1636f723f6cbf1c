//! Any bytes at all as a policy file and as the set file it names: no panic, no hang, and of what is refused a place.
//!
//!     cargo +nightly fuzz run policy_texts -- -max_total_time=60 crates/policy/tests/read/golden

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_policy::{SetEntries, SetFile, read};
use std::io;

fuzz_target!(|bytes: &[u8]| {
    match SetFile::parse(bytes) {
        Ok(set) => {
            let counts = set.counts;
            assert_eq!(counts.entries, counts.v4 + counts.v6 + counts.ports);
            assert_eq!(counts.entries == 0, set.entries == SetEntries::Empty);
            assert!(counts.duplicates + counts.overlaps < counts.entries.max(1));
        }
        Err(broken) => {
            assert!((1..=broken.lines).contains(&broken.broken));
            assert!(!broken.to_string().contains('\u{1b}'));
        }
    }
    // What follows the first NUL, which no policy has, is what every set file holds.
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let (text, set) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Ok(text) = str::from_utf8(text) else { return };
    match read(text, "policy.toml", &mut |_: &str| io::Result::Ok(set.to_vec())) {
        Ok(read) => {
            for rule in &read.policy.rules {
                assert!(!rule.alternatives.is_empty() && !rule.id.is_empty());
                assert!((1..=text.lines().count()).contains(&rule.line));
            }
        }
        Err(errors) => {
            assert!(!errors.0.is_empty());
            assert!(!errors.to_string().contains('\u{1b}'));
        }
    }
});
