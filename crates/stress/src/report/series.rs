//! What can be said of a series of figures without a belief about how they are spread.

/// Of a normal distribution, the standard deviation by the median absolute deviation.
const DEVIATION_OF_MAD: f64 = 1.4826;
/// Of a normal distribution, the error of the median by that of the mean.
const MEDIAN_BY_MEAN: f64 = 1.2533;

/// The middle of a series, and how far from it the series would put it next time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Middle {
    /// The median.
    pub(crate) median: f64,
    /// Its standard error; `None` of fewer figures than tell one.
    pub(crate) error: Option<f64>,
}

impl Middle {
    /// Fewer figures than this have no spread worth the name.
    const COUNT_MIN: usize = 5;

    /// `None` of an empty series. What is not a finite number is left out.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let sorted = sorted(values);
        let median = quantile(&sorted, 0.5)?;
        let deviations = self::sorted(sorted.iter().map(|value| (value - median).abs()));
        let error = quantile(&deviations, 0.5)
            .filter(|_| sorted.len() >= Self::COUNT_MIN)
            .map(|mad| MEDIAN_BY_MEAN * DEVIATION_OF_MAD * mad / (sorted.len() as f64).sqrt());
        Some(Self { median, error })
    }
}

/// The finite ones of them, in order.
pub(crate) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value below which so large a share of them lies; between two, what lies between them.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    let part = at - below as f64;
    Some(sorted[below] * (1.0 - part) + sorted[above.min(last)] * part)
}

/// The largest of the finite ones.
pub(crate) fn peak(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    values.into_iter().filter(|value| value.is_finite()).max_by(f64::total_cmp)
}

/// `part` of `whole`; 0 of nothing.
pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_of_a_series_and_its_error() {
        assert_eq!(Middle::of([]), None);
        assert_eq!(Middle::of([3.0, 1.0]), Some(Middle { median: 2.0, error: None }));
        let steady = Middle::of([5.0; 9]).expect("not empty");
        assert_eq!(steady, Middle { median: 5.0, error: Some(0.0) });
        let one_wild = Middle::of([1.0, 2.0, 3.0, 4.0, 1e9]).expect("not empty");
        assert_eq!(one_wild.median, 3.0);
        assert!(one_wild.error.is_some_and(|error| error < 1.0), "{one_wild:?}");
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        assert_eq!(Middle::of([f64::NAN, 7.0, f64::INFINITY]).map(|middle| middle.median), Some(7.0));
        assert_eq!(peak([f64::NAN, 2.0, 9.0]), Some(9.0));
        assert_eq!(peak([f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn quantiles_lie_within_and_in_order(values in prop::collection::vec(-1e9..1e9_f64, 1..50), share in 0.0..1.0_f64) {
            let sorted = sorted(values);
            let value = quantile(&sorted, share).expect("not empty");
            prop_assert!(value >= sorted[0] - 1e-3 && value <= sorted[sorted.len() - 1] + 1e-3);
            prop_assert!(quantile(&sorted, share / 2.0).expect("not empty") <= value + 1e-3);
        }
    }
}
