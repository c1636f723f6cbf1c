//! What a replay comes to.

use crate::capture::CaptureError;
use netrig_model::{ParseFault, PayloadCounts, Timestamp, TrafficCounts};
use netrig_probes::ProbeError;

/// What was read, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Packets in the capture, with their lengths on the wire.
    pub read: TrafficCounts,
    /// Of these, bytes that the capture kept.
    pub captured_bytes: u64,
    /// Earliest packet.
    pub first: Option<Timestamp>,
    /// Latest packet.
    pub last: Option<Timestamp>,
    /// What the kernel programs counted.
    pub seen: TrafficCounts,
    /// Told in records; flows inside tunnels are told beside these.
    pub told: TrafficCounts,
    /// Not IP.
    pub not_ip: TrafficCounts,
    /// Counted, but told in no record: the memory given was too small.
    pub overflow: TrafficCounts,
    /// Packets whose headers could not be read to their end, by [`ParseFault`].
    pub faults: [u64; ParseFault::ALL.len()],
    /// Records told.
    pub records: u64,
    /// Requests told.
    pub requests: u64,
    /// What became of the payload that was copied for them.
    pub copies: PayloadCounts,
}

impl ReplaySummary {
    /// Whether every packet read was seen, and every packet seen is told or named as lost.
    #[must_use]
    pub fn balances(&self) -> bool {
        let mut accounted = self.told;
        accounted.add(self.not_ip);
        accounted.add(self.overflow);
        self.read == self.seen && self.seen == accounted
    }
}

/// Why a replay ended before the capture did.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The capture breaks. What came before was told.
    #[error("{error}")]
    Capture {
        /// What is wrong with it, and where.
        #[source]
        error: CaptureError,
        /// What it came to up to there.
        summary: Box<ReplaySummary>,
    },
    /// The kernel programs cannot be loaded or run.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}
