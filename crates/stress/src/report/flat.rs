//! Whether memory stays where it is: the verdict of a soak.

use super::model::Sample;
use super::series::{quantile, sorted};
use serde::{Deserialize, Serialize};

/// The beginning fills tables and caches: so large a part of the run says nothing of what comes later.
const WARM_UP_SHARE: f64 = 0.25;
/// Fewer samples after that tell no slope.
const SAMPLES_MIN: usize = 12;
/// Over less time than this tables still fill.
const OVER_MIN_S: f64 = 20.0;
/// Each pair of samples is looked at: of a long run so many samples are enough.
const SAMPLES_MAX: usize = 400;
/// Growth over the run below this share of what there is, or below so many bytes, is how allocators breathe.
const BREATH_SHARE: f64 = 0.01;
const BREATH_BYTES: f64 = (1 << 20) as f64;
/// Half of the interval that holds 95 of 100 of a normal distribution, in standard errors.
const CONFIDENCE: f64 = 1.96;

/// How a size goes over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flatness {
    /// In words.
    pub verdict: FlatVerdict,
    /// The middle of what was measured, after the warm-up.
    pub median_bytes: f64,
    /// How fast it grows; `None`: too few samples, or over too short a time.
    pub slope_bytes_per_s: Option<f64>,
    /// With 95 of 100 the slope lies within this of it.
    pub error_bytes_per_s: Option<f64>,
    /// Length of what was looked at.
    pub over_s: f64,
}

/// Whether it is flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlatVerdict {
    /// It does not grow, or by less than allocators do.
    Flat,
    /// It grows, and that is no noise.
    Growing,
    /// Too few samples, or too much noise to tell growth from it.
    Unsure,
}

impl FlatVerdict {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Growing => "growing",
            Self::Unsure => "unsure",
        }
    }
}

/// What the rig's process has for itself over the run; `None` where it was not measured. What it maps is not looked at: that are pages of
/// the kernel's tables, which are as large as they ever will be and become resident one after another as traffic comes to them, and of
/// the program's file.
#[must_use]
pub fn own(samples: &[Sample]) -> Option<Flatness> {
    let points = samples.iter().filter_map(|sample| Some((sample.at_s, sample.own_bytes? as f64)));
    flatness(&points.collect::<Vec<_>>())
}

/// How sizes, each with its second, go over time; `None` of none.
#[must_use]
pub fn flatness(points: &[(f64, f64)]) -> Option<Flatness> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let warm = first + (last - first) * WARM_UP_SHARE;
    let settled: Vec<(f64, f64)> = points.iter().copied().filter(|(at_s, _)| *at_s >= warm).collect();
    let thin = settled.len().div_ceil(SAMPLES_MAX).max(1);
    let settled: Vec<(f64, f64)> = settled.into_iter().step_by(thin).collect();
    let median_bytes = quantile(&sorted(settled.iter().map(|(_, bytes)| *bytes)), 0.5)?;
    let over_s = settled.last()?.0 - settled.first()?.0;
    let mut flat = Flatness {
        verdict: FlatVerdict::Unsure,
        median_bytes,
        slope_bytes_per_s: None,
        error_bytes_per_s: None,
        over_s,
    };
    let Some((slope, error)) = slope(&settled).filter(|_| over_s >= OVER_MIN_S) else { return Some(flat) };
    let breath = (median_bytes * BREATH_SHARE).max(BREATH_BYTES);
    flat.slope_bytes_per_s = Some(slope);
    flat.error_bytes_per_s = Some(error);
    flat.verdict = match slope * over_s {
        // It may grow by no more than what allocators do, even where the error is on the worse side.
        _ if (slope + error) * over_s <= breath => FlatVerdict::Flat,
        grown if slope > error && grown > breath => FlatVerdict::Growing,
        _ => FlatVerdict::Unsure,
    };
    Some(flat)
}

/// The median of the slopes between all pairs (Theil and Sen), and half of the interval that holds the true one in 95 of 100
/// runs, by how many pairs could be the other way round if there were none (Kendall).
fn slope(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len();
    if n < SAMPLES_MIN {
        return None;
    }
    let pairs = (0..n).flat_map(|a| (a + 1..n).map(move |b| (points[a], points[b])));
    let slopes = sorted(pairs.filter(|(a, b)| b.0 > a.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)));
    let count = slopes.len() as f64;
    let middle = quantile(&slopes, 0.5)?;
    let n = n as f64;
    let spread = CONFIDENCE * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let half = spread / count / 2.0;
    let (low, high) = (quantile(&slopes, 0.5 - half)?, quantile(&slopes, 0.5 + half)?);
    Some((middle, (high - middle).max(middle - low)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: f64 = (1 << 20) as f64;

    /// A minute, a sample a second, of what `bytes` says; and noise of up to 200 kB that is the same each time.
    fn minute(bytes: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let noise = |at: u32| f64::from(at.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 * 200_000.0;
        (0..60).map(|at| (f64::from(at), bytes(f64::from(at)) + noise(at))).collect()
    }

    #[test]
    fn what_stays_is_flat() {
        let flat = flatness(&minute(|_| 50.0 * MIB)).expect("points");
        assert_eq!(flat.verdict, FlatVerdict::Flat, "{flat:?}");
    }

    #[test]
    fn what_leaks_grows_by_what_it_leaks() {
        let flat = flatness(&minute(|at| 50.0 * MIB + at * 100_000.0)).expect("points");
        assert_eq!(flat.verdict, FlatVerdict::Growing, "{flat:?}");
        let (slope, error) = (flat.slope_bytes_per_s.expect("slope"), flat.error_bytes_per_s.expect("error"));
        assert!((slope - 100_000.0).abs() <= error.max(2_000.0), "{flat:?}");
    }

    #[test]
    fn a_table_that_fills_at_the_beginning_is_no_leak() {
        let flat = flatness(&minute(|at| 20.0 * MIB + at.min(12.0) * 3.0 * MIB)).expect("points");
        assert_eq!(flat.verdict, FlatVerdict::Flat, "{flat:?}");
    }

    #[test]
    fn one_wild_sample_changes_nothing() {
        let mut points = minute(|_| 50.0 * MIB);
        points[59].1 = 900.0 * MIB;
        assert_eq!(flatness(&points).expect("points").verdict, FlatVerdict::Flat);
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(flatness(&[]), None);
        assert_eq!(own(&[Sample::default()]), None);
        let flat = flatness(&[(0.0, MIB), (1.0, 9.0 * MIB)]).expect("points");
        assert_eq!((flat.verdict, flat.slope_bytes_per_s), (FlatVerdict::Unsure, None));
    }

    #[test]
    fn pages_of_tables_that_are_touched_one_after_another_are_no_leak() {
        let sample = |at: u32, own: u64, mapped: u64| Sample {
            at_s: f64::from(at),
            rss_bytes: Some(own + mapped),
            own_bytes: Some(own),
            ..Sample::default()
        };
        let verdict = |own_grows: u64, mapped_grows: u64| {
            let samples =
                (0..60).map(|at| sample(at, (30 << 20) + u64::from(at) * own_grows, u64::from(at) * mapped_grows));
            own(&samples.collect::<Vec<_>>()).expect("points").verdict
        };
        assert_eq!((verdict(0, 1 << 20), verdict(1 << 17, 0)), (FlatVerdict::Flat, FlatVerdict::Growing));
    }

    #[test]
    fn a_short_run_says_nothing_however_often_it_was_looked_at() {
        let points: Vec<_> = (0..100).map(|at| (f64::from(at) * 0.05, f64::from(at) * MIB)).collect();
        assert_eq!(flatness(&points).expect("points").verdict, FlatVerdict::Unsure);
    }

    #[test]
    fn noise_that_hides_a_leak_is_unsure() {
        let random = |at: f64| f64::from((at as u32 + 7).wrapping_mul(0x9e37_79b1) >> 8) / f64::from(1 << 24);
        let wild = |at: f64| 50.0 * MIB + at * 50_000.0 + random(at) * 40.0 * MIB;
        let flat = flatness(&minute(wild)).expect("points");
        assert_eq!(flat.verdict, FlatVerdict::Unsure, "{flat:?}");
    }

    proptest! {
        #[test]
        fn a_leak_beyond_the_noise_is_always_found(leak in 60_000.0..10e6_f64, noise in prop::collection::vec(0.0..500_000.0_f64, 120)) {
            let points: Vec<_> =
                noise.iter().enumerate().map(|(at, noise)| (at as f64, 30.0 * MIB + leak * at as f64 + noise)).collect();
            prop_assert_eq!(flatness(&points).expect("points").verdict, FlatVerdict::Growing);
        }

        #[test]
        fn noise_alone_is_never_a_leak(noise in prop::collection::vec(0.0..900_000.0_f64, 30..120)) {
            let points: Vec<_> = noise.iter().enumerate().map(|(at, noise)| (at as f64, 30.0 * MIB + noise)).collect();
            prop_assert!(flatness(&points).expect("points").verdict != FlatVerdict::Growing);
        }
    }
}
