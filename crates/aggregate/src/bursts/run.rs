//! Buckets in a row that stand out, and what they were in the end.

use super::estimate::Sampled;
use netrig_model::{BurstBucket, BurstSample, BurstTrigger};
use rustc_hash::FxHashMap;

/// Buckets of a series, and those of them before the burst and after it.
pub(super) const SERIES_MAX: usize = 400;
pub(super) const SERIES_BESIDE: usize = 20;
/// A bucket below this part of the busiest one ends a burst; one so many times as busy as all before begins another.
const LEVEL_RATIO: u64 = 4;
/// A neighbour that is filled less than this with the burst is none of it.
const FILL_MIN: f64 = 0.05;
/// Flows told apart by samples in a run, and those handed on, the largest.
const FLOWS_MAX: usize = 4096;
const FLOWS_KEPT: usize = 32;

/// What a run is measured by, in octets of a bucket, from its first bucket on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// A bucket above this is a burst's.
    pub(super) bound: f64,
    /// The link's part of that bound, where its speed is known.
    pub(super) link: Option<f64>,
    /// What passed before, on the average.
    pub(super) mean: f64,
}

/// A bucket and its samples, kept whole: it may turn out to be an edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    pub(super) bucket: BurstBucket,
    pub(super) samples: Vec<BurstSample>,
}

/// Sums over buckets.
#[derive(Clone, Debug, Default)]
struct Sums {
    bytes: u64,
    packets: u64,
    ce_packets: u64,
    retransmits: u64,
    flows: u128,
    /// By samples.
    sampled: FxHashMap<u64, u64>,
    sampled_bytes: u64,
    sample_squares: f64,
}

impl Sums {
    fn add(&mut self, bucket: &BurstBucket, samples: &[BurstSample]) {
        self.bytes += bucket.bytes;
        self.packets += bucket.packets;
        self.ce_packets += bucket.ce_packets;
        self.retransmits += bucket.retransmits;
        self.flows |= bucket.flows;
        for sample in samples {
            self.sampled_bytes += sample.bytes;
            self.sample_squares += (sample.bytes as f64).powi(2);
            if self.sampled.len() < FLOWS_MAX || self.sampled.contains_key(&sample.flow) {
                *self.sampled.entry(sample.flow).or_default() += sample.bytes;
            }
        }
    }

    /// What samples say, so scaled that all of them add up to the octets.
    fn sampled(&self) -> Sampled {
        let scale = self.bytes as f64 / self.sampled_bytes.max(1) as f64;
        let mut all: Vec<_> = self.sampled.iter().map(|(flow, bytes)| (*flow, *bytes)).collect();
        all.sort_unstable_by_key(|(flow, bytes)| (std::cmp::Reverse(*bytes), *flow));
        let scaled = |bytes: u64| bytes as f64 * scale;
        Sampled {
            flows: all.len(),
            sample_squares: self.sample_squares * scale * scale,
            flow_squares: all.iter().map(|(_, bytes)| scaled(*bytes).powi(2)).sum(),
            largest: all.into_iter().take(FLOWS_KEPT).map(|(flow, bytes)| (flow, scaled(bytes))).collect(),
        }
    }
}

/// A burst that is still going on, as far as one can tell.
#[derive(Debug)]
pub(super) struct Run {
    measure: Measure,
    /// The bucket ahead of it, unless that is another burst's.
    before: Option<Whole>,
    sums: Sums,
    first: BurstBucket,
    last: BurstBucket,
    count: u64,
    peak: u64,
    /// From the first of `SERIES_BESIDE + 1` buckets before.
    series: Vec<u64>,
    series_before: usize,
}

/// A burst that is over. Times are of the monotonic clock.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub(super) trigger: BurstTrigger,
    /// Its buckets, edges included.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The first bucket that has not been looked at for it.
    pub(super) next: u64,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) ce_packets: u64,
    pub(super) retransmits: u64,
    pub(super) flows: u128,
    /// Octets of the busiest bucket, and of the mean one before.
    pub(super) peak: u64,
    pub(super) mean: f64,
    /// Number of the first bucket of the series.
    pub(super) series_first: u64,
    pub(super) series: Vec<u64>,
    /// Buckets that the series still wants.
    pub(super) series_wants: usize,
    /// What samples say of its flows.
    pub(super) sampled: Sampled,
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    /// By a bucket below.
    Fell(&'a BurstBucket, &'a [BurstSample]),
    /// Something far higher began, or no more buckets could be read.
    Broken,
    /// It is as long as a burst can be.
    Long,
}

impl Run {
    pub(super) fn new(measure: Measure, before: Option<Whole>, recent: impl Iterator<Item = u64>) -> Self {
        let series: Vec<u64> = recent.collect();
        Self {
            measure,
            before,
            sums: Sums::default(),
            first: BurstBucket::default(),
            last: BurstBucket::default(),
            count: 0,
            peak: 0,
            series_before: series.len(),
            series,
        }
    }

    pub(super) fn add(&mut self, bucket: &BurstBucket, samples: &[BurstSample]) {
        if self.count == 0 {
            self.first = *bucket;
        }
        self.last = *bucket;
        self.count += 1;
        self.peak = self.peak.max(bucket.bytes);
        self.sums.add(bucket, samples);
        if self.series.len() <= SERIES_MAX {
            self.series.push(bucket.bytes);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure
    }

    /// Whether so few octets end it.
    pub(super) fn is_ended_by(&self, bytes: u64) -> bool {
        (bytes as f64) < (self.measure.bound / 2.0).max(self.peak as f64 / LEVEL_RATIO as f64)
    }

    /// Whether so many are the beginning of another.
    pub(super) fn is_dwarfed_by(&self, bytes: u64) -> bool {
        bytes / LEVEL_RATIO > self.peak
    }

    /// None: it was no burst, but too little, or a level that has risen.
    pub(super) fn end(mut self, end: End<'_>, min_bytes: u64, bucket_ns: u64) -> Option<Ended> {
        let over_link = self.measure.link.is_some_and(|link| self.peak as f64 > link);
        if matches!(end, End::Long) && !over_link {
            return None;
        }
        let fill = |bytes: u64| {
            let (mean, level) = (self.measure.mean, self.level());
            if level > mean { ((bytes as f64 - mean) / (level - mean)).clamp(0.0, 1.0) } else { 1.0 }
        };
        let of_edge = |bytes: u64| Some(fill(bytes)).filter(|fill| *fill >= FILL_MIN);
        let ahead = self.before.as_ref().and_then(|whole| of_edge(whole.bucket.bytes));
        let behind = if let End::Fell(bucket, _) = end { of_edge(bucket.bytes) } else { None };
        let (first_fill, last_fill) = (fill(self.first.bytes), fill(self.last.bytes));

        if let Some(whole) = self.before.take_if(|_| ahead.is_some()) {
            self.sums.add(&whole.bucket, &whole.samples);
        } else if self.series_before > SERIES_BESIDE {
            self.series.remove(0);
            self.series_before -= 1;
        }
        let mut series_wants = SERIES_BESIDE;
        if let End::Fell(bucket, samples) = end {
            self.series.push(bucket.bytes);
            if behind.is_some() {
                self.sums.add(bucket, samples);
            } else {
                series_wants -= 1;
            }
        }
        self.series.truncate(SERIES_MAX);
        if self.sums.bytes < min_bytes {
            return None;
        }
        let ns = |buckets: f64| (buckets * bucket_ns as f64).round() as u64;
        Some(Ended {
            trigger: if over_link { BurstTrigger::LinkShare } else { BurstTrigger::TimesMean },
            first: self.first.number - u64::from(ahead.is_some()),
            last: self.last.number + u64::from(behind.is_some()),
            next: self.last.number + 1 + u64::from(matches!(end, End::Fell(..))),
            start_ns: ((self.first.number + 1) * bucket_ns).saturating_sub(ns(first_fill + ahead.unwrap_or(0.0))),
            end_ns: self.last.number * bucket_ns + ns(last_fill + behind.unwrap_or(0.0)),
            bytes: self.sums.bytes,
            packets: self.sums.packets,
            ce_packets: self.sums.ce_packets,
            retransmits: self.sums.retransmits,
            flows: self.sums.flows,
            peak: self.peak,
            mean: self.measure.mean,
            series_first: self.first.number - self.series_before as u64,
            series_wants: series_wants.min(SERIES_MAX - self.series.len()),
            series: self.series,
            sampled: self.sums.sampled(),
        })
    }

    /// Octets of a bucket that is full with the burst: the mean one, edges left out, or the busiest where there are only edges.
    fn level(&self) -> f64 {
        match self.count.checked_sub(2) {
            Some(inner) if inner > 0 => (self.sums.bytes - self.first.bytes - self.last.bytes) as f64 / inner as f64,
            _ => self.peak as f64,
        }
    }
}
