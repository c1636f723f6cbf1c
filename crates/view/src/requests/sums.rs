//! What is summed of requests.

use super::choice::longest_us;
use crate::group::{Sum, dashed};
use crate::latency::quantile_ns;
use crate::table::Column;
use crate::units::{count, microseconds};
use netrig_model::{Histogram, RequestOutcome, RequestRecord};

const NS_PER_US: u64 = 1000;

/// What is summed for a group of requests: latencies are merged, so that quantiles are those of all its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestTotals {
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that got no answer.
    pub unanswered: u64,
    /// Times they were asked again.
    pub retries: u64,
    /// The longest latency, microseconds.
    pub latency_us_max: Option<u64>,
    /// Of those whose request and answer were seen, the time between.
    pub latency: Histogram,
}

impl RequestTotals {
    pub(super) fn of(r: &RequestRecord) -> Self {
        let if_so = |so: bool| if so { r.requests } else { 0 };
        Self {
            requests: r.requests,
            failed: if_so(r.failed),
            unanswered: if_so(r.outcome == RequestOutcome::Unanswered),
            retries: r.retries,
            latency_us_max: longest_us(r),
            latency: latency(r),
        }
    }

    /// Mean latency, microseconds.
    #[must_use]
    pub fn latency_us_mean(&self) -> Option<u64> {
        (self.latency.sum_ns / NS_PER_US).checked_div(self.latency.count())
    }

    /// The time within which `share` (0 to 1) of those that were answered had their answer, microseconds.
    #[must_use]
    pub fn latency_us_quantile(&self, share: f64) -> Option<u64> {
        // A bucket's middle may lie beyond its largest value.
        let longest = self.latency_us_max.unwrap_or(u64::MAX);
        quantile_ns(&self.latency, share).map(|ns| (ns / NS_PER_US).min(longest))
    }
}

/// The latencies that a record tells: of several the longest, and their mean for the rest.
fn latency(r: &RequestRecord) -> Histogram {
    let (Some(mean), Some(longest)) = (r.latency_us, longest_us(r)) else { return Histogram::default() };
    let sum = mean.saturating_mul(r.requests).max(longest);
    let others = r.requests.saturating_sub(1);
    let mut histogram = of_one(longest);
    if let Some(other) = (sum - longest).checked_div(others) {
        let mut rest = of_one(other);
        rest.buckets.iter_mut().for_each(|(_, n)| *n = others);
        histogram.add(&rest);
    }
    histogram.sum_ns = sum.saturating_mul(NS_PER_US);
    histogram
}

fn of_one(us: u64) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.observe(us.saturating_mul(NS_PER_US));
    histogram
}

impl Sum for RequestTotals {
    const NAMES: &'static [&'static str] = &[
        "requests",
        "failed",
        "unanswered",
        "retries",
        "latency_us_mean",
        "latency_us_p50",
        "latency_us_p99",
        "latency_us_max",
    ];

    fn add(&mut self, other: &Self) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.requests, other.requests);
        sum(&mut self.failed, other.failed);
        sum(&mut self.unanswered, other.unanswered);
        sum(&mut self.retries, other.retries);
        self.latency_us_max = self.latency_us_max.max(other.latency_us_max);
        self.latency.add(&other.latency);
    }

    fn size(&self) -> u64 {
        self.requests
    }

    fn set_members(&mut self, _members: u64) {}

    fn values(&self) -> Vec<Option<u64>> {
        vec![
            Some(self.requests),
            Some(self.failed),
            Some(self.unanswered),
            Some(self.retries),
            self.latency_us_mean(),
            self.latency_us_quantile(0.5),
            self.latency_us_quantile(0.99),
            self.latency_us_max,
        ]
    }

    fn table_columns() -> Vec<Column> {
        vec![
            Column::number("REQUESTS"),
            Column::number("FAILED"),
            Column::number("UNANSWERED").optional_before(2),
            Column::number("RETRIES").optional_before(3),
            Column::number("MEAN").optional_before(1),
            Column::number("P50"),
            Column::number("P99"),
            Column::number("MAX"),
        ]
    }

    fn table_cells(&self) -> Vec<String> {
        let time = |us: Option<u64>| dashed(us.map(microseconds).unwrap_or_default());
        vec![
            count(self.requests),
            count(self.failed),
            count(self.unanswered),
            count(self.retries),
            time(self.latency_us_mean()),
            time(self.latency_us_quantile(0.5)),
            time(self.latency_us_quantile(0.99)),
            time(self.latency_us_max),
        ]
    }

    fn in_words(&self) -> String {
        let s = if self.requests == 1 { "" } else { "s" };
        format!("{} request{s}, {} failed", count(self.requests), count(self.failed))
    }
}
