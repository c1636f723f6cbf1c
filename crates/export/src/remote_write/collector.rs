//! The thread that takes pictures.

use super::Picture;
use super::queue::Queue;
use netrig_metrics::remote_write::{NotNewer, WriteEncoder};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

pub(super) struct Collector {
    pub(super) encoder: WriteEncoder,
    pub(super) picture: Picture,
    pub(super) interval: Duration,
    pub(super) queue: Arc<Queue>,
}

impl Collector {
    /// A picture at each interval's end; a last one, and that all series end, when it is told to stop.
    pub(super) fn run(&mut self, stopped: &Receiver<()>) {
        let mut next = Instant::now();
        let mut told = Told::default();
        loop {
            self.collect(&mut told);
            // One that took longer than an interval is not made up for.
            next = (next + self.interval).max(Instant::now());
            match stopped.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.collect(&mut told);
        self.queue.push(self.encoder.end());
    }

    fn collect(&mut self, told: &mut Told) {
        let batches = match self.encoder.encode(&(self.picture)()) {
            Ok(batches) => batches,
            Err(NotNewer { samples: 0 }) => return tracing::debug!("There is no newer picture to send."),
            Err(NotNewer { samples }) => {
                self.queue.give_up(samples);
                if !std::mem::replace(&mut told.set_back, true) {
                    tracing::warn!(
                        "The clock was set back: metrics are given up, and counted, until it is where it has been."
                    );
                }
                return;
            }
        };
        told.set_back = false;
        let dropped = self.queue.push(batches);
        if dropped > 0 && !told.full {
            tracing::warn!(
                "The queue of metrics to be sent is full: the oldest are dropped, and counted in netrig_remote_write_samples_total."
            );
        }
        told.full = dropped > 0;
    }
}

/// What has been logged: troubles once, not once a picture.
#[derive(Debug, Default)]
struct Told {
    full: bool,
    set_back: bool,
}
