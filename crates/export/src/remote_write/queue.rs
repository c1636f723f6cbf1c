//! What waits to be sent, and the account of all samples: made = sent + dropped + rejected + waiting.

use netrig_metrics::remote_write::Batch;
use netrig_model::RemoteWriteStatus;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Beyond a request's body, what one in the queue takes.
const BATCH_BYTES: u64 = size_of::<Batch>() as u64;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The server has it.
    Sent {
        /// Nanoseconds since the epoch.
        at_ns: i64,
    },
    /// The server will not have it.
    Rejected {
        /// What it said.
        why: String,
    },
    /// It is to be sent again.
    Retried {
        /// What was the matter.
        why: String,
    },
}

/// Shared by who makes requests, who sends them and who shows how that goes.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bytes_max: u64,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Batch>,
    bytes: u64,
    /// Samples of the request under way.
    under_way: u64,
    /// Samples and bytes of all that was ever put in: how large a sample is.
    put: (u64, u64),
    /// Once the rig stops: until when may be sent.
    deadline: Option<Instant>,
    status: RemoteWriteStatus,
}

impl State {
    fn waiting_samples(&self) -> u64 {
        self.waiting.iter().map(|batch| batch.samples).sum()
    }

    /// The oldest make room.
    fn hold(&mut self, bytes_max: u64) -> u64 {
        let mut dropped = 0;
        while self.bytes > bytes_max
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.bytes -= size(&oldest);
            dropped += oldest.samples;
        }
        self.status.dropped += dropped;
        dropped
    }
}

fn size(batch: &Batch) -> u64 {
    batch.body.len() as u64 + BATCH_BYTES
}

impl Queue {
    pub(super) fn new(url: String, bytes_max: u64) -> Self {
        let status = RemoteWriteStatus { url, ..RemoteWriteStatus::default() };
        let state = State { waiting: VecDeque::new(), bytes: 0, under_way: 0, put: (0, 0), deadline: None, status };
        Self { state: Mutex::new(state), changed: Condvar::new(), bytes_max }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a picture became. Returns how many samples had to make room.
    pub(super) fn push(&self, batches: Vec<Batch>) -> u64 {
        let mut state = self.lock();
        for batch in batches {
            state.status.made += batch.samples;
            state.put = (state.put.0 + batch.samples, state.put.1 + size(&batch));
            state.bytes += size(&batch);
            state.waiting.push_back(batch);
        }
        let dropped = state.hold(self.bytes_max);
        drop(state);
        self.changed.notify_all();
        dropped
    }

    /// Counts samples that there is no sense in sending.
    pub(super) fn give_up(&self, samples: u64) {
        let mut state = self.lock();
        state.status.made += samples;
        state.status.dropped += samples;
    }

    /// The oldest request; waits for one. None once the rig stops and nothing is left, or the time for it is over.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        loop {
            if state.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            if let Some(batch) = state.waiting.pop_front() {
                state.bytes -= size(&batch);
                state.under_way = batch.samples;
                return Some(batch);
            }
            if state.deadline.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What became of the request that was taken.
    pub(super) fn settle(&self, batch: Batch, fate: Fate) {
        let mut state = self.lock();
        // Nothing is under way where the rig's end has given it up already.
        if std::mem::take(&mut state.under_way) == 0 && batch.samples > 0 {
            return;
        }
        match fate {
            Fate::Sent { at_ns } => {
                state.status.sent += batch.samples;
                state.status.requests_ok += 1;
                state.status.last_success_ns = Some(at_ns);
                state.status.detail.clear();
            }
            Fate::Rejected { why } => {
                state.status.rejected += batch.samples;
                state.status.requests_failed += 1;
                state.status.detail = why;
            }
            Fate::Retried { why } => {
                state.status.requests_retried += 1;
                state.status.detail = why;
                state.bytes += size(&batch);
                state.waiting.push_front(batch);
                state.hold(self.bytes_max);
            }
        }
    }

    /// Rests before a request is made again; shorter when the rig stops. Returns whether it goes on.
    pub(super) fn rest(&self, time: Duration) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, time, |state| state.deadline.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.deadline.is_none()
    }

    /// How long a request may take: less than usual once the rig stops.
    pub(super) fn time_left(&self, usual: Duration) -> Duration {
        self.lock().deadline.map_or(usual, |deadline| usual.min(deadline.saturating_duration_since(Instant::now())))
    }

    /// Nothing comes any more; what is there may be sent for so long.
    pub(super) fn finish(&self, time: Duration) {
        self.lock().deadline = Some(Instant::now() + time);
        self.changed.notify_all();
    }

    /// Gives up what is left, and says how many samples that is.
    pub(super) fn abandon(&self) -> u64 {
        let mut state = self.lock();
        let lost = state.waiting_samples() + std::mem::take(&mut state.under_way);
        state.waiting.clear();
        state.bytes = 0;
        state.status.dropped += lost;
        lost
    }

    pub(super) fn status(&self) -> RemoteWriteStatus {
        let state = self.lock();
        let (samples, bytes) = state.put;
        let capacity = u128::from(self.bytes_max) * u128::from(samples);
        RemoteWriteStatus {
            queue_samples: state.waiting_samples() + state.under_way,
            queue_capacity_samples: capacity
                .checked_div(u128::from(bytes))
                .map(|capacity| u64::try_from(capacity).unwrap_or(u64::MAX)),
            ..state.status.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(samples: u64, bytes: usize) -> Batch {
        Batch { body: vec![0; bytes], samples }
    }

    fn queue(bytes_max: u64) -> Queue {
        Queue::new("http://x/".to_owned(), bytes_max)
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let queue = queue(2 * (1_000 + BATCH_BYTES));
        assert_eq!(queue.push(vec![batch(1, 1_000), batch(2, 1_000), batch(4, 1_000)]), 1);
        assert_eq!(queue.take().map(|batch| batch.samples), Some(2), "in the order of time");
        assert_eq!(queue.push(vec![batch(8, 1_000)]), 0);
        queue.settle(batch(2, 1_000), Fate::Retried { why: "gone".to_owned() });
        let status = queue.status();
        assert_eq!((status.dropped, status.queue_samples), (3, 12), "what is sent again is the oldest");
        assert_eq!(status.detail, "gone");
    }

    #[test]
    fn one_that_is_larger_than_the_queue_is_dropped() {
        let queue = queue(100);
        assert_eq!(queue.push(vec![batch(7, 1_000)]), 7);
        queue.finish(Duration::from_secs(60));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn a_stop_ends_a_rest() {
        let queue = queue(1 << 20);
        assert!(queue.rest(Duration::from_millis(1)));
        queue.finish(Duration::from_secs(60));
        assert!(!queue.rest(Duration::from_secs(3_600)));
        assert!(queue.time_left(Duration::from_secs(3_600)) <= Duration::from_secs(60));
    }

    proptest! {
        #[test]
        fn every_sample_is_accounted_for(steps in proptest::collection::vec((0u8..5, 1u64..50, 0usize..3_000), 0..60)) {
            let queue = queue(8_000);
            for (step, samples, bytes) in steps {
                match step {
                    0 | 1 => _ = queue.push(vec![batch(samples, bytes), batch(1, bytes)]),
                    _ if queue.status().queue_samples == 0 => {}
                    _ => {
                        let taken = queue.take().expect("there is one");
                        queue.settle(taken, match step {
                            2 => Fate::Sent { at_ns: 5 },
                            3 => Fate::Rejected { why: String::new() },
                            _ => Fate::Retried { why: String::new() },
                        });
                    }
                }
                let s = queue.status();
                prop_assert_eq!(s.made, s.sent + s.dropped + s.rejected + s.queue_samples);
                prop_assert!(queue.lock().bytes <= 8_000);
            }
            let left = queue.status().queue_samples;
            prop_assert_eq!(queue.abandon(), left);
            let s = queue.status();
            prop_assert_eq!((s.queue_samples, s.made), (0, s.sent + s.dropped + s.rejected));
        }
    }
}
