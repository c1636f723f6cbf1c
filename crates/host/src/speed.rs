//! How fast a link is, as far as its driver knows.

use std::fs;

/// An interface's speed in bits a second; none where the driver does not know, the link is down or there is no such interface.
#[must_use]
pub fn link_bits_per_second(name: &str) -> Option<u64> {
    // A name is no path.
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return None;
    }
    parse(&fs::read_to_string(format!("/sys/class/net/{name}/speed")).ok()?)
}

/// Megabits; 0, −1 and 2^32 − 1 are drivers' ways to say that they do not know.
fn parse(text: &str) -> Option<u64> {
    let megabits: i64 = text.trim().parse().ok()?;
    let known = u64::try_from(megabits).ok().filter(|megabits| *megabits > 0 && *megabits < u64::from(u32::MAX))?;
    Some(known * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_speed_is_one() {
        assert_eq!(parse("10000\n"), Some(10_000_000_000));
        for unknown in ["-1\n", "0\n", "4294967295\n", "", "fast"] {
            assert_eq!(parse(unknown), None, "{unknown:?}");
        }
        assert_eq!(link_bits_per_second("lo/../lo"), None);
    }
}
