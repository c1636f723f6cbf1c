//! The same metrics as a scrape has, as requests of Prometheus remote write 1.0.
//!
//! A server that is pushed to cannot see that a series is gone, so it is told: a series that was in the picture before and is
//! not any more gets one last sample, the staleness marker.

pub mod messages;
mod series;

use crate::exporter::Exporter;
use crate::families::Families;
use crate::names::{Kind, Metric};
use messages::{Label, MetricKind, MetricMetadata, TimeSeries, WriteRequest};
use netrig_model::Snapshot;
use prost::Message;
use series::{Form, Series};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What metrics are does not change; servers that forget it are told again after so many pictures.
const METADATA_EVERY: u64 = 20;

/// How pictures become requests.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Labels of every series; a metric's own of the same name wins.
    pub labels: BTreeMap<String, String>,
    /// Distributions as native histograms instead of classic ones.
    pub native_histograms: bool,
    /// The most samples of one request; at least 1.
    pub samples_max: usize,
}

/// One request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// A [`WriteRequest`] in Snappy's block format.
    pub body: Vec<u8>,
    /// Samples in it.
    pub samples: u64,
}

/// A picture that is not newer than the one before: a server takes samples only in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNewer {
    /// Samples of it that the server will never have: the clock was set back. 0 where it is the picture that was told last.
    pub samples: u64,
}

/// Makes requests of pictures; keep one as long as the rig runs.
#[derive(Debug)]
pub struct WriteEncoder {
    /// Who is scraped too has the same names there.
    exporter: Arc<Mutex<Exporter>>,
    options: WriteOptions,
    /// What the latest picture had: the series that the server believes in.
    before: Families,
    last_ms: i64,
    pictures: u64,
}

impl WriteEncoder {
    /// `exporter` is the one that scrapes are answered from, so that both give the same names.
    #[must_use]
    pub fn new(exporter: Arc<Mutex<Exporter>>, options: WriteOptions) -> Self {
        Self { exporter, options, before: Families::default(), last_ms: i64::MIN, pictures: 0 }
    }

    /// The requests that tell `snapshot`, in the order in which they must be sent.
    ///
    /// # Errors
    /// When it is not newer than the one before.
    pub fn encode(&mut self, snapshot: &Snapshot) -> Result<Vec<Batch>, NotNewer> {
        let time_ms = snapshot.taken.0.div_euclid(1_000_000);
        if time_ms == self.last_ms {
            return Err(NotNewer { samples: 0 });
        }
        // An exporter is names and sums: one that another thread left half advanced is as good as any.
        let families = self.exporter.lock().unwrap_or_else(PoisonError::into_inner).gather(snapshot);
        if time_ms < self.last_ms {
            let mut samples = 0;
            self.all(&families, None, Form::Value { time_ms }, &mut |_| samples += 1);
            return Err(NotNewer { samples });
        }
        self.last_ms = time_ms;
        let mut requests = Requests::new(self.options.samples_max);
        if self.pictures.is_multiple_of(METADATA_EVERY) {
            requests.open.metadata = families.iter().map(|(metric, _)| metadata(metric)).collect();
        }
        self.pictures += 1;
        self.all(&families, None, Form::Value { time_ms }, &mut |each| requests.add(each));
        self.all(&self.before, Some(&families), Form::Stale { time_ms }, &mut |each| requests.add(each));
        self.before = families;
        Ok(requests.done())
    }

    /// The requests that end every series, a millisecond after the latest picture: for when the rig ends.
    #[must_use]
    pub fn end(&mut self) -> Vec<Batch> {
        let before = std::mem::take(&mut self.before);
        let mut requests = Requests::new(self.options.samples_max);
        self.last_ms = self.last_ms.saturating_add(1);
        self.all(&before, None, Form::Stale { time_ms: self.last_ms }, &mut |each| requests.add(each));
        requests.done()
    }

    /// All series of `families` but those that `but` has too.
    fn all(&self, families: &Families, but: Option<&Families>, form: Form, sink: &mut dyn FnMut(TimeSeries)) {
        for (metric, samples) in families.iter() {
            for (labels, value) in samples {
                if but.is_some_and(|others| others.has(metric, labels)) {
                    continue;
                }
                let series = Series {
                    metric,
                    labels: metric.labels.iter().copied().zip(labels.iter().map(String::as_str)),
                    common: &self.options.labels,
                    native: self.options.native_histograms,
                };
                series.tell(value, form, sink);
            }
        }
    }
}

fn metadata(metric: &Metric) -> MetricMetadata {
    let kind = match metric.kind {
        Kind::Counter => MetricKind::Counter,
        Kind::Gauge => MetricKind::Gauge,
        Kind::Histogram(_) => MetricKind::Histogram,
    };
    let (_, unit) = metric.stem_and_unit();
    MetricMetadata {
        r#type: kind.into(),
        metric_family_name: metric.name.to_owned(),
        help: metric.help.to_owned(),
        unit: unit.map(|unit| unit.as_str().to_owned()).unwrap_or_default(),
    }
}

/// Series, cut into requests.
struct Requests {
    samples_max: usize,
    open: WriteRequest,
    done: Vec<Batch>,
}

impl Requests {
    fn new(samples_max: usize) -> Self {
        Self { samples_max: samples_max.max(1), open: WriteRequest::default(), done: Vec::new() }
    }

    fn add(&mut self, series: TimeSeries) {
        self.open.timeseries.push(series);
        if self.open.timeseries.len() >= self.samples_max {
            self.close();
        }
    }

    fn close(&mut self) {
        let request = std::mem::take(&mut self.open);
        let mut snappy = snap::raw::Encoder::new();
        // It refuses only what is longer than 4 GiB, which a bounded number of bounded series is not.
        let body = snappy.compress_vec(&request.encode_to_vec()).unwrap_or_default();
        self.done.push(Batch { body, samples: request.timeseries.len() as u64 });
    }

    fn done(mut self) -> Vec<Batch> {
        if !self.open.timeseries.is_empty() {
            self.close();
        }
        self.done
    }
}

/// A label as the format has it.
fn label(name: &str, value: &str) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}
