//! What tests need of the real kernel: a network namespace of their own, and an honest word when they may not have one.
//!
//! ```no_run
//! // A test begins by asking for its rights; without them it is reported as skipped, with the reason, and ends.
//! netrig_testkit::require_root!();
//! let ns = netrig_testkit::NetNs::new("flows");
//! ns.veth("a", "b");
//! ns.run("ping -c 1 -W 1 127.0.0.1");
//! let table = ns.inside(|| std::fs::read_to_string("/proc/thread-self/net/dev"));
//! // The namespace goes when `ns` does, also when the test panics.
//! ```
//!
//! Everything here panics with a sentence when it fails: it serves tests, where that is the report.

mod background;
mod namespace;
mod rights;

pub use background::Background;
pub use namespace::NetNs;
pub use rights::{missing_rights, report_skipped, report_without_rights};

/// Ends the calling test, reported as skipped with the reason, unless it may create network namespaces and load BPF.
///
/// With `NETRIG_TEST_NO_SKIP=1` in the environment a skip is a failure: for machines that are known to have the rights.
#[macro_export]
macro_rules! require_root {
    () => {
        if let Some(reason) = $crate::missing_rights() {
            $crate::report_without_rights(&reason);
            return;
        }
    };
}
