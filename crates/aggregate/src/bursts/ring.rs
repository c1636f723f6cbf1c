//! One interface, one way: its buckets, its bursts, and what there is to show of it.

use super::detector::{BurstBounds, Detector};
use super::estimate::{Whole, shrink};
use super::level::Peaks;
use super::run::Ended;
use super::waiting::Waiting;
use super::{BurstWorld, FLOWS_TOLD, SeenFlow, Told};
use netrig_model::{BurstBucket, BurstInterface, BurstRecord, BurstSample, Direction, Histogram, Timestamp};

/// Bits of a bucket's flows.
const FLOW_BITS: f64 = 128.0;

/// See above.
#[derive(Debug)]
pub(super) struct Ring {
    iface: String,
    bucket_ns: u64,
    detector: Detector,
    waiting: Waiting<Seen>,
    peaks: Peaks,
    /// The number that comes next; none before the first.
    next: Option<u64>,
    /// Of the burst told last, monotonic.
    last_end_ns: Option<u64>,
    ready: Vec<(Ended, Seen)>,
    bursts: u64,
    burst_bytes: u64,
    durations: Histogram,
    gaps: Histogram,
    buckets_lost: u64,
}

/// What is asked as soon as a burst is over.
#[derive(Debug)]
struct Seen {
    flows: Vec<SeenFlow>,
    /// Time of day less monotonic time.
    lag_ns: i64,
}

impl Ring {
    pub(super) fn new(bounds: BurstBounds) -> Self {
        Self {
            iface: String::new(),
            bucket_ns: bounds.bucket_ns,
            detector: Detector::new(bounds),
            waiting: Waiting::new(bounds.bucket_ns),
            peaks: Peaks::new(bounds.bucket_ns),
            next: None,
            last_end_ns: None,
            ready: Vec::new(),
            bursts: 0,
            burst_bytes: 0,
            durations: Histogram::default(),
            gaps: Histogram::default(),
            buckets_lost: 0,
        }
    }

    pub(super) fn set_bounds(&mut self, bounds: BurstBounds) {
        self.detector.set_bounds(bounds);
    }

    pub(super) fn watch(&mut self, name: &str, link_bits_per_second: Option<u64>) {
        name.clone_into(&mut self.iface);
        self.detector.set_link(link_bits_per_second);
    }

    pub(super) fn iface(&self) -> &str {
        &self.iface
    }

    pub(super) fn lose(&mut self, buckets: u64) {
        self.buckets_lost += buckets;
    }

    pub(super) fn feed(&mut self, buckets: &[BurstBucket], samples: &[BurstSample], world: &dyn BurstWorld) {
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return };
        if self.next.is_some_and(|next| next != first.number) {
            self.finish(world);
        }
        self.next = Some(last.number + 1);
        let nothing = self.waiting.is_empty() && buckets.iter().all(|bucket| bucket.packets == 0);
        if nothing && self.detector.rest(last.number, buckets.len() as u64) {
            self.peaks.add(last.number, 0);
            return;
        }
        let mut samples = samples;
        for bucket in buckets {
            let skip = samples.partition_point(|sample| sample.number < bucket.number);
            let (its, later) = samples[skip..].split_at(samples[skip..].partition_point(|s| s.number == bucket.number));
            samples = later;
            self.peaks.add(bucket.number, bucket.bytes);
            let ended = self.detector.feed(bucket, its);
            // What was broken off by this bucket is followed by it.
            let (ahead, behind) = match ended {
                Some(ended) if ended.next == bucket.number => (Some(ended), None),
                ended => (None, ended),
            };
            self.wait(ahead, world);
            self.waiting.pass(bucket.bytes);
            self.wait(behind, world);
            // Bucket by bucket: what is told must not depend on how many are read at a time.
            while let Some(burst) = self.waiting.ready() {
                self.ready.push(burst);
            }
        }
    }

    /// What comes next, if anything, does not follow on what was there.
    pub(super) fn finish(&mut self, world: &dyn BurstWorld) {
        let ended = self.detector.break_off();
        self.wait(ended, world);
        while let Some(burst) = self.waiting.at_once() {
            self.ready.push(burst);
        }
    }

    fn wait(&mut self, ended: Option<Ended>, world: &dyn BurstWorld) {
        if let Some(ended) = ended {
            let seen =
                Seen { flows: largest(&ended, world), lag_ns: world.time(ended.end_ns).0 - ended.end_ns.cast_signed() };
            self.waiting.push(ended, seen);
        }
    }

    /// The records that are ready.
    pub(super) fn told(&mut self, direction: Direction) -> Vec<Told> {
        std::mem::take(&mut self.ready).into_iter().map(|(ended, seen)| self.tell(&ended, seen, direction)).collect()
    }

    fn tell(&mut self, ended: &Ended, seen: Seen, direction: Direction) -> Told {
        let time = |ns: u64| Timestamp(ns.cast_signed()).plus_ns(seen.lag_ns);
        let duration_ns = ended.end_ns - ended.start_ns;
        let gap_ns = self.last_end_ns.map(|end| ended.start_ns.saturating_sub(end));
        self.last_end_ns = Some(ended.end_ns);
        self.bursts += 1;
        self.burst_bytes += ended.bytes;
        self.durations.add(&one(duration_ns));
        if let Some(gap_ns) = gap_ns {
            self.gaps.add(&one(gap_ns));
        }
        let series: Vec<_> = ended.series.iter().map(u64::to_string).collect();
        let record = BurstRecord {
            window_start: Timestamp(0),
            window_end: Timestamp(0),
            host: None,
            iface: Some(self.iface.clone()),
            direction: Some(direction),
            trigger: ended.trigger,
            burst_start: time(ended.start_ns),
            burst_end: time(ended.end_ns),
            duration_ns,
            gap_ns,
            bytes: ended.bytes,
            packets: ended.packets,
            ce_packets: ended.ce_packets,
            retransmits: (direction == Direction::Egress).then_some(ended.retransmits),
            flows: distinct(ended.flows),
            peak_bits_per_second: self.rate(ended.peak as f64),
            mean_bits_per_second: self.rate(ended.mean),
            link_bits_per_second: self.detector.link(),
            bucket_ns: self.bucket_ns,
            series_start: time(ended.series_first * self.bucket_ns),
            series: series.join(" "),
            top_flows: String::new(),
        };
        Told { record, flows: seen.flows }
    }

    pub(super) fn status(&self, direction: Direction) -> BurstInterface {
        let peaks: Vec<_> = self.peaks.all().map(|bytes| self.rate(bytes as f64)).collect();
        BurstInterface {
            iface: self.iface.clone(),
            direction: Some(direction),
            link_bits_per_second: self.detector.link(),
            peak_bits_per_second: peaks.iter().copied().max().unwrap_or(0),
            mean_bits_per_second: self.rate(self.detector.mean()),
            peaks,
            bursts: self.bursts,
            burst_bytes: self.burst_bytes,
            durations: self.durations.clone(),
            gaps: self.gaps.clone(),
            buckets_lost: self.buckets_lost,
        }
    }

    /// Bits a second, of a bucket's octets.
    fn rate(&self, bytes: f64) -> u64 {
        (bytes * 8e9 / self.bucket_ns as f64).round() as u64
    }
}

/// The flows that samples stood for, each once, the largest first, with what samples are good for.
fn largest(ended: &Ended, world: &dyn BurstWorld) -> Vec<SeenFlow> {
    let mut flows: Vec<(Option<SeenFlow>, f64)> = Vec::new();
    let mut flow_squares = ended.sampled.flow_squares;
    let mut merged = 0;
    for (number, bytes) in &ended.sampled.largest {
        let seen = world.flow(*number).map(|(key, pid)| SeenFlow { key, pid, bytes: 0 });
        // Each CPU that saw a flow has a place for it.
        let same = flows.iter_mut().find_map(|(known, sum)| match (known, &seen) {
            (Some(known), Some(seen)) if known.key == seen.key => Some((known, sum)),
            _ => None,
        });
        if let (Some((known, sum)), Some(seen)) = (same, &seen) {
            known.pid = known.pid.or(seen.pid);
            flow_squares += 2.0 * *sum * bytes;
            *sum += bytes;
            merged += 1;
        } else {
            flows.push((seen, *bytes));
        }
    }
    flows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut estimates: Vec<_> = flows.iter().map(|(_, bytes)| *bytes).collect();
    // Where each CPU has places of its own, more flows were met than there are: then their bits know better.
    let met = if merged == 0 { ended.sampled.flows } else { flows.len() };
    shrink(
        &mut estimates,
        Whole {
            bytes: ended.bytes as f64,
            flows: distinct(ended.flows).max(met as u64) as f64,
            sample_squares: ended.sampled.sample_squares,
            flow_squares,
        },
    );
    let told = flows
        .into_iter()
        .zip(estimates)
        .filter_map(|((flow, _), bytes)| flow.map(|flow| SeenFlow { bytes: bytes.round() as u64, ..flow }));
    told.take(FLOWS_TOLD).collect()
}

/// How many flows set so many bits: as many as leave that many of them unset on the average (linear counting).
fn distinct(bits: u128) -> u64 {
    let zeros = f64::from(bits.count_zeros()).max(1.0);
    let flows = -FLOW_BITS * (zeros / FLOW_BITS).ln();
    flows.round() as u64
}

fn one(ns: u64) -> Histogram {
    let octaves = (ns.max(1) as f64 / 1e9).log2();
    let bucket = (octaves * f64::from(Histogram::BUCKETS_PER_OCTAVE)).ceil() as i32;
    Histogram { buckets: vec![(bucket, 1)], sum_ns: ns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_estimated_from_their_bits() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 57
        };
        for flows in [1_u64, 10, 60, 200, 300] {
            const TIMES: u64 = 200;
            let sum: u64 = (0..TIMES).map(|_| distinct((0..flows).fold(0, |bits, _| bits | 1 << random()))).sum();
            let mean = sum as f64 / TIMES as f64;
            assert!((mean / flows as f64 - 1.0).abs() < 0.05, "{mean} for {flows}");
        }
        assert_eq!((distinct(0), distinct(u128::MAX)), (0, 621));
    }
}
