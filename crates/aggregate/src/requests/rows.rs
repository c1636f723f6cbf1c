//! The open window's rows.

use super::alike::{Alike, keep, keep_common, octets_beside};
use netrig_model::{Direction, InterfaceId, Request, RequestKind, RequestOutcome, Timestamp};
use rustc_hash::FxBuildHasher;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

/// Octets of text there is room for, for each row there is room for: a name and a path are shorter by far, most of the time.
const OCTETS_PER_ROW: usize = 512;
/// Rows of requests that are alike: so many times those that are told one by one.
const FOLDED_SHARE: usize = 2;

/// Rows that are found without a seeded hash.
const LATELY: usize = 64;

/// What the coarsest rows are told apart by.
pub(super) type CoarseKey = (RequestKind, RequestOutcome, bool);

/// Rows for the requests of one window.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
    octets: usize,
    first: Room,
    /// For those that failed or were slow.
    notable: Room,
    folded: Room,
    /// Rows of requests that are alike, by a hash of what they are alike in. Strangers choose that, so the hash is seeded.
    alike: HashMap<u64, usize>,
    seed: RandomState,
    /// Which of them were found lately, by a hash that anyone can foresee and that is found sooner: what is asked is mostly asked again. Who
    /// makes two of them share a place gains nothing but that they are looked for.
    lately: [usize; LATELY],
    coarse: BTreeMap<CoarseKey, Sums>,
}

/// Room for rows and for their text.
#[derive(Debug)]
struct Room {
    rows: usize,
    octets: usize,
}

/// One request, or several that are alike.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The first; of what was asked and answered what they all have in common.
    pub(super) request: Request,
    pub(super) iface: Option<InterfaceId>,
    pub(super) direction: Option<Direction>,
    /// Port from which the latest was asked.
    pub(super) latest_port: u16,
    pub(super) failed: bool,
    pub(super) sums: Sums,
}

/// What is summed over the requests of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) requests: u64,
    pub(super) retries: u64,
    /// The earliest.
    pub(super) started: Timestamp,
    /// How many have a latency.
    timed: u64,
    latency_ns: u128,
    latency_ns_max: u64,
}

impl Rows {
    pub(super) fn new(records: usize) -> Self {
        Self {
            rows: Vec::new(),
            octets: 0,
            first: Room::of(records),
            notable: Room::of(records),
            folded: Room::of(records.saturating_mul(FOLDED_SHARE)),
            alike: HashMap::new(),
            seed: RandomState::new(),
            lately: [usize::MAX; LATELY],
            coarse: BTreeMap::new(),
        }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn take_rows(&mut self) -> Vec<Row> {
        self.alike.clear();
        self.lately = [usize::MAX; LATELY];
        std::mem::take(&mut self.rows)
    }

    pub(super) fn coarse(&self) -> impl Iterator<Item = (CoarseKey, Sums)> + '_ {
        self.coarse.iter().map(|(key, sums)| (*key, *sums))
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.alike.capacity() * size_of::<(u64, usize)>() + self.octets
    }

    /// Takes in a request; a notable one is told by itself as long as there is room for such.
    pub(super) fn add(&mut self, request: Request, failed: bool, notable: bool) {
        let octets = octets_beside(&request);
        if self.first.has(octets) || (notable && self.notable.has(octets)) {
            self.push(request, failed, octets);
        } else {
            self.fold(request, failed, octets);
        }
    }

    fn push(&mut self, request: Request, failed: bool, octets: usize) {
        self.octets += octets;
        self.rows.push(Row::of(request, failed));
    }

    fn fold(&mut self, request: Request, failed: bool, octets: usize) {
        let alike = Alike::of(&request, failed);
        let lately = &mut self.lately[FxBuildHasher.hash_one(alike) as usize % LATELY];
        if let Some(row) = self.rows.get_mut(*lately)
            && Alike::of(&row.request, row.failed) == alike
        {
            return row.add(&request);
        }
        match self.alike.entry(self.seed.hash_one(alike)) {
            Entry::Occupied(known) => {
                let row = &mut self.rows[*known.get()];
                // Two that share their hash and are not alike are too rare to have a row each.
                if Alike::of(&row.request, row.failed) == alike {
                    *lately = *known.get();
                    return row.add(&request);
                }
            }
            Entry::Vacant(free) if self.folded.has(octets) => {
                free.insert(self.rows.len());
                return self.push(request, failed, octets);
            }
            Entry::Vacant(_) => {}
        }
        let sums = Sums::of(&request);
        let key = (request.what.kind(), request.outcome, failed);
        self.coarse.entry(key).and_modify(|known| known.add(&sums)).or_insert(sums);
    }
}

impl Room {
    fn of(rows: usize) -> Self {
        Self { rows, octets: rows.saturating_mul(OCTETS_PER_ROW) }
    }

    /// Whether there is room for a row with so much text, which is taken then.
    fn has(&mut self, octets: usize) -> bool {
        let has = self.rows > 0 && octets <= self.octets;
        if has {
            self.rows -= 1;
            self.octets -= octets;
        }
        has
    }
}

impl Row {
    fn of(request: Request, failed: bool) -> Self {
        Self {
            iface: Some(request.key.iface),
            direction: Some(request.key.direction),
            latest_port: request.key.src_port,
            failed,
            sums: Sums::of(&request),
            request,
        }
    }

    fn add(&mut self, other: &Request) {
        self.sums.add(&Sums::of(other));
        self.latest_port = other.key.src_port;
        keep(&mut self.iface, &Some(other.key.iface));
        keep(&mut self.direction, &Some(other.key.direction));
        keep_common(&mut self.request.what, &other.what);
    }
}

impl Sums {
    fn of(request: &Request) -> Self {
        let ns = request.latency_ns.unwrap_or(0);
        Self {
            requests: 1,
            retries: request.retries.into(),
            started: request.started,
            timed: request.latency_ns.is_some().into(),
            latency_ns: ns.into(),
            latency_ns_max: ns,
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.retries += other.retries;
        self.started = self.started.min(other.started);
        self.timed += other.timed;
        self.latency_ns += other.latency_ns;
        self.latency_ns_max = self.latency_ns_max.max(other.latency_ns_max);
    }

    /// Mean and longest, microseconds; none where no latency is known.
    pub(super) fn latency_us(&self) -> Option<(u64, u64)> {
        let mean_ns = self.latency_ns.checked_div(self.timed.into())?;
        Some((u64::try_from(mean_ns / 1000).unwrap_or(u64::MAX), self.latency_ns_max / 1000))
    }
}
