//! The two text formats, and which of them a client wants.

use crate::families::{Families, Value};
use crate::names::{Kind, Metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::registry::Registry;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Exposition {
    /// The format an `Accept` header asks for: OpenMetrics where it is named with at least the weight of plain text.
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> Self {
        let mut weights = [0.0_f32; 2];
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let slot = match parts.next().map(str::to_ascii_lowercase).as_deref() {
                Some("application/openmetrics-text") => 1,
                Some("text/plain" | "text/*" | "*/*") => 0,
                _ => continue,
            };
            let weight = parts.find_map(|p| p.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            weights[slot] = f32::max(weights[slot], weight);
        }
        if weights[1] > 0.0 && weights[1] >= weights[0] { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The `Content-Type` to send.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

pub(crate) fn encode(families: Families, exposition: Exposition) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { families, exposition }));
    let mut text = String::new();
    // Writing to a String cannot fail, and the collector below has no failure of its own.
    let written = encode_registry(&mut text, &registry).and_then(|()| match exposition {
        Exposition::Prometheus => Ok(()),
        Exposition::OpenMetrics => encode_eof(&mut text),
    });
    debug_assert!(written.is_ok());
    text
}

#[derive(Debug)]
struct Scrape {
    families: Families,
    exposition: Exposition,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        for (metric, samples) in self.families.iter() {
            let (stem, unit) = match self.exposition {
                Exposition::Prometheus => (metric.name, None),
                Exposition::OpenMetrics => metric.stem_and_unit(),
            };
            let mut family = encoder.encode_descriptor(stem, metric.help, unit.as_ref(), metric.metric_type())?;
            for (labels, value) in samples {
                if labels.is_empty() {
                    self.sample(metric, &mut family, *value)?;
                } else {
                    let pairs: Vec<_> = metric.labels.iter().copied().zip(labels).collect();
                    self.sample(metric, &mut family.encode_family(&pairs)?, *value)?;
                }
            }
        }
        Ok(())
    }
}

impl Scrape {
    /// OpenMetrics puts `_total` on a counter's samples only, so the encoder adds it; in the older format it is part of
    /// the family's name, and the encoder must add nothing.
    fn sample(&self, metric: &Metric, out: &mut MetricEncoder<'_>, value: Value) -> Result<(), std::fmt::Error> {
        let counter = metric.kind == Kind::Counter && self.exposition == Exposition::OpenMetrics;
        match (counter, value) {
            (true, Value::Count(v)) => out.encode_counter::<NoLabelSet, u64, u64>(&v, None),
            (true, Value::Signed(v)) => out.encode_counter::<NoLabelSet, f64, u64>(&(v as f64), None),
            (true, Value::Real(v)) => out.encode_counter::<NoLabelSet, f64, u64>(&v, None),
            (false, Value::Count(v)) => out.encode_gauge(&v),
            (false, Value::Signed(v)) => out.encode_gauge(&v),
            (false, Value::Real(v)) => out.encode_gauge(&v),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_headers_of_real_clients() {
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                               text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Exposition::negotiate(Some(prometheus_2_42)), Exposition::OpenMetrics);
        assert_eq!(Exposition::negotiate(Some("*/*")), Exposition::Prometheus);
        assert_eq!(Exposition::negotiate(None), Exposition::Prometheus);
        let plain_first = "text/plain;version=0.0.4, application/openmetrics-text;q=0.1";
        assert_eq!(Exposition::negotiate(Some(plain_first)), Exposition::Prometheus);
    }
}
