//! Whether this process may do what the tests of the real kernel do.

use std::io::Write;
use std::path::Path;

/// Capabilities those tests use, with their bit in `/proc/self/status`.
const NEEDED: [(&str, u32); 2] = [("CAP_NET_ADMIN", 12), ("CAP_SYS_ADMIN", 21)];

/// Why tests of the real kernel cannot run here; `None` when they can.
#[must_use]
pub fn missing_rights() -> Option<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let Some(effective) = effective_capabilities(&status) else {
        return Some("/proc/thread-self/status tells no capabilities".to_owned());
    };
    let missing: Vec<_> = NEEDED.iter().filter(|(_, bit)| effective >> bit & 1 == 0).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Some(format!("{} missing: run the tests as root", missing.join(" and ")));
    }
    if !["/sbin/ip", "/usr/sbin/ip", "/bin/ip", "/usr/bin/ip"].iter().any(|p| Path::new(p).exists()) {
        return Some("the `ip` command is missing: install iproute2".to_owned());
    }
    None
}

/// Says on standard error that the calling test, or a part of it, was skipped, and why.
///
/// Written past the test harness's capture, which would hide it: a skipped test counts as passed there.
pub fn report_skipped(reason: &str) {
    let thread = std::thread::current();
    let line = format!("SKIPPED: {}: {reason}\n", thread.name().unwrap_or("a test"));
    // Nothing can be done for a closed standard error.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Reports the calling test as skipped for want of rights: what [`crate::require_root!`] does.
///
/// # Panics
/// When `NETRIG_TEST_NO_SKIP=1`.
pub fn report_without_rights(reason: &str) {
    report_skipped(reason);
    assert!(std::env::var_os("NETRIG_TEST_NO_SKIP").is_none_or(|v| v != "1"), "NETRIG_TEST_NO_SKIP=1, but {reason}");
}

fn effective_capabilities(status: &str) -> Option<u64> {
    let hex = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(hex.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::effective_capabilities;

    #[test]
    fn capabilities_are_read_from_the_status_file() {
        assert_eq!(effective_capabilities("Name:\tx\nCapEff:\t000001ffffffffff\n"), Some(0x1ff_ffff_ffff));
        assert_eq!(effective_capabilities("Name:\tx\n"), None);
    }
}
