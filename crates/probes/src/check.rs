//! What this kernel and these rights allow, found out by trying.

use std::fs;
use std::path::Path;

/// One finding of `netrig check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// Whether it is as needed.
    pub fine: bool,
    /// What was found, and what to do where it is not fine.
    pub detail: String,
}

/// The oldest kernel on which the flow probe's programs can work: `bpf_loop` came with 5.17, XDP's `bpf_xdp_load_bytes`
/// and multi-buffer frames with 5.18.
const KERNEL_MIN: (u32, u32) = (5, 18);

/// Kernel, BTF, rights: what every probe needs.
#[must_use]
pub fn ground() -> Vec<Finding> {
    vec![kernel(), btf(Path::new("/sys/kernel/btf/vmlinux")), rights()]
}

fn release_text() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// The running kernel's.
pub(crate) fn release() -> Option<(u32, u32)> {
    parse_release(&release_text())
}

fn kernel() -> Finding {
    let release = release_text();
    let version = parse_release(&release);
    let fine = version.is_some_and(|v| v >= KERNEL_MIN);
    let detail = if fine {
        release
    } else {
        format!(
            "{release}: netrig needs Linux {}.{} or newer (6.1 and newer have all of it)",
            KERNEL_MIN.0, KERNEL_MIN.1
        )
    };
    Finding { what: "kernel", fine, detail }
}

fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn btf(path: &Path) -> Finding {
    let fine = path.exists();
    let detail = if fine {
        path.display().to_string()
    } else {
        format!(
            "{} is missing: this kernel was built without CONFIG_DEBUG_INFO_BTF; use a distribution's kernel",
            path.display()
        )
    };
    Finding { what: "btf", fine, detail }
}

/// Capability bits of `linux/capability.h`.
const NEEDED: [(u32, &str); 3] = [(39, "CAP_BPF"), (12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON")];
const CAP_SYS_ADMIN: u32 = 21;

pub(crate) fn rights() -> Finding {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|l| l.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let has = |bit: u32| effective >> bit & 1 == 1;
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(bit, name)| !(has(*bit) || has(CAP_SYS_ADMIN) && *name != "CAP_NET_ADMIN"))
        .map(|(_, name)| *name)
        .collect();
    let fine = missing.is_empty();
    let detail = if fine {
        "may load and attach programs".into()
    } else {
        format!("{} missing: run as root, or give the binary these capabilities", missing.join(", "))
    };
    Finding { what: "rights", fine, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_every_style_are_read() {
        assert_eq!(parse_release("6.1.0-56-cloud-amd64"), Some((6, 1)));
        assert_eq!(parse_release("5.15.0"), Some((5, 15)));
        assert_eq!(parse_release("6.18-rc3"), Some((6, 18)));
        assert_eq!(parse_release(""), None);
    }

    #[test]
    fn a_missing_btf_says_what_to_do() {
        let found = btf(Path::new("/nonexistent/btf"));
        assert!(!found.fine && found.detail.contains("CONFIG_DEBUG_INFO_BTF"));
    }
}
