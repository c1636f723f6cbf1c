//! Mounts, as `/proc/self/mountinfo` lists them.

use std::path::PathBuf;

pub(crate) const MOUNTINFO: &str = "/proc/self/mountinfo";

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Which part of the file system is mounted: `/`, a folder of it, or of a namespace file `net:[4026531840]`.
    pub(crate) root: String,
    /// Where.
    pub(crate) point: PathBuf,
    /// Of which type: `cgroup2`, `nsfs`, …
    pub(crate) kind: String,
}

/// The mounts of `text`; lines that are none are passed over.
pub(crate) fn parse_mounts(text: &str) -> impl Iterator<Item = Mount> {
    text.lines().filter_map(|line| {
        // id parent major:minor root point options [optional fields] - type source options
        let (place, file_system) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let kind = file_system.split(' ').next()?;
        Some(Mount { root: unescaped(root), point: PathBuf::from(unescaped(point)), kind: kind.to_owned() })
    })
}

/// Undoes the kernel's `\040` for blanks and the like.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mounts_are_read_with_and_without_optional_fields() {
        let text = "36 25 0:32 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
                    no mount at all\n\
                    41 31 0:38 /docker/ab /mnt/with\\040blank\\134 rw,relatime - cgroup2 - rw\n\
                    190 25 0:4 net:[4026532205] /run/netns/blue rw shared:101 master:3 - nsfs nsfs rw\n";
        let mounts: Vec<_> = parse_mounts(text).collect();
        let shown: Vec<_> =
            mounts.iter().map(|m| (m.root.as_str(), m.point.to_str().unwrap_or_default(), m.kind.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("/", "/sys/fs/cgroup", "cgroup2"),
                ("/docker/ab", "/mnt/with blank\\", "cgroup2"),
                ("net:[4026532205]", "/run/netns/blue", "nsfs"),
            ]
        );
    }

    #[test]
    fn a_backslash_that_begins_no_octal_stays() {
        assert_eq!(unescaped(r"a\x2db\9\04"), r"a\x2db\9\04");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*", escaped in r"[\\0-9a-z /:-]*") {
            for mount in parse_mounts(&text).chain(parse_mounts(&escaped)) {
                prop_assert!(!mount.kind.contains(' '));
            }
            unescaped(&escaped);
        }
    }
}
