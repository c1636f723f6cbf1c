//! What two polls say of requests, and how they went in the last minute.

use netrig_model::{PayloadStatus, RequestKind, RequestSums, RequestTally, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Pictures of the sums are kept this far apart …
const PICTURE_EVERY_NS: i64 = 15_000_000_000;
/// … and this many of them: distributions are of the last 45 to 60 seconds.
const PICTURES_MAX: usize = 4;

/// What has a line: a kind, or a server of it; none is all others together.
pub(crate) type LineKey = (RequestKind, Option<Server>);

/// A server's name.
pub(crate) type Server = Option<String>;

type Sums = BTreeMap<LineKey, RequestSums>;

/// Things a second, of each line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestRate {
    pub(crate) requests: f64,
    pub(crate) failed: f64,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct RequestLine {
    pub(crate) kind: RequestKind,
    /// None: of the whole kind.
    pub(crate) server: Option<Server>,
    pub(crate) rate: RequestRate,
    /// Since the rig started.
    pub(crate) all: RequestSums,
    /// Since the oldest picture.
    pub(crate) recent: RequestSums,
}

/// Everything that two polls say together.
#[derive(Debug, Default)]
pub(crate) struct RequestRates {
    pub(crate) lines: Vec<RequestLine>,
    /// When the oldest picture was taken.
    pub(crate) recent_since: Option<Timestamp>,
    before: Sums,
    pictures: VecDeque<(Timestamp, Sums)>,
}

impl RequestRates {
    /// Moves on to `now`, `seconds` after the last poll; 0: there was none.
    pub(crate) fn update(&mut self, now: &PayloadStatus, taken: Timestamp, seconds: f64) {
        let sums = sums(now);
        let newest = self.pictures.back().map(|(at, _)| *at);
        if newest.is_none_or(|at| taken.0.saturating_sub(at.0) >= PICTURE_EVERY_NS) {
            self.pictures.push_back((taken, sums.clone()));
            self.pictures.drain(..self.pictures.len().saturating_sub(PICTURES_MAX));
        }
        let none = RequestSums::default();
        let oldest = self.pictures.front();
        self.recent_since = oldest.map(|(at, _)| *at);
        let line = |(key, all): (&LineKey, &RequestSums)| {
            let gained = since(all, self.before.get(key).unwrap_or(&none));
            let of = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
            RequestLine {
                kind: key.0,
                server: key.1.clone(),
                rate: RequestRate { requests: of(gained.requests), failed: of(gained.failed) },
                recent: since(all, oldest.and_then(|(_, sums)| sums.get(key)).unwrap_or(&none)),
                all: all.clone(),
            }
        };
        self.lines = sums.iter().map(line).collect();
        self.before = sums;
    }
}

/// Of each kind, and of each of its servers.
fn sums(status: &PayloadStatus) -> Sums {
    let mut sums = Sums::new();
    for RequestTally { kind, server, sums: more, .. } in &status.tallies {
        for line in [None, Some(server.clone())] {
            let sum = sums.entry((*kind, line)).or_default();
            sum.requests = sum.requests.saturating_add(more.requests);
            sum.failed = sum.failed.saturating_add(more.failed);
            sum.unanswered = sum.unanswered.saturating_add(more.unanswered);
            sum.retries = sum.retries.saturating_add(more.retries);
            sum.latency.add(&more.latency);
        }
    }
    sums
}

fn since(now: &RequestSums, before: &RequestSums) -> RequestSums {
    RequestSums {
        requests: now.requests.saturating_sub(before.requests),
        failed: now.failed.saturating_sub(before.failed),
        unanswered: now.unanswered.saturating_sub(before.unanswered),
        retries: now.retries.saturating_sub(before.retries),
        latency: now.latency.since(&before.latency),
    }
}
