//! One metric's sample as the series of remote write.

use super::label;
use super::messages::{Label, NativeHistogram, Sample, TimeSeries};
use crate::buckets::{Native, ZERO_THRESHOLD, sum_s};
use crate::families::{Value, seconds};
use crate::names::Metric;
use crate::protobuf::BucketSpan;
use netrig_model::Histogram;
use std::collections::BTreeMap;

/// The NaN that Prometheus takes for the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// What is told of a series, and for which time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// Its value.
    Value { time_ms: i64 },
    /// That it ends.
    Stale { time_ms: i64 },
}

impl Form {
    fn number(self, value: f64) -> Sample {
        match self {
            Self::Value { time_ms } => Sample { value, timestamp: time_ms },
            Self::Stale { time_ms } => Sample { value: f64::from_bits(STALE), timestamp: time_ms },
        }
    }

    fn distribution(self, values: &Histogram) -> NativeHistogram {
        let time_ms = match self {
            Self::Value { time_ms } => time_ms,
            Self::Stale { time_ms } => {
                return NativeHistogram {
                    sum: f64::from_bits(STALE),
                    timestamp: time_ms,
                    ..NativeHistogram::default()
                };
            }
        };
        let Native { spans, deltas } = Native::of(values);
        NativeHistogram {
            count_int: values.count(),
            sum: sum_s(values),
            schema: Histogram::SCHEMA,
            zero_threshold: ZERO_THRESHOLD,
            zero_count_int: 0,
            positive_spans: spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect(),
            positive_deltas: deltas,
            timestamp: time_ms,
        }
    }
}

/// Whose sample it is.
#[derive(Clone, Copy)]
pub(super) struct Series<'a, L> {
    pub(super) metric: &'a Metric,
    pub(super) labels: L,
    pub(super) common: &'a BTreeMap<String, String>,
    pub(super) native: bool,
}

impl<'a, L: Iterator<Item = (&'a str, &'a str)> + Clone> Series<'a, L> {
    /// One series for a number; for a distribution one, or those of its classic form.
    pub(super) fn tell(&self, value: &Value, form: Form, sink: &mut dyn FnMut(TimeSeries)) {
        let number = match value {
            Value::Count(v) => *v as f64,
            Value::Signed(v) => *v as f64,
            Value::Real(v) => *v,
            Value::Time(ns) => seconds(*ns),
            Value::Distribution(values) if self.native => {
                let histograms = vec![form.distribution(values)];
                return sink(TimeSeries { labels: self.labels("", None), histograms, samples: Vec::new() });
            }
            Value::Distribution(values) => return self.classic(values, form, sink),
        };
        sink(self.number("", None, number, form));
    }

    fn classic(&self, values: &Histogram, form: Form, sink: &mut dyn FnMut(TimeSeries)) {
        let mut count = 0_u64;
        for (bound, own) in self.metric.classic(values) {
            count = count.saturating_add(own);
            let bound = if bound.is_finite() { bound_text(bound) } else { "+Inf".to_owned() };
            sink(self.number("_bucket", Some(&bound), count as f64, form));
        }
        sink(self.number("_sum", None, sum_s(values), form));
        sink(self.number("_count", None, count as f64, form));
    }

    fn number(&self, suffix: &str, le: Option<&str>, value: f64, form: Form) -> TimeSeries {
        TimeSeries { labels: self.labels(suffix, le), samples: vec![form.number(value)], histograms: Vec::new() }
    }

    /// All labels, in the order of their names. One that is empty is none.
    fn labels(&self, suffix: &str, le: Option<&str>) -> Vec<Label> {
        let mut own: Vec<(&str, &str)> = self.labels.clone().collect();
        own.extend(le.map(|le| ("le", le)));
        let is_own = |name: &str| own.iter().any(|(each, _)| *each == name);
        let common = self.common.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut labels = vec![label("__name__", &format!("{}{suffix}", self.metric.name))];
        let all = common.filter(|(name, _)| !is_own(name)).chain(own.iter().copied());
        labels.extend(all.filter(|(_, value)| !value.is_empty()).map(|(name, value)| label(name, value)));
        labels.sort_unstable();
        labels
    }
}

/// A bucket's bound exactly as the text formats write it, so that a series has one name whichever way it comes.
fn bound_text(bound: f64) -> String {
    dtoa::Buffer::new().format(bound).to_owned()
}
