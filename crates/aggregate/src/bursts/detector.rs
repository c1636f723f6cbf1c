//! Which buckets are a burst's. Pure: buckets of one interface and direction come in, bursts go out.
//!
//! - A burst begins with a bucket above the lower of two bounds, so many times the mean or a share of the link, and never below
//!   a floor. It goes on until a bucket has less than half of the bound or a quarter of the busiest so far.
//! - The buckets before and after are its edges as far as they are filled with it: a burst of 5 ms rarely begins with a bucket.
//! - What is four times all before it is a burst of its own; before it only what is more than an edge is told.
//! - A second is as long as a burst can be. What is over the mean for so long is no burst but a new level; what is over the
//!   link's share is told, and goes on as the next one.

use super::level::Mean;
use super::run::{End, Ended, Measure, Run, SERIES_BESIDE, Whole};
use netrig_model::{BurstBucket, BurstSample};
use std::collections::VecDeque;

const LONGEST_NS: u64 = 1_000_000_000;
/// A bucket counts from the rate on at which the least burst would pass in this time.
const FLOOR_NS: u64 = 16_000_000;

/// What makes a burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstBounds {
    /// Length of a bucket.
    pub bucket_ns: u64,
    /// A bucket over this share of the link's speed (0 to 1) is a burst's.
    pub link_share: f64,
    /// So is one over this many times the mean.
    pub times_mean: u32,
    /// Less in all is no burst.
    pub min_bytes: u64,
}

/// One interface, one way.
#[derive(Debug)]
pub(super) struct Detector {
    bounds: BurstBounds,
    link_bits_per_second: Option<u64>,
    mean: Mean,
    run: Option<Run>,
    /// The bucket just before, unless it is a burst's already.
    before: Option<Whole>,
    /// Octets of the latest buckets.
    recent: VecDeque<u64>,
}

impl Detector {
    pub(super) fn new(bounds: BurstBounds) -> Self {
        Self {
            mean: Mean::new(bounds.bucket_ns),
            bounds,
            link_bits_per_second: None,
            run: None,
            before: None,
            recent: VecDeque::with_capacity(SERIES_BESIDE + 2),
        }
    }

    /// Holds from the next burst on. The length of a bucket stays what it is.
    pub(super) fn set_bounds(&mut self, bounds: BurstBounds) {
        self.bounds = BurstBounds { bucket_ns: self.bounds.bucket_ns, ..bounds };
    }

    pub(super) fn set_link(&mut self, bits_per_second: Option<u64>) {
        self.link_bits_per_second = bits_per_second;
    }

    pub(super) fn link(&self) -> Option<u64> {
        self.link_bits_per_second
    }

    /// Octets of a bucket on the average of up to ten seconds.
    pub(super) fn mean(&self) -> f64 {
        self.mean.long()
    }

    /// The next bucket in order; what it ended.
    pub(super) fn feed(&mut self, bucket: &BurstBucket, samples: &[BurstSample]) -> Option<Ended> {
        let (ended, is_edge) = self.take_in(bucket, samples);
        self.mean.add(bucket.bytes);
        if self.recent.len() > SERIES_BESIDE {
            self.recent.pop_front();
        }
        self.recent.push_back(bucket.bytes);
        self.before = if is_edge { None } else { Some(self.whole(bucket, samples)) };
        ended
    }

    /// `count` buckets without a packet up to `last`, taken in at once; false if a burst is going on, which wants to see them.
    pub(super) fn rest(&mut self, last: u64, count: u64) -> bool {
        if self.run.is_some() || count == 0 {
            return false;
        }
        for _ in 0..count {
            self.mean.add(0);
        }
        for _ in 0..count.min(SERIES_BESIDE as u64 + 1) {
            if self.recent.len() > SERIES_BESIDE {
                self.recent.pop_front();
            }
            self.recent.push_back(0);
        }
        self.before = Some(self.whole(&BurstBucket { number: last, ..BurstBucket::default() }, &[]));
        true
    }

    /// The buckets from here on do not follow on the last one: what was between is not known.
    pub(super) fn break_off(&mut self) -> Option<Ended> {
        self.before = None;
        self.recent.clear();
        self.run.take().and_then(|run| self.ended(run, End::Broken))
    }

    /// What the bucket ended, and whether it is its edge.
    fn take_in(&mut self, bucket: &BurstBucket, samples: &[BurstSample]) -> (Option<Ended>, bool) {
        let Some(mut run) = self.run.take() else {
            if let Some(measure) = self.measure().filter(|measure| bucket.bytes as f64 > measure.bound) {
                let before = self.before.take();
                self.begin(measure, before, bucket, samples);
            }
            return (None, false);
        };
        if run.is_ended_by(bucket.bytes) {
            let ended = self.ended(run, End::Fell(bucket, samples));
            let is_edge = ended.as_ref().is_some_and(|ended| ended.last == bucket.number);
            return (ended, is_edge);
        }
        if run.is_dwarfed_by(bucket.bytes) {
            let measure = run.measure();
            // A single bucket is the edge of what begins here, and is there as the one before.
            let ended = if run.count() > 1 { self.ended(run, End::Broken) } else { None };
            let before = self.before.take().filter(|_| ended.is_none());
            self.begin(measure, before, bucket, samples);
            return (ended, false);
        }
        run.add(bucket, samples);
        if run.count() * self.bounds.bucket_ns >= LONGEST_NS {
            return (self.ended(run, End::Long), true);
        }
        self.run = Some(run);
        (None, false)
    }

    fn begin(&mut self, measure: Measure, before: Option<Whole>, bucket: &BurstBucket, samples: &[BurstSample]) {
        let mut run = Run::new(measure, before, self.recent.iter().copied());
        run.add(bucket, samples);
        self.run = Some(run);
    }

    fn ended(&self, run: Run, end: End<'_>) -> Option<Ended> {
        run.end(end, self.bounds.min_bytes, self.bounds.bucket_ns)
    }

    /// None while nothing can be said: the first second of a link whose speed is not known.
    fn measure(&self) -> Option<Measure> {
        let bucket_s = self.bounds.bucket_ns as f64 / 1e9;
        let link = self.link_bits_per_second.map(|bits| bits as f64 / 8.0 * bucket_s * self.bounds.link_share);
        let times = self.mean.usual().map(|mean| mean * f64::from(self.bounds.times_mean));
        let lower = link.into_iter().chain(times).reduce(f64::min)?;
        let floor = self.bounds.min_bytes as f64 * self.bounds.bucket_ns as f64 / FLOOR_NS as f64;
        Some(Measure { bound: lower.max(floor), link, mean: self.mean.long() })
    }

    /// In the room of the one before, which is not needed any more.
    fn whole(&mut self, bucket: &BurstBucket, samples: &[BurstSample]) -> Whole {
        let mut whole = self.before.take().unwrap_or_default();
        whole.bucket = *bucket;
        whole.samples.clear();
        whole.samples.extend_from_slice(samples);
        whole
    }
}
