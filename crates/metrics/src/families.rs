//! Samples on their way from the snapshot to what a client reads.

use crate::exemplars::Exemplars;
use crate::names::{ALL, Metric};
use netrig_model::{Histogram, SlowRequest};
use std::collections::BTreeMap;

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

/// Each metric is declared once, as a static.
fn key(metric: &'static Metric) -> usize {
    std::ptr::from_ref(metric).addr()
}

/// The samples of one metric, by label values.
pub(crate) type Samples = BTreeMap<Vec<String>, Value>;

/// All samples of one scrape. Adding to labels that are there already sums: that is how `other`, and an interface that
/// went and came back, add up.
#[derive(Debug, Default)]
pub(crate) struct Families {
    /// By the metric's place in memory: names that begin alike are slow to compare, and this is looked up for every sample.
    samples: BTreeMap<usize, Samples>,
    /// The labels that are looked for. Most are there already, and then nothing needs memory of its own: very many services
    /// are summed as `other`.
    sought: Vec<String>,
    /// Of the few distributions that have any, as [`Self::samples`] has those.
    exemplars: BTreeMap<usize, BTreeMap<Vec<String>, Exemplars>>,
}

impl Families {
    pub(crate) fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        self.join(metric, labels, value, Value::add);
    }

    /// Of several under the same labels the highest stays: peaks do not add up, for they were not at one time.
    pub(crate) fn highest(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        self.join(metric, labels, value, Value::raise);
    }

    /// The same of a distribution, which is copied only where it is the first under its labels.
    pub(crate) fn distribution(&mut self, metric: &'static Metric, labels: &[&str], values: &Histogram) {
        let (samples, sought) = self.seek(metric, labels);
        match samples.get_mut(sought) {
            Some(Value::Distribution(there)) => there.add(values),
            Some(other) => debug_assert!(false, "{other:?} and a distribution in {}", metric.name),
            None => _ = samples.insert(sought.to_vec(), Value::Distribution(values.clone())),
        }
    }

    /// Slow requests among those that the distribution of the same labels counts.
    pub(crate) fn exemplars(&mut self, metric: &'static Metric, labels: &[&str], slow: &[SlowRequest]) {
        if slow.is_empty() {
            return;
        }
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let there = self.exemplars.entry(key(metric)).or_default().entry(labels).or_default();
        slow.iter().for_each(|one| there.add(metric, one));
    }

    /// Those of a sample, where it has any.
    pub(crate) fn exemplars_of(&self, metric: &'static Metric, labels: &[String]) -> Option<&Exemplars> {
        self.exemplars.get(&key(metric))?.get(labels)
    }

    /// Whether any sample has one.
    pub(crate) fn has_exemplars(&self) -> bool {
        !self.exemplars.is_empty()
    }

    fn join(&mut self, metric: &'static Metric, labels: &[&str], value: Value, how: fn(&mut Value, Value)) {
        let (samples, sought) = self.seek(metric, labels);
        match samples.get_mut(sought) {
            Some(there) => how(there, value),
            None => _ = samples.insert(sought.to_vec(), value),
        }
    }

    /// The metric's samples, and the labels as their key.
    fn seek(&mut self, metric: &'static Metric, labels: &[&str]) -> (&mut Samples, &[String]) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        self.sought.resize_with(labels.len(), String::new);
        for (sought, label) in self.sought.iter_mut().zip(labels) {
            sought.clear();
            sought.push_str(label);
        }
        (self.samples.entry(key(metric)).or_default(), &self.sought)
    }

    pub(crate) fn count(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        self.add(metric, labels, Value::Count(value));
    }

    /// Whether there is a sample with these labels.
    pub(crate) fn has(&self, metric: &'static Metric, labels: &[String]) -> bool {
        self.samples.get(&key(metric)).is_some_and(|samples| samples.contains_key(labels))
    }

    /// The families that have samples, in the order of the list of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Metric, &Samples)> {
        ALL.iter().filter_map(|metric| self.samples.get(&key(metric)).map(|samples| (*metric, samples)))
    }
}
