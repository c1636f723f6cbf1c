//! The thread that sends.

use super::backoff::Backoff;
use super::client::{Answer, Client};
use super::queue::{Fate, Queue};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) queue: Arc<Queue>,
    pub(super) timeout: Duration,
}

impl Sender {
    /// One request at a time, the oldest first: so the server never sees a series' samples out of order.
    pub(super) fn run(&mut self) {
        let mut backoff = Backoff::default();
        let mut told = Told::default();
        while let Some(batch) = self.queue.take() {
            match self.client.send(&batch.body, self.queue.time_left(self.timeout)) {
                Answer::Taken => {
                    backoff.succeeded();
                    told.fine();
                    self.queue.settle(batch, Fate::Sent { at_ns: now_ns() });
                }
                Answer::Refused { kind, why } => {
                    told.refused(kind, &why);
                    // It has answered: what comes next may be to its liking.
                    backoff.succeeded();
                    self.queue.settle(batch, Fate::Rejected { why });
                }
                Answer::Later { asked, why } => {
                    told.later(&why);
                    self.queue.settle(batch, Fate::Retried { why });
                    if !self.queue.rest(backoff.next(asked, random())) {
                        return;
                    }
                }
            }
        }
    }
}

/// What has been logged: troubles once, not once a request.
#[derive(Debug, Default)]
struct Told {
    waiting: bool,
    refused: BTreeSet<u16>,
}

impl Told {
    fn fine(&mut self) {
        if std::mem::take(&mut self.waiting) {
            tracing::info!("The server takes metrics again.");
        }
    }

    fn later(&mut self, why: &str) {
        if !std::mem::replace(&mut self.waiting, true) {
            tracing::warn!(%why, "The server does not take metrics now; they wait, and are sent again.");
        }
    }

    fn refused(&mut self, kind: u16, why: &str) {
        if self.refused.insert(kind) {
            tracing::warn!(%why, "The server refuses metrics; they are given up, and counted. This is said once for each status.");
        }
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Each hasher is keyed anew.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
