//! A distribution in the two forms Prometheus has for it.
//!
//! The native form is the model's own: the same buckets, nothing converted. The classic form sums sixteen of them at a
//! time, or more, so that every bound is an edge of the native buckets too and both say the same wherever both can speak.

use netrig_model::Histogram;

/// Bounds of a classic form: powers of two of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classic {
    /// Exponent of the first bound.
    pub first: i32,
    /// Of the last one before the infinite one.
    pub last: i32,
    /// From one to the next.
    pub step: usize,
}

/// From 7.6 µs, less than any round trip between two hosts, to 32 s, more than a SYN waits for its fifth repetition.
pub(crate) const OCTAVES: Classic = Classic { first: -17, last: 5, step: 1 };

/// From 1 µs, about what the shortest stages take, to 16 s. A factor of four, for there are many such distributions: a
/// service has one for each stage.
pub(crate) const TWO_OCTAVES: Classic = Classic { first: -20, last: 4, step: 2 };

/// Lengths of bursts: from 122 µs, about the shortest bucket there can be, to 2 s, for load that lasts is cut at one.
pub(crate) const LENGTHS: Classic = Classic { first: -13, last: 1, step: 1 };

/// Times between bursts: from a millisecond to an hour. Of these the magnitude is of interest.
pub(crate) const GAPS: Classic = Classic { first: -10, last: 12, step: 2 };

impl Classic {
    /// The bounds' exponents, ascending.
    fn exponents(self) -> impl Iterator<Item = i32> {
        (self.first..=self.last).step_by(self.step)
    }

    /// Which of the classic buckets holds what the native one does: the first of those whose bound is not below, the infinite one at last.
    pub(crate) fn holding(self, native: i32) -> usize {
        self.exponents().take_while(|exponent| exponent * Histogram::BUCKETS_PER_OCTAVE < native).count()
    }

    /// How many there are, the infinite one among them.
    pub(crate) fn count(self) -> usize {
        self.exponents().count() + 1
    }
}

/// Absolute values up to this count as zero: Prometheus' usual threshold, 2^-128. There are none, but a threshold above 0
/// is what tells a native histogram without values from a classic one.
pub(crate) const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// Up to so many empty buckets in a row are written as such: a new span would take more bytes.
const GAP_MAX: i32 = 2;

/// The sum of all values, seconds.
pub(crate) fn sum_s(histogram: &Histogram) -> f64 {
    histogram.sum_ns as f64 / 1e9
}

/// Upper bounds in seconds, the last infinite, and what each bucket counts for itself.
pub(crate) fn classic(histogram: &Histogram, bounds: Classic) -> Vec<(f64, u64)> {
    let mut buckets = histogram.buckets.iter().copied().peekable();
    let mut up_to = |edge| {
        let mut count = 0_u64;
        while let Some((_, n)) = buckets.next_if(|(bucket, _)| *bucket <= edge) {
            count = count.saturating_add(n);
        }
        count
    };
    bounds
        .exponents()
        .map(|exponent| exponent * Histogram::BUCKETS_PER_OCTAVE)
        .map(|edge| (Histogram::upper_bound_s(edge), edge))
        .chain([(f64::INFINITY, i32::MAX)])
        .map(|(bound, edge)| (bound, up_to(edge)))
        .collect()
}

/// The native form's sparse buckets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Native {
    /// Runs of buckets: empty ones before it (of the first: its first bucket's number), and its length.
    pub(crate) spans: Vec<(i32, u32)>,
    /// Each bucket's count less the one before it.
    pub(crate) deltas: Vec<i64>,
}

impl Native {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let mut native = Self::default();
        let (mut next, mut before) = (0, 0);
        for &(bucket, count) in &histogram.buckets {
            let gap = bucket - next;
            if native.spans.is_empty() || gap > GAP_MAX {
                native.spans.push((gap, 0));
            } else {
                (0..gap).for_each(|_| native.push(0, &mut before));
            }
            native.push(count, &mut before);
            next = bucket + 1;
        }
        native
    }

    fn push(&mut self, count: u64, before: &mut i64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.deltas.push(count - *before);
        *before = count;
        if let Some((_, length)) = self.spans.last_mut() {
            *length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(buckets: &[(i32, u64)]) -> Histogram {
        Histogram { buckets: buckets.to_vec(), sum_ns: 1 }
    }

    /// What the native form says, bucket by bucket, read as Prometheus reads it.
    fn read(native: &Native) -> Vec<(i32, u64)> {
        let (mut at, mut count, mut deltas) = (0, 0, native.deltas.iter());
        let mut buckets = Vec::new();
        for (offset, length) in &native.spans {
            at += offset;
            for _ in 0..*length {
                count += deltas.next().expect("a delta for each bucket of a span");
                buckets.push((at, u64::try_from(count).expect("counts are not negative")));
                at += 1;
            }
        }
        assert_eq!(deltas.next(), None, "no delta without a bucket");
        buckets
    }

    #[test]
    fn small_gaps_are_filled_and_larger_ones_begin_a_span() {
        let native = Native::of(&of(&[(-100, 3), (-99, 5), (-96, 1), (-92, 7)]));
        assert_eq!(native.spans, [(-100, 5), (3, 1)]);
        assert_eq!(native.deltas, [3, 2, -5, 0, 1, 6]);
        assert_eq!(Native::of(&of(&[])), Native::default());
        assert_eq!(Native::of(&of(&[(7, 2)])), Native { spans: vec![(7, 1)], deltas: vec![2] });
    }

    #[test]
    fn classic_bounds_are_exact_and_inclusive() {
        let buckets = classic(&of(&[(-273, 1), (-272, 2), (-271, 4), (0, 8), (1, 16), (80, 32), (81, 64)]), OCTAVES);
        assert_eq!(buckets.len(), 24);
        assert_eq!(buckets[0], (1.0 / 131_072.0, 3), "2^-17 s and all below");
        assert_eq!(buckets[1], (1.0 / 65_536.0, 4));
        assert_eq!((buckets[17], buckets[18]), ((1.0, 8), (2.0, 16)));
        assert_eq!((buckets[22], buckets[23]), ((32.0, 32), (f64::INFINITY, 64)));
    }

    #[test]
    fn coarse_bounds_are_a_factor_of_four_apart() {
        let buckets = classic(&of(&[(-400, 1), (-320, 2), (-319, 4), (-288, 8), (64, 16), (65, 32)]), TWO_OCTAVES);
        assert_eq!(buckets.len(), 14);
        assert_eq!(buckets[0], (1.0 / 1_048_576.0, 3), "2^-20 s and all below");
        assert_eq!(buckets[1], (1.0 / 262_144.0, 12));
        assert_eq!((buckets[12], buckets[13]), ((16.0, 16), (f64::INFINITY, 32)));
    }

    #[test]
    fn the_zero_threshold_is_prometheus_own() {
        assert_eq!(ZERO_THRESHOLD, (-128.0_f64).exp2());
    }

    proptest! {
        #[test]
        fn both_forms_sum_to_the_histogram(
            buckets in prop::collection::btree_map(-480..160_i32, 1..1_000_000_000_u64, 0..80),
            bounds in prop::sample::select(vec![OCTAVES, TWO_OCTAVES, LENGTHS, GAPS])
        ) {
            let histogram = of(&buckets.into_iter().collect::<Vec<_>>());
            let mut native = read(&Native::of(&histogram));
            let classic = classic(&histogram, bounds);
            prop_assert_eq!(classic.iter().map(|(_, n)| n).sum::<u64>(), histogram.count());
            for upto in 0..classic.len() {
                let natives = native.iter().filter(|(i, _)| Histogram::upper_bound_s(*i) <= classic[upto].0);
                let classics = classic[..=upto].iter().map(|(_, n)| n);
                prop_assert_eq!(natives.map(|(_, n)| n).sum::<u64>(), classics.sum::<u64>());
            }
            native.retain(|(_, n)| *n > 0);
            prop_assert_eq!(native, histogram.buckets);
        }
    }
}
