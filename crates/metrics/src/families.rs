//! Samples on their way from the snapshot to the text.

use crate::names::{ALL, Metric};
use std::collections::BTreeMap;

/// A sample's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// A count.
    Count(u64),
    /// A difference.
    Signed(i64),
    /// Seconds.
    Real(f64),
}

impl Value {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) => Self::Count(a.saturating_add(b)),
            (Self::Signed(a), Self::Signed(b)) => Self::Signed(a.saturating_add(b)),
            (a, b) => Self::Real(a.as_f64() + b.as_f64()),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Count(v) => v as f64,
            Self::Signed(v) => v as f64,
            Self::Real(v) => v,
        }
    }
}

/// The samples of one metric, by label values.
pub(crate) type Samples = BTreeMap<Vec<String>, Value>;

/// All samples of one scrape. Adding to labels that are there already sums: that is how `other`, and an interface that
/// went and came back, add up.
#[derive(Debug, Default)]
pub(crate) struct Families(BTreeMap<&'static str, Samples>);

impl Families {
    pub(crate) fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        let labels = labels.iter().map(|l| (*l).to_owned()).collect();
        self.0.entry(metric.name).or_default().entry(labels).and_modify(|v| *v = v.plus(value)).or_insert(value);
    }

    pub(crate) fn count(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        self.add(metric, labels, Value::Count(value));
    }

    /// The families that have samples, in the order of the list of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Metric, &Samples)> {
        ALL.iter().filter_map(|metric| self.0.get(metric.name).map(|samples| (*metric, samples)))
    }
}
