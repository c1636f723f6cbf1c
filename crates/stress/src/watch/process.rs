//! The rig's process, as the kernel sees it.

use std::fs;
use std::time::Duration;

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) cpu: Duration,
    /// All that is resident.
    pub(super) rss_bytes: u64,
    /// What it has for itself: the rest are pages of the kernel's tables and of files, which it maps and touches one after another.
    pub(super) own_bytes: u64,
}

impl Process {
    /// `None` when it is no more.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu: cpu(&stat, rustix::param::clock_ticks_per_second())?,
            rss_bytes: size(&status, "VmRSS:")?,
            own_bytes: size(&status, "RssAnon:")?,
        })
    }
}

/// User and system time; the name before them, in brackets, may contain anything.
fn cpu(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut ticks = behind.split(' ').skip(11).map(|word| word.parse::<u64>());
    let sum = ticks.next()?.ok()? + ticks.next()?.ok()?;
    Some(Duration::from_millis(sum * 1000 / ticks_per_second.max(1)))
}

/// One of the sizes that the kernel tells in kB, in bytes.
fn size(status: &str, name: &str) -> Option<u64> {
    let words = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(words.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_the_name_whatever_that_is() {
        let stat = "42 (a ) 9 b) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100 1 1";
        assert_eq!(cpu(stat, 100), Some(Duration::from_secs(2)));
        assert_eq!(cpu("", 100), None);
    }

    #[test]
    fn sizes_are_told_in_kilobytes() {
        let status = "Name:\tVmRSS: 1\nVmRSS:\t  116420 kB\nRssAnon:\t   56172 kB\n";
        assert_eq!(
            ["VmRSS:", "RssAnon:", "RssFile:"].map(|name| size(status, name)),
            [Some(119_214_080), Some(57_520_128), None]
        );
    }

    #[test]
    fn this_process_has_memory() {
        let this = Process::of(std::process::id()).expect("it runs");
        assert!(this.own_bytes > 0 && this.own_bytes < this.rss_bytes, "its program is mapped: {this:?}");
        assert_eq!(Process::of(u32::MAX), None);
    }
}
