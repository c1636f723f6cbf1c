//! What is summed of latency.

use crate::group::{Sum, dashed};
use crate::table::Column;
use crate::units::{count, nanoseconds, percent};
use netrig_model::{Histogram, LatencyRecord};

/// What is summed for a group of latency: distributions are merged, so that quantiles are those of all its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencySums {
    /// Messages measured.
    pub samples: u64,
    /// Sampled messages that should have passed.
    pub eligible: u64,
    /// Those that began and whose end was not seen.
    pub censored: u64,
    /// Sum of the times, nanoseconds.
    pub latency_ns: u64,
    /// Longest, nanoseconds.
    pub latency_ns_max: Option<u64>,
    /// The times.
    pub histogram: Histogram,
}

impl LatencySums {
    pub(super) fn of(r: &LatencyRecord) -> Self {
        Self {
            samples: r.samples,
            eligible: r.eligible,
            censored: r.censored,
            latency_ns: r.latency_ns_sum,
            latency_ns_max: r.latency_ns_max,
            // What is no distribution has no quantiles; its sums are still true.
            histogram: Histogram::from_text(&r.histogram, r.latency_ns_sum).unwrap_or_default(),
        }
    }

    /// The time below which `share` (0 to 1) of the messages lie, nanoseconds.
    #[must_use]
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        quantile_ns(&self.histogram, share)
    }
}

/// The time below which `share` (0 to 1) of a distribution lies, nanoseconds, within 2.2 %.
pub(crate) fn quantile_ns(histogram: &Histogram, share: f64) -> Option<u64> {
    histogram.quantile_s(share).map(|s| (s * 1e9).round() as u64)
}

impl Sum for LatencySums {
    const NAMES: &'static [&'static str] = &[
        "samples",
        "eligible",
        "censored",
        "latency_ns_sum",
        "latency_ns_p50",
        "latency_ns_p90",
        "latency_ns_p99",
        "latency_ns_p999",
        "latency_ns_max",
    ];

    fn add(&mut self, other: &Self) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.samples, other.samples);
        sum(&mut self.eligible, other.eligible);
        sum(&mut self.censored, other.censored);
        sum(&mut self.latency_ns, other.latency_ns);
        self.latency_ns_max = self.latency_ns_max.max(other.latency_ns_max);
        self.histogram.add(&other.histogram);
    }

    fn size(&self) -> u64 {
        self.latency_ns
    }

    fn set_members(&mut self, _members: u64) {}

    fn values(&self) -> Vec<Option<u64>> {
        vec![
            Some(self.samples),
            Some(self.eligible),
            Some(self.censored),
            Some(self.latency_ns),
            self.quantile_ns(0.5),
            self.quantile_ns(0.9),
            self.quantile_ns(0.99),
            self.quantile_ns(0.999),
            self.latency_ns_max,
        ]
    }

    fn table_columns() -> Vec<Column> {
        vec![
            Column::number("SAMPLES"),
            Column::number("COVERAGE").optional_before(2),
            Column::number("CENSORED").optional_before(3),
            Column::number("TIME").optional_before(1),
            Column::number("P50"),
            Column::number("P90").optional_before(1),
            Column::number("P99"),
            Column::number("P99.9").optional_before(2),
            Column::number("MAX").optional(),
        ]
    }

    fn table_cells(&self) -> Vec<String> {
        let time = |ns: Option<u64>| dashed(ns.map(nanoseconds).unwrap_or_default());
        vec![
            count(self.samples),
            dashed(coverage(self.samples, self.eligible).map(percent).unwrap_or_default()),
            count(self.censored),
            nanoseconds(self.latency_ns),
            time(self.quantile_ns(0.5)),
            time(self.quantile_ns(0.9)),
            time(self.quantile_ns(0.99)),
            time(self.quantile_ns(0.999)),
            time(self.latency_ns_max),
        ]
    }

    fn in_words(&self) -> String {
        format!("{} samples, {}", count(self.samples), nanoseconds(self.latency_ns))
    }
}

/// Of the messages that should have passed a stage, the share that it saw.
pub(crate) fn coverage(samples: u64, eligible: u64) -> Option<f64> {
    (eligible > 0).then(|| samples as f64 / eligible as f64)
}
