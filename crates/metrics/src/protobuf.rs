//! The protobuf format, as Prometheus asks for it where it reads native histograms.
//!
//! The messages are those of `io/prometheus/client/metrics.proto` (github.com/prometheus/client_model), written out by
//! hand: only what the rig sends, so that nobody needs a protobuf compiler.

use crate::buckets::{Native, ZERO_THRESHOLD, sum_s};
use crate::exemplars::{Exemplars, labels, since_epoch};
use crate::families::{Families, Value, seconds};
use crate::names::{Kind, Metric as Name};
use netrig_model::SlowRequest;
use prost::Message;

/// What a family's metrics are. The numbers are the format's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MetricType {
    /// `counter` is set.
    Counter = 0,
    /// `gauge` is set.
    Gauge = 1,
    /// `histogram` is set.
    Histogram = 4,
}

/// All metrics of one name.
#[derive(Clone, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct MetricFamily {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub help: String,
    #[prost(enumeration = "MetricType", tag = "3")]
    pub r#type: i32,
    #[prost(message, repeated, tag = "4")]
    pub metric: Vec<Metric>,
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// One series, or one distribution.
#[derive(Clone, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Number>,
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
}

/// One label.
#[derive(Clone, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct LabelPair {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A gauge or a counter: two messages of the format, alike in what is sent.
#[derive(Clone, Copy, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct Number {
    #[prost(double, tag = "1")]
    pub value: f64,
}

/// A distribution: classic (`bucket`) and native (the rest) at once. Whoever reads native histograms leaves the classic
/// buckets aside; the `Accept` header does not tell who does.
#[derive(Clone, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct Histogram {
    #[prost(uint64, tag = "1")]
    pub sample_count: u64,
    #[prost(double, tag = "2")]
    pub sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub bucket: Vec<Bucket>,
    #[prost(sint32, tag = "5")]
    pub schema: i32,
    #[prost(double, tag = "6")]
    pub zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    pub zero_count: u64,
    #[prost(message, repeated, tag = "12")]
    pub positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    pub positive_delta: Vec<i64>,
    #[prost(message, repeated, tag = "16")]
    pub exemplars: Vec<Exemplar>,
}

/// A classic bucket.
#[derive(Clone, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct Bucket {
    #[prost(uint64, tag = "1")]
    pub cumulative_count: u64,
    #[prost(double, tag = "2")]
    pub upper_bound: f64,
    #[prost(message, optional, tag = "3")]
    pub exemplar: Option<Exemplar>,
}

/// One of the values that a bucket counts, and what it was.
#[derive(Clone, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    #[prost(double, tag = "2")]
    pub value: f64,
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Time>,
}

/// A time since the epoch (`google.protobuf.Timestamp`).
#[derive(Clone, Copy, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct Time {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A run of native buckets.
#[derive(Clone, Copy, PartialEq, Message)]
#[expect(missing_docs, reason = "the published format says what each field means")]
pub struct BucketSpan {
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

/// Every family behind its length.
pub(crate) fn encode(families: &Families) -> Vec<u8> {
    families
        .iter()
        .flat_map(|(name, samples)| {
            let metric = samples
                .iter()
                .map(|(labels, value)| metric(name, labels, value, families.exemplars_of(name, labels)))
                .collect();
            let (_, unit) = name.stem_and_unit();
            let family = MetricFamily {
                name: name.name.to_owned(),
                help: name.help.to_owned(),
                r#type: metric_type(name.kind).into(),
                metric,
                unit: unit.map(|unit| unit.as_str().to_owned()).unwrap_or_default(),
            };
            family.encode_length_delimited_to_vec()
        })
        .collect()
}

fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram(_) => MetricType::Histogram,
    }
}

fn metric(name: &Name, labels: &[String], value: &Value, exemplars: Option<&Exemplars>) -> Metric {
    let pair = |(name, value): (&&str, &String)| LabelPair { name: (*name).to_owned(), value: value.clone() };
    let label = name.labels.iter().zip(labels).map(pair).collect();
    let number = match value {
        Value::Count(v) => *v as f64,
        Value::Signed(v) => *v as f64,
        Value::Real(v) => *v,
        Value::Time(ns) => seconds(*ns),
        Value::Distribution(v) => {
            return Metric { label, histogram: Some(histogram(name, v, exemplars)), ..Metric::default() };
        }
    };
    let number = Some(Number { value: number });
    match name.kind {
        Kind::Counter => Metric { label, counter: number, ..Metric::default() },
        Kind::Gauge | Kind::Histogram(_) => Metric { label, gauge: number, ..Metric::default() },
    }
}

fn histogram(name: &Name, values: &netrig_model::Histogram, exemplars: Option<&Exemplars>) -> Histogram {
    let Native { spans, deltas } = Native::of(values);
    let exemplar_of = |bucket| exemplars.and_then(|all| all.of_bucket(bucket)).map(exemplar);
    let mut cumulative_count = 0_u64;
    let bucket = name.classic(values).into_iter().enumerate().map(|(bucket, (upper_bound, count))| {
        cumulative_count = cumulative_count.saturating_add(count);
        Bucket { cumulative_count, upper_bound, exemplar: exemplar_of(bucket) }
    });
    Histogram {
        bucket: bucket.collect(),
        sample_count: cumulative_count,
        sample_sum: sum_s(values),
        schema: netrig_model::Histogram::SCHEMA,
        zero_threshold: ZERO_THRESHOLD,
        zero_count: 0,
        positive_span: spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect(),
        positive_delta: deltas,
        exemplars: exemplars.map(|all| all.by_time().map(exemplar).collect()).unwrap_or_default(),
    }
}

fn exemplar(one: &SlowRequest) -> Exemplar {
    let (seconds_since_epoch, nanos) = since_epoch(one);
    Exemplar {
        label: labels(one).map(|(name, value)| LabelPair { name: name.to_owned(), value }).into(),
        value: seconds(one.latency_ns),
        timestamp: Some(Time { seconds: seconds_since_epoch, nanos }),
    }
}
