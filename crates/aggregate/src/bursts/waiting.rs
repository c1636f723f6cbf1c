//! Bursts that are over, and are not told yet: a few buckets more belong to their picture, and what follows shows whether they
//! stood out at all, or were the beginning of what now goes on.

use super::run::Ended;
use netrig_model::BurstTrigger;
use std::collections::VecDeque;

/// How long one looks at what follows a burst that was found by the mean.
const AFTER_NS: u64 = 250_000_000;
/// A burst that is not so many times what follows it is the beginning of that.
const TIMES_AFTER: f64 = 3.0;

/// In the order in which they ended, with what whoever waits knows of them.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    bucket_ns: u64,
    queue: VecDeque<(Ended, T, After)>,
    /// Ever: octets, buckets.
    passed: (u64, u64),
}

/// What had passed when it ended.
#[derive(Clone, Copy, Debug)]
struct After {
    bytes: u64,
    buckets: u64,
}

impl<T> Waiting<T> {
    pub(super) fn new(bucket_ns: u64) -> Self {
        Self { bucket_ns, queue: VecDeque::new(), passed: (0, 0) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A bucket has passed that ended nothing and began nothing that is here.
    pub(super) fn pass(&mut self, bytes: u64) {
        self.passed.0 += bytes;
        self.passed.1 += 1;
        // Those that ended last want most.
        for (ended, ..) in self.queue.iter_mut().rev().take_while(|(ended, ..)| ended.series_wants > 0) {
            ended.series.push(bytes);
            ended.series_wants -= 1;
        }
    }

    /// One more that is over. To be called after the bucket that ended it has passed.
    pub(super) fn push(&mut self, ended: Ended, known: T) {
        let (bytes, buckets) = self.passed;
        self.queue.push_back((ended, known, After { bytes, buckets }));
    }

    /// The next one that is ready and is a burst.
    pub(super) fn ready(&mut self) -> Option<(Ended, T)> {
        while let Some((ended, _, after)) = self.queue.front() {
            let wants_ns = if ended.trigger == BurstTrigger::TimesMean { AFTER_NS } else { 0 };
            if ended.series_wants > 0 || (self.passed.1 - after.buckets) * self.bucket_ns < wants_ns {
                return None;
            }
            if let Some(burst) = self.pop() {
                return Some(burst);
            }
        }
        None
    }

    /// The next one, although what follows it will not be known.
    pub(super) fn at_once(&mut self) -> Option<(Ended, T)> {
        while !self.queue.is_empty() {
            if let Some(burst) = self.pop() {
                return Some(burst);
            }
        }
        None
    }

    /// None: it was no burst.
    fn pop(&mut self) -> Option<(Ended, T)> {
        let (ended, known, after) = self.queue.pop_front()?;
        let (bytes, buckets) = (self.passed.0 - after.bytes, self.passed.1 - after.buckets);
        let its = ended.bytes as f64 / (ended.end_ns - ended.start_ns).max(1) as f64;
        let following = bytes as f64 / (buckets.max(1) * self.bucket_ns) as f64;
        let stood_out = ended.trigger == BurstTrigger::LinkShare || its >= following * TIMES_AFTER;
        stood_out.then_some((ended, known))
    }
}
