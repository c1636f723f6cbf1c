//! Names of files: tcpdump's for captures, our own for dumps.

use crate::{Error, Zone};
use netrig_model::Timestamp;
use std::path::{Path, PathBuf};

/// What names of dumps begin and end with.
pub(super) const DUMP_PREFIX: &str = "netrig-";
pub(super) const DUMP_SUFFIX: &str = ".pcapng";
/// The most octets of a host's name and of a trigger's in a dump's name; a name can have 255.
const PART_MAX: usize = 80;

/// How many digits numbers of files have, so that `count` files sort by name: none if they are not bounded.
pub(super) fn digits(count: Option<u32>) -> usize {
    // As tcpdump counts: the last number is one less than there are files, and a single file has no number.
    let last = count.unwrap_or(1).saturating_sub(1);
    last.checked_ilog10().map_or(0, |log| log as usize + 1)
}

/// The name of file `number`: with its time filled in where files rotate by time, with its number behind it where they
/// rotate by size.
pub(super) fn file_name(
    pattern: &Path,
    time: Option<(Timestamp, &Zone)>,
    number: u32,
    digits: usize,
) -> Result<PathBuf, Error> {
    let mut name = match time {
        Some((time, zone)) => PathBuf::from(with_time(pattern, time, zone)?).into_os_string(),
        None => pattern.as_os_str().to_owned(),
    };
    if number > 0 || digits > 0 {
        name.push(format!("{number:0digits$}"));
    }
    Ok(name.into())
}

fn with_time(pattern: &Path, time: Timestamp, zone: &Zone) -> Result<String, Error> {
    let wrong = |reason: String| Error::Name { pattern: pattern.display().to_string(), reason };
    let text = pattern.to_str().ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
    jiff::fmt::strtime::format(text, &zone.at(time)).map_err(|error| wrong(error.to_string()))
}

/// A name in `folder` that no file has yet, for packets dumped at `time` because of `trigger`:
/// `netrig-HOST-20261127T183523Z-TRIGGER.pcapng`. What is no letter, digit, dot or underscore becomes a dash.
#[must_use]
pub fn dump_path(folder: &Path, host: &str, time: Timestamp, trigger: &str) -> PathBuf {
    let time = Zone::utc().at(time).strftime("%Y%m%dT%H%M%SZ").to_string();
    let stem = format!("{DUMP_PREFIX}{}-{time}-{}", safe(host, "host"), safe(trigger, "dump"));
    let names = (1_u32..).map(|copy| match copy {
        1 => folder.join(format!("{stem}{DUMP_SUFFIX}")),
        _ => folder.join(format!("{stem}-{copy}{DUMP_SUFFIX}")),
    });
    // Also what a link leads nowhere from is taken.
    let free = names.into_iter().find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| folder.join(format!("{stem}{DUMP_SUFFIX}")))
}

/// A part of a file's name of `text`; `otherwise` if nothing is left of it.
fn safe(text: &str, otherwise: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    let name: String = text.chars().take(PART_MAX).map(keep).collect();
    match name.trim_matches(['-', '.']) {
        "" => otherwise.to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp(1_795_804_523_000_000_000);

    #[test]
    fn numbers_have_the_digits_tcpdump_gives_them() {
        assert_eq!(
            [None, Some(1), Some(2), Some(10), Some(11), Some(100), Some(101)].map(digits),
            [0, 0, 1, 1, 2, 2, 3]
        );
        let name = |number, digits| file_name(Path::new("a%H"), None, number, digits).expect("a name");
        assert_eq!(name(0, 0), Path::new("a%H"));
        assert_eq!(name(12, 0), Path::new("a%H12"));
        assert_eq!(name(0, 2), Path::new("a%H00"));
    }

    #[test]
    fn times_are_local() {
        let zone = Zone::east(2 * 3600);
        let name = file_name(Path::new("d/%Y-%m-%d_%H:%M:%S.pcapng"), Some((TIME, &zone)), 0, 1).expect("a name");
        assert_eq!(name, Path::new("d/2026-11-27_20:35:23.pcapng0"));
        let wrong = file_name(Path::new("a%"), Some((TIME, &zone)), 0, 0).expect_err("no conversion");
        assert!(wrong.to_string().contains("cannot make a file name of `a%`"), "{wrong}");
    }

    #[test]
    fn dumps_have_safe_names_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = || dump_path(folder.path(), "../Web 1\n", TIME, "drop rate > 5/s");
        let first = name();
        assert_eq!(first, folder.path().join("netrig-Web-1-20261127T183523Z-drop-rate---5-s.pcapng"));
        std::fs::write(first, "").expect("write");
        assert_eq!(name(), folder.path().join("netrig-Web-1-20261127T183523Z-drop-rate---5-s-2.pcapng"));
        let empty = dump_path(folder.path(), "", TIME, "/");
        assert_eq!(empty, folder.path().join("netrig-host-20261127T183523Z-dump.pcapng"));
    }
}
