//! What one poll of the rig brings.

use netrig_model::{FlowRecord, Snapshot, Timestamp, TrafficCounts};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// The most pairs of addresses told apart; the rest of the records is left out of the talkers and counted.
pub const PAIRS_MAX: usize = 100_000;

/// Who talks to whom, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The initiator.
    pub src: Option<IpAddr>,
    /// The responder.
    pub dst: Option<IpAddr>,
    /// Interface name.
    pub iface: Option<String>,
}

/// Counts both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PairCounts {
    pub(crate) sent: TrafficCounts,
    pub(crate) received: TrafficCounts,
}

impl PairCounts {
    pub(crate) fn add(&mut self, other: Self) {
        self.sent.add(other.sent);
        self.received.add(other.received);
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { sent: self.sent.since(earlier.sent), received: self.received.since(earlier.received) }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.sent.bytes + self.received.bytes
    }

    pub(crate) fn packets(&self) -> u64 {
        self.sent.packets + self.received.packets
    }
}

/// The live records, summed by pair and window while they stream by. Inner flows of tunnels are left out: their packets
/// are those of the tunnel.
#[derive(Clone, Debug, Default)]
pub struct TalkerCounts {
    pub(crate) by_window: FxHashMap<Timestamp, FxHashMap<Pair, PairCounts>>,
    pairs: usize,
    /// Records left out because there were too many pairs.
    pub left_out: u64,
}

impl TalkerCounts {
    /// Adds one record.
    pub fn add(&mut self, record: FlowRecord) {
        if record.tunnel.is_some() {
            return;
        }
        let pair = Pair { src: record.src_addr, dst: record.dst_addr, iface: record.iface };
        let window = self.by_window.entry(record.window_start).or_default();
        if self.pairs >= PAIRS_MAX && !window.contains_key(&pair) {
            self.left_out += 1;
            return;
        }
        let counts = window.entry(pair).or_insert_with(|| {
            self.pairs += 1;
            PairCounts::default()
        });
        counts.add(PairCounts {
            sent: TrafficCounts { packets: record.packets, bytes: record.bytes },
            received: TrafficCounts { packets: record.reverse_packets, bytes: record.reverse_bytes },
        });
    }
}

/// One poll.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The rig's status.
    pub snapshot: Snapshot,
    /// Its live records; none where they were not fetched this time.
    pub talkers: Option<TalkerCounts>,
}
