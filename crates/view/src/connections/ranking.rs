//! Which connections are wanted, and the most interesting of them.

use super::{ConnectionSums, SLOW_US, slow};
use crate::columns::Groupable;
use crate::group::Sum;
use netrig_model::{ConnectionEnd, ConnectionRecord};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Which connections are wanted: those that meet all that is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those that failed.
    pub failed: bool,
    /// Those that are open.
    pub open: bool,
    /// Those that lost more than this many microseconds.
    pub slow_us: Option<u64>,
}

impl Choice {
    /// Whether the connection is one of them.
    #[must_use]
    pub fn wants(&self, r: &ConnectionRecord) -> bool {
        (!self.failed || r.end_reason.is_failure())
            && (!self.open || matches!(r.end_reason, ConnectionEnd::Open | ConnectionEnd::Evicted))
            && self.slow_us.is_none_or(|us| slow(r, us).is_some())
    }

    /// From which loss on a connection counts as slow.
    #[must_use]
    pub fn slow_from_us(&self) -> u64 {
        self.slow_us.unwrap_or(SLOW_US)
    }

    /// The larger, the more interesting: the slow by what they lost, the failed by their age; where neither is asked for,
    /// the failed, then the slow, then the rest by their bytes.
    fn rank(&self, r: &ConnectionRecord) -> Rank {
        let at = r.ended.unwrap_or(r.last_seen).0;
        let lost = slow(r, self.slow_from_us());
        let (class, size) = match lost {
            Some(lost) if self.slow_us.is_some() => (0, i128::from(lost)),
            _ if r.end_reason.is_failure() => (2, at.into()),
            Some(lost) => (1, lost.into()),
            None => (0, i128::from(r.bytes_sent) + i128::from(r.bytes_received)),
        };
        (class, size, at, r.connection_id)
    }
}

/// Class, size, time, and what makes the order certain.
type Rank = (u8, i128, i64, u64);

struct Ranked {
    rank: Rank,
    record: Box<ConnectionRecord>,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// Keeps the most interesting of the wanted connections, and sums the rest.
pub struct Ranking {
    choice: Choice,
    kept_max: usize,
    /// The least interesting on top.
    kept: BinaryHeap<Reverse<Ranked>>,
    rest: ConnectionSums,
}

/// The most interesting connections.
#[derive(Clone, Debug)]
pub struct RankedConnections {
    /// What was asked for.
    pub choice: Choice,
    /// The connections, the most interesting first.
    pub connections: Vec<ConnectionRecord>,
    /// Sums of the others.
    pub rest: ConnectionSums,
}

impl Ranking {
    /// Connections kept at most, whoever asks for how many: some 50 MB.
    pub const KEPT_MAX: usize = 50_000;

    /// Keeps `top` of those that are chosen.
    #[must_use]
    pub fn new(choice: Choice, top: usize) -> Self {
        Self { choice, kept_max: top.min(Self::KEPT_MAX), kept: BinaryHeap::new(), rest: ConnectionSums::default() }
    }

    /// Takes one connection, by its latest record.
    pub fn add(&mut self, record: ConnectionRecord) {
        if !self.choice.wants(&record) {
            return;
        }
        let rank = self.choice.rank(&record);
        if self.kept.len() >= self.kept_max && self.kept.peek().is_none_or(|Reverse(least)| rank <= least.rank) {
            return self.rest.add(&record.sums(1));
        }
        self.kept.push(Reverse(Ranked { rank, record: Box::new(record) }));
        if self.kept.len() > self.kept_max
            && let Some(Reverse(least)) = self.kept.pop()
        {
            self.rest.add(&least.record.sums(1));
        }
    }

    /// The most interesting first.
    #[must_use]
    pub fn finish(self) -> RankedConnections {
        let sorted = self.kept.into_sorted_vec();
        let connections = sorted.into_iter().map(|Reverse(ranked)| *ranked.record).collect();
        RankedConnections { choice: self.choice, connections, rest: self.rest }
    }
}
