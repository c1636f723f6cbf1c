//! Samples on their way from the snapshot to what a client reads.

use crate::names::{ALL, Metric};
use netrig_model::Histogram;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A sample's value. All of one metric are of one variant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A count.
    Count(u64),
    /// A difference.
    Signed(i64),
    /// Seconds.
    Real(f64),
    /// Nanoseconds, written as seconds: a sum of these is the same in any order, where a sum of fractions may fall by a
    /// rounding, which looks like a counter that began anew.
    Time(u64),
    /// Values by their size.
    Distribution(Histogram),
}

impl Value {
    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) | (Self::Time(a), Self::Time(b)) => *a = a.saturating_add(b),
            (Self::Signed(a), Self::Signed(b)) => *a = a.saturating_add(b),
            (Self::Real(a), Self::Real(b)) => *a += b,
            (Self::Distribution(a), Self::Distribution(b)) => a.add(&b),
            (a, b) => debug_assert!(false, "{a:?} and {b:?} in one metric"),
        }
    }

    fn raise(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) | (Self::Time(a), Self::Time(b)) => *a = b.max(*a),
            (Self::Signed(a), Self::Signed(b)) => *a = b.max(*a),
            (Self::Real(a), Self::Real(b)) => *a = b.max(*a),
            (a, b) => debug_assert!(false, "{a:?} and {b:?} have no highest"),
        }
    }
}

/// As [`Value::Time`] is written.
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// The samples of one metric, by label values.
pub(crate) type Samples = BTreeMap<Vec<String>, Value>;

/// All samples of one scrape. Adding to labels that are there already sums: that is how `other`, and an interface that
/// went and came back, add up.
#[derive(Debug, Default)]
pub(crate) struct Families(BTreeMap<&'static str, Samples>);

impl Families {
    pub(crate) fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        self.join(metric, labels, value, Value::add);
    }

    /// Of several under the same labels the highest stays: peaks do not add up, for they were not at one time.
    pub(crate) fn highest(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        self.join(metric, labels, value, Value::raise);
    }

    fn join(&mut self, metric: &'static Metric, labels: &[&str], value: Value, how: fn(&mut Value, Value)) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        let labels = labels.iter().map(|l| (*l).to_owned()).collect();
        match self.0.entry(metric.name).or_default().entry(labels) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(mut there) => how(there.get_mut(), value),
        }
    }

    pub(crate) fn count(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        self.add(metric, labels, Value::Count(value));
    }

    /// The families that have samples, in the order of the list of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Metric, &Samples)> {
        ALL.iter().filter_map(|metric| self.0.get(metric.name).map(|samples| (*metric, samples)))
    }
}
