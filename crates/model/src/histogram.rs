//! Distributions of time, in the buckets of Prometheus' native histograms.

use serde::{Deserialize, Serialize};

/// A distribution of time. Bucket `i` holds values in (2^((i−1)/16), 2^(i/16)] seconds: native histograms' schema 4. The
/// kernel counts in these very buckets, so nothing is converted on the way to whoever asks. A bucket's middle is at most
/// 2.2 % from anything in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Bucket and count, ascending, without empty ones.
    pub buckets: Vec<(i32, u64)>,
    /// Sum of all values, nanoseconds.
    pub sum_ns: u64,
}

impl Histogram {
    /// Buckets for each doubling: 2 to the schema's power.
    pub const BUCKETS_PER_OCTAVE: i32 = 16;
    /// Prometheus' name for that resolution.
    pub const SCHEMA: i32 = 4;

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The bucket of a value. What takes no time at all is in that of a nanosecond.
    #[must_use]
    pub fn bucket_of(ns: u64) -> i32 {
        let octaves = (ns.max(1) as f64 / 1e9).log2();
        (octaves * f64::from(Self::BUCKETS_PER_OCTAVE)).ceil() as i32
    }

    /// Takes in a value.
    pub fn observe(&mut self, ns: u64) {
        let bucket = Self::bucket_of(ns);
        match self.buckets.binary_search_by_key(&bucket, |(b, _)| *b) {
            Ok(at) => self.buckets[at].1 += 1,
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
        self.sum_ns = self.sum_ns.saturating_add(ns);
    }

    /// A bucket's upper bound in seconds.
    #[must_use]
    pub fn upper_bound_s(bucket: i32) -> f64 {
        (f64::from(bucket) / f64::from(Self::BUCKETS_PER_OCTAVE)).exp2()
    }

    /// The value below which `share` (0 to 1) of all values lie, in seconds, within 2.2 %; none without values.
    #[must_use]
    pub fn quantile_s(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((share * count as f64).ceil() as u64).clamp(1, count);
        let mut below = 0;
        let found = self.buckets.iter().find(|(_, n)| {
            below += n;
            below >= rank
        })?;
        // Of all points of a bucket its harmonic middle has the smallest relative error.
        let (low, high) = (Self::upper_bound_s(found.0 - 1), Self::upper_bound_s(found.0));
        Some(2.0 * low * high / (low + high))
    }

    /// What was gained since `earlier`, a picture of the same distribution.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bucket: i32| match earlier.buckets.binary_search_by_key(&bucket, |(b, _)| *b) {
            Ok(at) => earlier.buckets[at].1,
            Err(_) => 0,
        };
        let gained = self.buckets.iter().map(|(bucket, n)| (*bucket, n.saturating_sub(before(*bucket))));
        Self { buckets: gained.filter(|(_, n)| *n > 0).collect(), sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns) }
    }

    /// Adds another's values.
    pub fn add(&mut self, other: &Self) {
        if !self.add_in_place(other) {
            self.merge(other);
        }
        // Nanoseconds of many round trips: a busy host fills 64 bits within months.
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
    }

    /// Adds counts where every bucket of `other` is there already, as is the rule when very many alike are summed: no memory
    /// is asked for. Does nothing and says no where one is not.
    fn add_in_place(&mut self, other: &Self) -> bool {
        let mut there = self.buckets.iter();
        let mut has =
            |bucket: i32| there.by_ref().find(|(each, _)| *each >= bucket).is_some_and(|(each, _)| *each == bucket);
        if !other.buckets.iter().all(|(bucket, _)| has(*bucket)) {
            return false;
        }
        let mut there = self.buckets.iter_mut();
        for (bucket, count) in &other.buckets {
            if let Some((_, sum)) = there.by_ref().find(|(each, _)| each == bucket) {
                *sum += count;
            }
        }
        true
    }

    fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut a, mut b) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            match (a.peek(), b.peek()) {
                (Some(&&(i, n)), Some(&&(j, m))) => {
                    let count = if i <= j { n } else { 0 } + if j <= i { m } else { 0 };
                    merged.push((i.min(j), count));
                    if i <= j {
                        a.next();
                    }
                    if j <= i {
                        b.next();
                    }
                }
                (Some(&&one), None) => {
                    merged.push(one);
                    a.next();
                }
                (None, Some(&&one)) => {
                    merged.push(one);
                    b.next();
                }
                (None, None) => break,
            }
        }
        self.buckets = merged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_in_place_or_merged_it_is_the_same() {
        let of = |buckets: &[(i32, u64)]| Histogram { buckets: buckets.to_vec(), sum_ns: 1 };
        let whole = of(&[(-3, 1), (0, 2), (5, 4), (9, 8)]);
        for other in [&[][..], &[(0, 7)], &[(-3, 1), (9, 1)], &[(-4, 1)], &[(1, 1), (5, 1)], &[(9, 1), (10, 1)]] {
            let (mut added, mut merged) = (whole.clone(), whole.clone());
            added.add(&of(other));
            merged.merge(&of(other));
            assert_eq!((added.buckets, added.sum_ns), (merged.buckets, 2), "{other:?}");
        }
    }

    fn of(values_s: &[f64]) -> Histogram {
        let mut all = Histogram::default();
        for v in values_s {
            let bucket = (v.log2() * 16.0).ceil() as i32;
            all.add(&Histogram { buckets: vec![(bucket, 1)], sum_ns: (v * 1e9) as u64 });
        }
        all
    }

    #[test]
    fn quantiles_are_within_two_point_two_percent() {
        let values: Vec<f64> = (1..=1000).map(|n| f64::from(n) * 1e-5).collect();
        let all = of(&values);
        assert_eq!(all.count(), 1000);
        for (share, truth) in [(0.5, 0.005), (0.99, 0.0099), (1.0, 0.01), (0.0, 1e-5)] {
            let got = all.quantile_s(share).expect("values");
            assert!((got / truth - 1.0).abs() <= 0.0222, "{share}: {got} for {truth}");
        }
        assert_eq!(Histogram::default().quantile_s(0.5), None);
    }

    #[test]
    fn a_value_falls_into_the_bucket_whose_bounds_it_lies_between() {
        let mut one = Histogram::default();
        for ns in [1, 999, 125_000_000, 125_000_001, 1_000_000_000, 1_000_000_001, u64::MAX] {
            let mut alone = Histogram::default();
            alone.observe(ns);
            let (bucket, s) = (alone.buckets[0].0, ns as f64 / 1e9);
            assert!(Histogram::upper_bound_s(bucket - 1) < s && s <= Histogram::upper_bound_s(bucket) * (1.0 + 1e-12));
            assert_eq!((alone.count(), alone.sum_ns), (1, ns));
            one.observe(ns);
        }
        assert_eq!((one.count(), one.sum_ns), (7, u64::MAX));
        assert!(one.buckets.is_sorted_by_key(|(bucket, _)| *bucket));
        one.observe(0);
        assert_eq!(one.buckets[0], (of(&[1e-9]).buckets[0].0, 2));
    }

    #[test]
    fn sums_are_those_of_the_parts() {
        let (mut a, b) = (of(&[0.001, 0.002]), of(&[0.002, 5.0]));
        a.add(&b);
        assert_eq!(a, of(&[0.001, 0.002, 0.002, 5.0]));
    }

    #[test]
    fn what_was_gained_is_the_difference() {
        let (before, more) = (of(&[0.001, 0.002]), of(&[0.002, 5.0]));
        let mut now = before.clone();
        now.add(&more);
        assert_eq!(now.since(&before), more);
        assert_eq!(now.since(&now), Histogram::default());
        assert_eq!(now.since(&Histogram::default()), now);
    }
}
