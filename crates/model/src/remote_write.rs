//! How sending metrics to a server fares.

use serde::{Deserialize, Serialize};

/// Remote write. Counts are since the rig started; every sample made is sent, dropped, rejected, or waits:
/// `made = sent + dropped + rejected + queue_samples`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteWriteStatus {
    /// Where to.
    pub url: String,
    /// Samples that wait, those of a request under way among them.
    pub queue_samples: u64,
    /// How many there is room for, as large as they have been so far; absent before the first.
    pub queue_capacity_samples: Option<u64>,
    /// Samples that were made.
    pub made: u64,
    /// Samples that the server has taken.
    pub sent: u64,
    /// Samples given up: the queue was full, the clock was set back, or the rig ended.
    pub dropped: u64,
    /// Samples that the server refused.
    pub rejected: u64,
    /// Requests that it took.
    pub requests_ok: u64,
    /// Requests without an answer or with one that says later: they are made again.
    pub requests_retried: u64,
    /// Requests that it refused.
    pub requests_failed: u64,
    /// When it last took one, nanoseconds since the epoch; absent before the first.
    pub last_success_ns: Option<i64>,
    /// What the latest trouble was; empty since it was over.
    pub detail: String,
}
