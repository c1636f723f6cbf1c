//! The two text formats.

use crate::buckets::sum_s;
use crate::exemplars;
use crate::families::{Families, Value, seconds};
use crate::names::{Kind, Metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::registry::Registry;

/// The older format, or OpenMetrics.
pub(crate) fn encode(families: Families, openmetrics: bool) -> String {
    let exemplars = if openmetrics && families.has_exemplars() { exemplars::of_buckets(&families) } else { Vec::new() };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { families, openmetrics }));
    let mut text = String::new();
    // Writing to a String cannot fail, and the collector below has no failure of its own.
    let written =
        encode_registry(&mut text, &registry).and_then(|()| if openmetrics { encode_eof(&mut text) } else { Ok(()) });
    debug_assert!(written.is_ok());
    if exemplars.is_empty() { text } else { exemplars::beside_buckets(&text, exemplars) }
}

#[derive(Debug)]
struct Scrape {
    families: Families,
    openmetrics: bool,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        for (metric, samples) in self.families.iter() {
            let (stem, unit) = if self.openmetrics { metric.stem_and_unit() } else { (metric.name, None) };
            let mut family = encoder.encode_descriptor(stem, metric.help, unit.as_ref(), metric.metric_type())?;
            for (labels, value) in samples {
                if labels.is_empty() {
                    self.sample(metric, &mut family, value)?;
                } else {
                    let pairs: Vec<_> = metric.labels.iter().copied().zip(labels).collect();
                    self.sample(metric, &mut family.encode_family(&pairs)?, value)?;
                }
            }
        }
        Ok(())
    }
}

impl Scrape {
    /// OpenMetrics puts `_total` on a counter's samples only, so the encoder adds it; in the older format it is part of
    /// the family's name, and the encoder must add nothing.
    fn sample(&self, metric: &Metric, out: &mut MetricEncoder<'_>, value: &Value) -> Result<(), std::fmt::Error> {
        let counter = metric.kind == Kind::Counter && self.openmetrics;
        match (counter, value) {
            (true, Value::Count(v)) => out.encode_counter::<NoLabelSet, u64, u64>(v, None),
            (true, Value::Signed(v)) => out.encode_counter::<NoLabelSet, f64, u64>(&(*v as f64), None),
            (true, Value::Real(v)) => out.encode_counter::<NoLabelSet, f64, u64>(v, None),
            (true, Value::Time(ns)) => out.encode_counter::<NoLabelSet, f64, u64>(&seconds(*ns), None),
            (false, Value::Count(v)) => out.encode_gauge(v),
            (false, Value::Signed(v)) => out.encode_gauge(v),
            (false, Value::Real(v)) => out.encode_gauge(v),
            (false, Value::Time(ns)) => out.encode_gauge(&seconds(*ns)),
            (_, Value::Distribution(v)) => {
                out.encode_histogram::<NoLabelSet>(sum_s(v), v.count(), &metric.classic(v), None)
            }
        }
    }
}
