//! The SYN guard's needs: it gives the stack's own cookies, so the stack must have some.

use super::{DOOR, PolicyProbe};
use crate::{ProbeError, object};
use netrig_policy::Tables;
use netrig_policy::tables::Act;

const SYSCTL: &str = "/proc/sys/net/ipv4/tcp_syncookies";
const FRAME_MAX: usize = 4096;

/// `net.ipv4.tcp_syncookies` of the calling thread's network namespace; none where the kernel was built without SYN cookies.
#[must_use]
pub fn tcp_syncookies() -> Option<u32> {
    std::fs::read_to_string(SYSCTL).ok()?.trim().parse().ok()
}

/// What somebody with a `syn-guard` rule should know, at this value of `net.ipv4.tcp_syncookies` ([`tcp_syncookies`]); none where
/// the rule does what it says: at 2 it answers by cookies as soon as SYNs come faster than its rate.
#[must_use]
pub fn syn_guard_needs(tcp_syncookies: Option<u32>) -> Option<String> {
    let needs = match tcp_syncookies {
        None => "this kernel was built without SYN cookies: syn-guard answers nothing, and every SYN passes",
        Some(0) => {
            "net.ipv4.tcp_syncookies is 0: syn-guard answers nothing, and every SYN passes; set it to 1 or 2 (`sysctl -w net.ipv4.tcp_syncookies=1`)"
        }
        Some(1) => {
            "net.ipv4.tcp_syncookies is 1: syn-guard begins to answer when a listener's queue of half-open connections is full; with 2 it does so as soon as SYNs come faster than its rate, and the stack gives cookies to all others too"
        }
        Some(_) => return None,
    };
    Some(needs.to_owned())
}

impl PolicyProbe {
    /// What of a policy this kernel cannot do, in sentences. It can be put in force all the same: such rules let pass.
    #[must_use]
    pub fn unsupported(tables: &Tables) -> Vec<String> {
        let guards = tables.rules.iter().any(|rule| matches!(rule.act, Act::SynGuard(_)));
        let missing = guards && tcp_syncookies().is_none();
        missing.then(|| syn_guard_needs(None)).flatten().into_iter().collect()
    }

    /// Runs one frame as [`Self::run`] does, and tells what it has become.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn answer(&self, frame: &[u8]) -> Result<(u32, Vec<u8>), ProbeError> {
        let mut out = vec![0; FRAME_MAX.max(frame.len())];
        let run = object::test_run_out(self.door()?, frame, &mut out);
        let (told, length) = run.map_err(|source| ProbeError::TestRun { program: DOOR, source })?;
        out.truncate(length);
        Ok((told, out))
    }
}

#[cfg(test)]
mod tests {
    use super::syn_guard_needs;

    #[test]
    fn only_cookies_for_all_need_no_word() {
        assert!(syn_guard_needs(None).is_some_and(|words| words.contains("built without")));
        assert!(syn_guard_needs(Some(0)).is_some_and(|words| words.contains("set it to 1 or 2")));
        assert!(syn_guard_needs(Some(1)).is_some_and(|words| words.contains("queue")));
        assert_eq!(syn_guard_needs(Some(2)), None);
    }
}
