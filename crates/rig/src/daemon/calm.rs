//! How long the loop may rest.
//!
//! To wake costs more than to look, so at rest it wakes ten times a second; a flood that comes meanwhile rings a bell before a ring in
//! shared memory has no room, and what is attached for a slice of time is taken off when that is over. Where nobody can ring it wakes more
//! often, and asks with a few loads whether anything is to be done. A whole turn looks at everything.

use super::Request;
use super::bursts::Bursts;
use super::cost::Cost;
use super::probes::Probes;
use super::requests::Requests;
use super::rights::{self, Needs};
use super::road::Road;
use netrig_probes::flow::Bell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Rings have room for so much of a flood.
const NAP: Duration = Duration::from_millis(20);
/// After a turn that found much.
const NAP_IN_CHURN: Duration = Duration::from_millis(2);
/// With the bell: what does not ring it can wait for so long.
const SLEEP: Duration = Duration::from_millis(100);
/// Rings are emptied once they are so full.
const FILL: f64 = 1.0 / 64.0;
/// So many connections may have ended before their places are given back.
const ENDED: u64 = 16;
/// How long the bell is waited for at once.
const BELL_PATIENCE: Duration = Duration::from_secs(3600);

/// What of the rig says how long it may rest.
#[derive(Clone, Copy)]
pub(super) struct Stirring<'a> {
    pub(super) probes: &'a Probes,
    pub(super) road: Option<&'a Road>,
    pub(super) cost: &'a Cost,
}

impl Stirring<'_> {
    /// Nothing is there that should not wait.
    fn is_calm(self) -> bool {
        let Self { probes, road, .. } = self;
        let is_full = |fill: Option<f64>| fill.is_some_and(|fill| fill > FILL);
        !is_full(road.map(|road| road.drain.fill()))
            && !is_full(probes.requests.get().map(Requests::fill))
            && !is_full(probes.bursts.get().map(Bursts::fill))
            && !probes.connections.get().is_some_and(|connections| connections.have_ended(ENDED))
            && !self.until_due(Instant::now()).is_zero()
    }

    /// How long until something is to be attached, or taken off in time.
    fn until_due(self, now: Instant) -> Duration {
        let Self { probes, cost, .. } = self;
        let latency = probes.latency.get().map_or(Duration::MAX, |latency| latency.until_due(now));
        let queues = probes.queues.get().map_or(Duration::MAX, |queues| queues.until_due(now));
        cost.until_due(now).min(latency).min(queues)
    }
}

/// The rest between turns.
#[derive(Debug)]
pub(super) struct Rest {
    /// When the latest turn ended.
    turned: Instant,
    nap: Duration,
    has_bell: bool,
}

impl Rest {
    pub(super) fn new() -> Self {
        Self { turned: Instant::now(), nap: NAP, has_bell: false }
    }

    /// Somebody listens for the bell from now on.
    pub(super) fn with_bell(&mut self) {
        self.has_bell = true;
    }

    /// A turn has ended, in which much was found or not.
    pub(super) fn turned(&mut self, busy: bool) {
        self.turned = Instant::now();
        self.nap = if busy { NAP_IN_CHURN } else { NAP };
    }

    /// Rests until something is asked or to be done, or `most` has passed.
    pub(super) fn until_asked(
        &self,
        inbox: &Receiver<Request>,
        most: Duration,
        stirring: Stirring<'_>,
    ) -> Result<Request, RecvTimeoutError> {
        let sleeps = self.has_bell && self.nap == NAP;
        let probe = stirring.road.filter(|_| sleeps).map(|road| &road.probe);
        if let Some(probe) = probe {
            probe.sleep(true);
        }
        // What came before the bell was armed has not rung it.
        let nap = if probe.is_some() && stirring.is_calm() { SLEEP } else { self.nap };
        let asked = loop {
            let asked = inbox.recv_timeout(nap.min(most).min(stirring.until_due(Instant::now())));
            let rested = self.turned.elapsed();
            let goes_on = self.nap == NAP && rested < SLEEP.min(most) && stirring.is_calm();
            if !goes_on || !matches!(asked, Err(RecvTimeoutError::Timeout)) {
                break asked;
            }
        };
        if let Some(probe) = probe {
            probe.sleep(false);
        }
        asked
    }
}

/// Has a thread wake the loop when the bell rings, as long as there is a loop.
pub(super) fn listen(mut bell: Bell, requests: Sender<Request>) -> std::io::Result<()> {
    let listen = move || {
        if let Err(error) = rights::drop_all_but_needed(Needs::Nothing) {
            tracing::warn!(error = %format_args!("{error:#}"), "Who listens for the bell has more rights than it needs.");
        }
        loop {
            match bell.wait(BELL_PATIENCE) {
                Ok(true) if requests.send(Request::Wake).is_err() => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "Nobody hears the bell any more: what comes suddenly may find no room, and is counted.");
                    break;
                }
            }
        }
    };
    Builder::new().name("netrig-bell".into()).spawn(listen).map(|_| ())
}
