//! The payload probe's picture: what was copied, what was made of it, and how requests went so far.

use crate::{Histogram, RequestKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What became of payload, from the kernel to the parsers. Cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadCounts {
    /// Packets whose payload was worth a copy.
    pub wanted: u64,
    /// Of them, those that were copied.
    pub copied: u64,
    /// Of them, those for which the ring had no room: `wanted = copied + lost`.
    pub lost: u64,
    /// Copies that were of no use: nothing any parser knows.
    pub unknown: u64,
    /// Copies of octets that had been seen before: sent again, or seen on another interface.
    pub again: u64,
    /// Copies that were malformed where they should not be.
    pub malformed: u64,
    /// Copies and pending requests given up for want of memory.
    pub no_room: u64,
}

/// How requests of one kind, one answer and one server went. Cumulative.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSums {
    /// All of them.
    pub requests: u64,
    /// Of them, those that failed.
    pub failed: u64,
    /// Of them, those that got no answer.
    pub unanswered: u64,
    /// Times they were asked again.
    pub retries: u64,
    /// From request to answer.
    pub latency: Histogram,
}

/// A slow request, by what it is found among the records. It says no more than who asked whom, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowRequest {
    /// Who asked.
    pub src: SocketAddr,
    /// Who was asked.
    pub dst: SocketAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// When the answer's first octet passed.
    pub answered: Timestamp,
    /// From the request's first octet to the answer's, nanoseconds.
    pub latency_ns: u64,
}

/// So much before what is known already an answer is late in being told; more, and the clock was set back.
const TOLD_LATE_NS_MAX: i64 = 10_000_000_000;

impl SlowRequest {
    /// Whether it stands for its like from now on, where `known` did: the latest does, and whichever comes once the clock was set
    /// back, or a time that lies ahead would stay forever.
    #[must_use]
    pub fn replaces(&self, known: &Self) -> bool {
        let earlier_ns = known.answered.0.saturating_sub(self.answered.0);
        earlier_ns <= 0 || earlier_ns > TOLD_LATE_NS_MAX
    }
}

/// Requests that have their kind, their server and what it said in common. What is beyond the bounds is summed as `other`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTally {
    /// Which kind.
    pub kind: RequestKind,
    /// What the answer says: the DNS rcode, the HTTP status' class (`2xx`), the TLS alert; none without one.
    pub code: Option<String>,
    /// The version of TLS; none of other kinds.
    pub version: Option<String>,
    /// The server: the resolver's address, the TLS server name, the HTTP host; none where nobody said, and beyond the bounds.
    pub server: Option<String>,
    /// How they went.
    pub sums: RequestSums,
    /// Slow ones among them, the latest of each doubling of time. A rig that knows of none tells none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slow: Vec<SlowRequest>,
}

/// The payload probe's picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadStatus {
    /// From the kernel to the parsers.
    pub counts: PayloadCounts,
    /// Requests by kind, server and answer, most first. The first servers of a kind are named as long as the rig runs.
    pub tallies: Vec<RequestTally>,
    /// Flows that are followed now.
    pub flows: u64,
    /// Requests that wait for their answers now.
    pub pending: u64,
    /// Names remembered for addresses.
    pub names: u64,
    /// Memory of all that, bytes: kernel's and own.
    pub bytes: u64,
}
