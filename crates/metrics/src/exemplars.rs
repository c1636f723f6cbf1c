//! Exemplars: of what a bucket counts, one value with what it was.

use crate::families::{Families, seconds};
use crate::names::Metric;
use netrig_model::{Histogram, SlowRequest, transport_name};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How the text formats end the name of a classic bucket's series.
const BUCKET_SUFFIX: &str = "_bucket";

/// Those of one distribution: the latest of each classic bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exemplars(BTreeMap<usize, SlowRequest>);

impl Exemplars {
    pub(crate) fn add(&mut self, metric: &Metric, one: &SlowRequest) {
        let Some(bounds) = metric.bounds() else { return };
        let known = self.0.entry(bounds.holding(Histogram::bucket_of(one.latency_ns))).or_insert(*one);
        if one.answered > known.answered {
            *known = *one;
        }
    }

    pub(crate) fn of_bucket(&self, bucket: usize) -> Option<&SlowRequest> {
        self.0.get(&bucket)
    }

    /// As a native histogram has them, the latest last.
    pub(crate) fn by_time(&self) -> impl Iterator<Item = &SlowRequest> {
        let mut all: Vec<_> = self.0.values().collect();
        all.sort_by_key(|one| one.answered);
        all.into_iter()
    }
}

/// By what the request is found. The names are those that `netrig requests` takes for the same; with the longest addresses there are,
/// they have 114 of the 128 characters that OpenMetrics allows.
pub(crate) fn labels(one: &SlowRequest) -> [(&'static str, String); 3] {
    let transport = transport_name(one.protocol).map_or_else(|| one.protocol.to_string(), str::to_owned);
    [("src", one.src.to_string()), ("dst", one.dst.to_string()), ("transport", transport)]
}

/// When it was answered: seconds and nanoseconds. A clock that is set before the epoch is taken to be at it.
pub(crate) fn since_epoch(one: &SlowRequest) -> (i64, i32) {
    const NS_PER_S: i64 = 1_000_000_000;
    let ns = one.answered.0.max(0);
    (ns / NS_PER_S, (ns % NS_PER_S) as i32)
}

/// What stands behind the buckets' values in OpenMetrics text, of every classic bucket in the order in which they are written.
pub(crate) fn of_buckets(families: &Families) -> Vec<Option<String>> {
    let histograms = families.iter().filter_map(|(metric, samples)| Some((metric, metric.bounds()?, samples)));
    histograms
        .flat_map(|(metric, bounds, samples)| {
            samples.keys().flat_map(move |labels| {
                let exemplars = families.exemplars_of(metric, labels);
                (0..bounds.count()).map(move |bucket| exemplars.and_then(|all| all.of_bucket(bucket)).map(openmetrics))
            })
        })
        .collect()
}

/// The text with them. The encoder that wrote it makes exemplars of what it counted itself, and takes none from elsewhere.
pub(crate) fn beside_buckets(text: &str, exemplars: Vec<Option<String>>) -> String {
    let added: usize = exemplars.iter().flatten().map(String::len).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut exemplars = exemplars.into_iter();
    for line in text.split_inclusive('\n') {
        let exemplar = if is_bucket(line) { exemplars.next().flatten() } else { None };
        out.push_str(line.strip_suffix('\n').unwrap_or(line));
        out.push_str(exemplar.as_deref().unwrap_or_default());
        out.push('\n');
    }
    debug_assert!(exemplars.next().is_none(), "a bucket without its line");
    out
}

/// By the series' name, for values of labels may have anything.
fn is_bucket(line: &str) -> bool {
    line.split(['{', ' ']).next().is_some_and(|name| name.ends_with(BUCKET_SUFFIX))
}

fn openmetrics(one: &SlowRequest) -> String {
    let mut out = String::from(" # {");
    for (at, (name, value)) in labels(one).into_iter().enumerate() {
        // Addresses and numbers: nothing in them needs to be escaped.
        let _ = write!(out, "{}{name}=\"{value}\"", if at > 0 { "," } else { "" });
    }
    let (seconds_since_epoch, nanos) = since_epoch(one);
    let value = seconds(one.latency_ns);
    let _ = write!(out, "}} {} {seconds_since_epoch}.{nanos:09}", dtoa::Buffer::new().format(value));
    out
}
