//! What other threads see of the loop.

use super::Request;
use netrig_model::Snapshot;
use netrig_serve::{
    Live, Open, OpenBursts, OpenConnections, OpenDrops, OpenFlows, OpenLatency, OpenPolicyEvents, OpenRequests,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A picture younger than this is given again: a scraper that asks too often does not cost more.
const FRESH: Duration = Duration::from_millis(200);
/// The loop answers within milliseconds; while it closes a window of a million flows the last picture has to do.
const PATIENCE: Duration = Duration::from_millis(300);
const RECORDS_PATIENCE: Duration = Duration::from_secs(5);
/// Where nobody asks, a new picture is put on display so often: what has to do is not older than that.
const STALE: Duration = Duration::from_secs(60);

/// The loop's door for others.
#[derive(Debug)]
pub(crate) struct Handle {
    requests: Mutex<Sender<Request>>,
    latest: Mutex<(Instant, Arc<Snapshot>)>,
    /// Somebody has asked for a picture since the loop was told so last.
    asked: AtomicBool,
}

impl Handle {
    pub(crate) fn new(requests: Sender<Request>, first: Snapshot) -> Arc<Self> {
        Arc::new(Self {
            requests: Mutex::new(requests),
            latest: Mutex::new((Instant::now(), Arc::new(first))),
            asked: AtomicBool::new(true),
        })
    }

    /// Puts a newer picture on display.
    pub(crate) fn show(&self, snapshot: Arc<Snapshot>) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), snapshot);
    }

    /// Whether somebody may want a newer picture than the latest: they ask time and again, or it is an old one.
    pub(crate) fn wants_picture(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed) || self.latest().0.elapsed() >= STALE
    }

    fn ask(&self, request: Request) -> bool {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).send(request).is_ok()
    }

    /// Asks for records until the loop has them, within reason.
    fn open<R>(&self, request: fn(SyncSender<Option<Open<R>>>) -> Request) -> Option<Open<R>> {
        let asked = Instant::now();
        while asked.elapsed() < RECORDS_PATIENCE {
            let (answer, wait) = sync_channel(1);
            if !self.ask(request(answer)) {
                break;
            }
            match wait.recv_timeout(RECORDS_PATIENCE.saturating_sub(asked.elapsed())) {
                Ok(Some(open)) => return Some(open),
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                Err(_) => break,
            }
        }
        None
    }

    fn latest(&self) -> (Instant, Arc<Snapshot>) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Live for Handle {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.asked.store(true, Ordering::Relaxed);
        let (taken, latest) = self.latest();
        if taken.elapsed() < FRESH {
            return latest;
        }
        let (answer, wait) = sync_channel(1);
        if !self.ask(Request::Snapshot(answer)) {
            return latest;
        }
        wait.recv_timeout(PATIENCE).unwrap_or(latest)
    }

    fn open_flows(&self) -> Option<OpenFlows> {
        self.open(Request::OpenFlows)
    }

    fn open_connections(&self) -> Option<OpenConnections> {
        self.open(Request::OpenConnections)
    }

    fn open_latency(&self) -> Option<OpenLatency> {
        self.open(Request::OpenLatency)
    }

    fn open_drops(&self) -> Option<OpenDrops> {
        self.open(Request::OpenDrops)
    }

    fn open_bursts(&self) -> Option<OpenBursts> {
        self.open(Request::OpenBursts)
    }

    fn open_requests(&self) -> Option<OpenRequests> {
        self.open(Request::OpenRequests)
    }

    fn open_policy_events(&self) -> Option<OpenPolicyEvents> {
        self.open(Request::OpenPolicyEvents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_picture_is_wanted_while_somebody_asks_for_them_and_no_longer() {
        let (requests, inbox) = channel();
        let live = Handle::new(requests, Snapshot::default());
        assert!(live.wants_picture(), "somebody may have asked before there was one");
        assert!(!live.wants_picture());
        let _ = live.snapshot();
        assert!(live.wants_picture(), "it was a fresh one that was given again");
        assert!(!live.wants_picture());
        drop(inbox);
    }
}
