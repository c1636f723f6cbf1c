//! The latest requests, or the slowest, and what all of them come to.

use super::choice::longest_us;
use super::{RequestChoice, RequestTotals};
use crate::columns::Groupable;
use crate::group::Sum;
use netrig_model::{RequestKind, RequestRecord, Timestamp};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

/// Requests held at once: some 40 MB.
const HELD_MAX: usize = 20_000;

/// The larger, the sooner it is listed: the latency where the slowest are wanted, then the time, then which came last.
type Rank = (u64, i64, u64);

/// Keeps the first of the wanted requests, and sums all.
#[derive(Debug)]
pub struct RequestList {
    choice: RequestChoice,
    top: usize,
    /// The one that goes next on top.
    held: BinaryHeap<Reverse<Held>>,
    added: u64,
    totals: RequestTotals,
    kinds: BTreeMap<RequestKind, u64>,
    folded: bool,
    rest: RequestTotals,
    times: Option<(Timestamp, Timestamp)>,
}

/// The requests that are listed.
#[derive(Debug)]
pub struct ListedRequests {
    /// What was asked for.
    pub choice: RequestChoice,
    /// The latest, those first; or the slowest.
    pub requests: Vec<RequestRecord>,
    /// Sums of all that were asked for.
    pub totals: RequestTotals,
    /// How many there are of each kind.
    pub kinds: BTreeMap<RequestKind, u64>,
    /// Whether a record stands for several of them.
    pub folded: bool,
    /// Sums of those that are not listed.
    pub rest: RequestTotals,
    /// From the first record's window to the last one's, nanoseconds.
    pub length_ns: i64,
}

impl RequestList {
    /// Lists `top` of those that are chosen.
    #[must_use]
    pub fn new(choice: RequestChoice, top: usize) -> Self {
        Self {
            choice,
            top: top.min(HELD_MAX),
            held: BinaryHeap::new(),
            added: 0,
            totals: RequestTotals::default(),
            kinds: BTreeMap::new(),
            folded: false,
            rest: RequestTotals::default(),
            times: None,
        }
    }

    /// Adds one record.
    pub fn add(&mut self, record: RequestRecord) {
        if !self.choice.wants(&record) {
            return;
        }
        let (start, end) = self.times.unwrap_or((record.window_start, record.window_end));
        self.times = Some((start.min(record.window_start), end.max(record.window_end)));
        self.totals.add(&record.sums(0));
        let of_kind = self.kinds.entry(record.kind).or_default();
        *of_kind = of_kind.saturating_add(record.requests);
        self.folded |= record.requests > 1;
        self.added += 1;
        let rank = self.rank(&record);
        self.held.push(Reverse(Held { rank, record: Box::new(record) }));
        if self.held.len() > self.top
            && let Some(Reverse(last)) = self.held.pop()
        {
            self.rest.add(&last.record.sums(0));
        }
    }

    /// The first of them.
    #[must_use]
    pub fn finish(self) -> ListedRequests {
        let sorted = self.held.into_sorted_vec();
        ListedRequests {
            choice: self.choice,
            requests: sorted.into_iter().map(|Reverse(held)| *held.record).collect(),
            totals: self.totals,
            kinds: self.kinds,
            folded: self.folded,
            rest: self.rest,
            length_ns: self.times.map_or(0, |(start, end)| end.0.saturating_sub(start.0)),
        }
    }

    fn rank(&self, r: &RequestRecord) -> Rank {
        let slowest = if self.choice.slow_us.is_some() { longest_us(r).unwrap_or(0) } else { 0 };
        (slowest, r.started.0, self.added)
    }
}

#[derive(Debug)]
struct Held {
    rank: Rank,
    record: Box<RequestRecord>,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}
