//! The host itself: its name, kernel, processors, clocks and namespace.

use crate::error::HostError;
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The host's name, as the system has it.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The running kernel's release: `6.1.0-18-amd64`.
#[must_use]
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The number of this thread's network namespace: what `ls -l /proc/self/ns/net` shows in brackets.
///
/// # Errors
/// When `/proc` is not there.
pub fn netns_inode() -> Result<u64, HostError> {
    const PATH: &str = "/proc/thread-self/ns/net";
    fs::metadata(PATH).map(|meta| meta.ino()).map_err(|source| HostError::File { path: PATH, source })
}

/// How many processors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus {
    /// Numbers that a processor may get, now or by hot-plug: what per-CPU kernel tables are cut by.
    pub possible: usize,
    /// Processors at work now.
    pub online: usize,
}

/// Counts the processors.
///
/// # Errors
/// When `/sys` is not there.
pub fn cpus() -> Result<Cpus, HostError> {
    let read = |path: &'static str| match fs::read_to_string(path).map(|text| parse_cpu_list(&text)) {
        Ok(Some(list)) => Ok(list),
        Ok(None) => Err(HostError::File { path, source: std::io::Error::other("it is no list of processors") }),
        Err(source) => Err(HostError::File { path, source }),
    };
    let (_, highest) = read("/sys/devices/system/cpu/possible")?;
    let (online, _) = read("/sys/devices/system/cpu/online")?;
    Ok(Cpus { possible: highest + 1, online })
}

/// How many processors a list such as `0-3,8` names, and the highest.
fn parse_cpu_list(text: &str) -> Option<(usize, usize)> {
    let (mut count, mut highest) = (0, 0);
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        count += last.checked_sub(first)? + 1;
        highest = highest.max(last);
    }
    Some((count, highest))
}

/// The monotonic clock, nanoseconds: what kernel programs call time.
#[must_use]
pub fn monotonic_ns() -> u64 {
    u64::try_from(now_ns(ClockId::Monotonic)).unwrap_or(0)
}

/// Nanoseconds to add to `CLOCK_MONOTONIC` to get the time since 1970; it moves when the clock is set.
#[must_use]
pub fn realtime_offset_ns() -> i64 {
    offset_ns(ClockId::Realtime, ClockId::Monotonic)
}

/// Nanoseconds to add to `CLOCK_MONOTONIC` to get the time since boot: what was slept through.
#[must_use]
pub fn boot_time_offset_ns() -> i64 {
    offset_ns(ClockId::Boottime, ClockId::Monotonic)
}

/// `a − b`, from the tightest of a few readings of `b` around `a`: being interrupted between them would shift it.
fn offset_ns(a: ClockId, b: ClockId) -> i64 {
    let reading = || {
        let (before, at, after) = (now_ns(b), now_ns(a), now_ns(b));
        (after - before, at - (before + (after - before) / 2))
    };
    (0..5).map(|_| reading()).min_by_key(|(spread, _)| *spread).map_or(0, |(_, offset)| offset)
}

fn now_ns(clock: ClockId) -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    tv_sec * 1_000_000_000 + tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_lists_are_counted() {
        assert_eq!(parse_cpu_list("0\n"), Some((1, 0)));
        assert_eq!(parse_cpu_list("0-3,8,10-11\n"), Some((7, 11)));
        assert_eq!(parse_cpu_list("3-0"), None);
        assert_eq!(parse_cpu_list(""), None);
    }

    #[test]
    fn this_host_answers() {
        let cpus = cpus().expect("/sys");
        assert!(cpus.online >= 1 && cpus.possible >= cpus.online, "{cpus:?}");
        assert!(netns_inode().expect("/proc") > 0);
        let proc = |file: &str| fs::read_to_string(format!("/proc/sys/kernel/{file}")).expect("/proc");
        assert_eq!(host_name(), proc("hostname").trim());
        assert_eq!(kernel_release(), proc("osrelease").trim());
    }

    #[test]
    fn the_clock_offset_turns_monotonic_into_wall_time() {
        let wall = now_ns(ClockId::Monotonic) + realtime_offset_ns();
        let direct = now_ns(ClockId::Realtime);
        assert!((direct - wall).abs() < 1_000_000_000, "{direct} and {wall} are a second apart");
        assert!(boot_time_offset_ns() > -1_000_000, "time since boot is not behind the monotonic clock");
    }
}
