//! How long the loop may rest.
//!
//! To wake costs more than to look, so it wakes ten times a second, and where hardly a packet comes five times; a flood that comes meanwhile
//! rings a bell before a ring in shared memory has no room, and what is attached for a slice of time is taken off when that is over. Where
//! nobody can ring it wakes more often, and asks with a few loads whether anything is to be done. A whole turn looks at everything.

use super::Request;
use super::bursts::Bursts;
use super::connections::Connections;
use super::cost::Cost;
use super::probes::Probes;
use super::recorder::FlightRecorder;
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
/// The same while next to nothing happens: ended connections ring the bell, too, and rings of buckets take four times as long to go round.
/// Longer would spare more yet, and whoever asks would be told what was so that long ago.
const LONG_SLEEP: Duration = Duration::from_millis(200);
/// Fewer frames than this in the time of [`SLEEP`] are what a host at rest has, too.
const STIRRING_FRAMES: f64 = 10.0;
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

    /// From now on the bell is to ring, or not.
    fn sleep(self, asleep: bool) {
        if let Some(road) = self.road {
            road.probe.sleep(asleep);
        }
        if let Some(connections) = self.probes.connections.get() {
            connections.sleep(asleep);
        }
    }

    /// What rings no bell has room for all that can come in a long sleep, and nothing waits for the next turn.
    fn may_sleep_long(self) -> bool {
        let Self { probes, .. } = self;
        probes.bursts.get().is_none_or(|bursts| bursts.span() >= LONG_SLEEP * 4)
            && !probes.connections.get().is_some_and(Connections::are_resting)
            && !probes.recorder.get().is_some_and(FlightRecorder::is_writing)
    }

    /// How long until something is to be attached, or taken off in time.
    fn until_due(self, now: Instant) -> Duration {
        let Self { probes, cost, .. } = self;
        let latency = probes.latency.get().map_or(Duration::MAX, |latency| latency.until_due(now));
        let queues = probes.queues.get().map_or(Duration::MAX, |queues| queues.until_due(now));
        cost.until_due(now).min(latency).min(queues)
    }
}

/// How many frames come.
#[derive(Debug)]
struct Traffic {
    looked: Instant,
    frames: u64,
    is_little: bool,
}

impl Traffic {
    fn new(now: Instant) -> Self {
        Self { looked: now, frames: 0, is_little: false }
    }

    /// So many have come so far.
    fn hear(&mut self, frames: u64, now: Instant) {
        let sleeps = now.saturating_duration_since(self.looked).as_secs_f64() / SLEEP.as_secs_f64();
        if sleeps < 1.0 {
            // Of so short a time a few frames would be many.
            return;
        }
        self.is_little = (frames.wrapping_sub(self.frames) as f64) < STIRRING_FRAMES * sleeps;
        (self.looked, self.frames) = (now, frames);
    }
}

/// How long is slept, with `until_end` of the window to go. What ends in the last moment before that is found in time to be told in it: a
/// connection's end is read at the second turn after it.
fn longest(until_end: Duration, long: bool) -> Duration {
    let long = if long { LONG_SLEEP.min(until_end.saturating_sub(SLEEP)) } else { SLEEP };
    long.max(SLEEP).min(until_end)
}

/// The rest between turns.
#[derive(Debug)]
pub(super) struct Rest {
    /// When the latest turn ended.
    turned: Instant,
    nap: Duration,
    has_bell: bool,
    traffic: Traffic,
}

impl Rest {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { turned: now, nap: NAP, has_bell: false, traffic: Traffic::new(now) }
    }

    /// So many frames have passed watched interfaces so far. Whether more of them come than at rest.
    pub(super) fn stirs(&mut self, frames: u64) -> bool {
        self.traffic.hear(frames, Instant::now());
        !self.traffic.is_little
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

    /// Rests until something is asked or to be done, or the window ends, which is `most` from now.
    pub(super) fn until_asked(
        &self,
        inbox: &Receiver<Request>,
        most: Duration,
        stirring: Stirring<'_>,
    ) -> Result<Request, RecvTimeoutError> {
        let sleeps = self.has_bell && self.nap == NAP;
        if sleeps {
            stirring.sleep(true);
        }
        let long = sleeps && self.traffic.is_little && stirring.may_sleep_long();
        let sleep = longest(most, long);
        // What came before the bell was armed has not rung it.
        let nap = if sleeps && stirring.is_calm() { sleep } else { self.nap };
        let asked = loop {
            let asked = inbox.recv_timeout(nap.min(most).min(stirring.until_due(Instant::now())));
            let rested = self.turned.elapsed();
            let goes_on = self.nap == NAP && rested < sleep && stirring.is_calm();
            if !goes_on || !matches!(asked, Err(RecvTimeoutError::Timeout)) {
                break asked;
            }
        };
        if sleeps {
            stirring.sleep(false);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_rest_sleeps_are_long_and_end_in_time_for_the_window() {
        let ms = Duration::from_millis;
        assert_eq!(longest(ms(9_000), true), LONG_SLEEP);
        assert_eq!(longest(ms(9_000), false), SLEEP);
        assert_eq!(longest(ms(250), true), ms(150), "a turn comes ahead of the window's end");
        assert_eq!(longest(ms(120), true), SLEEP);
        assert_eq!(longest(ms(30), true), ms(30));
        assert_eq!(longest(ms(30), false), ms(30));
    }

    #[test]
    fn a_host_at_rest_is_known_by_its_frames() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut traffic = Traffic::new(start);
        assert!(!traffic.is_little, "nothing is known yet");
        traffic.hear(1_000, start + ms(20));
        assert!(!traffic.is_little, "that is too short a time to tell");
        traffic.hear(1_009, start + ms(200));
        assert!(!traffic.is_little);
        traffic.hear(1_018, start + ms(300));
        assert!(traffic.is_little);
        traffic.hear(1_067, start + ms(800));
        assert!(traffic.is_little, "49 in half a second are 10 in a tenth of it");
        traffic.hear(1_117, start + ms(1_300));
        assert!(!traffic.is_little);
    }
}
