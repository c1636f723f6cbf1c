//! Which requests are wanted.

use crate::units::microseconds;
use netrig_model::{RequestKind, RequestRecord};

/// Which requests are wanted: those that meet all that is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestChoice {
    /// Those of this kind.
    pub kind: Option<RequestKind>,
    /// Those that failed.
    pub failed: bool,
    /// Those whose answer took longer than this many microseconds.
    pub slow_us: Option<u64>,
}

impl RequestChoice {
    /// Whether the request is one of them.
    #[must_use]
    pub fn wants(&self, r: &RequestRecord) -> bool {
        self.kind.is_none_or(|kind| r.kind == kind)
            && (!self.failed || r.failed)
            && self.slow_us.is_none_or(|us| longest_us(r).is_some_and(|longest| longest > us))
    }

    /// What is wanted, in words: `failed dns requests slower than 100 ms`.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.counted("requests")
    }

    /// The same of this `thing`.
    pub(super) fn counted(&self, thing: &str) -> String {
        let failed = if self.failed { "failed " } else { "" };
        let kind = self.kind.map(|kind| format!("{} ", kind.as_str())).unwrap_or_default();
        let slow = self.slow_us.map(|us| format!(" slower than {}", microseconds(us))).unwrap_or_default();
        format!("{failed}{kind}{thing}{slow}")
    }
}

/// How long the slowest that a record stands for had to wait.
pub(super) fn longest_us(r: &RequestRecord) -> Option<u64> {
    r.latency_us_max.max(r.latency_us)
}
