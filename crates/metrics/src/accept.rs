//! The formats there are, and which of them a client wants.

use std::cmp::Ordering;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily` messages, each behind its length: the only one with native histograms.
    Protobuf,
}

/// How exactly a media range names text: anything, any text, plain text. The most exact one counts (RFC 9110, 12.5.1).
const TEXT_RANGES: [&str; 3] = ["*/*", "text/*", "text/plain"];

impl Exposition {
    /// The format that `Accept` headers ask for, of which there may be several or none: the format of the greatest weight;
    /// of several such, the one that can say most. OpenMetrics and protobuf must be asked for by name. A client to whom
    /// none is acceptable gets plain text.
    #[must_use]
    pub fn negotiate<'a>(accept: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut protobuf, mut openmetrics) = (0.0_f32, 0.0_f32);
        let mut text = (0, 0.0_f32);
        for range in accept.into_iter().flat_map(|header| header.split(',')).filter_map(Range::parse) {
            if range.is_protobuf() {
                protobuf = protobuf.max(range.weight);
            } else if range.is_openmetrics() {
                openmetrics = openmetrics.max(range.weight);
            } else if let Some(exactness) = TEXT_RANGES.iter().position(|r| range.media.eq_ignore_ascii_case(r)) {
                text = match exactness.cmp(&text.0) {
                    Ordering::Greater => (exactness, range.weight),
                    Ordering::Equal => (exactness, text.1.max(range.weight)),
                    Ordering::Less => text,
                };
            }
        }
        if protobuf > 0.0 && protobuf >= openmetrics.max(text.1) {
            Self::Protobuf
        } else if openmetrics > 0.0 && openmetrics >= text.1 {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The `Content-Type` to send.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// One media range of the header.
struct Range<'a> {
    media: &'a str,
    parameters: &'a str,
    weight: f32,
}

impl<'a> Range<'a> {
    /// None where the weight is not one.
    fn parse(text: &'a str) -> Option<Self> {
        let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mut range = Self { media: media.trim(), parameters, weight: 1.0 };
        if let Some(q) = range.parameter("q") {
            range.weight = q.parse().ok().filter(|q| (0.0..=1.0).contains(q))?;
        }
        Some(range)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }

    fn is_protobuf(&self) -> bool {
        self.media.eq_ignore_ascii_case("application/vnd.google.protobuf")
            && self.parameter("proto") == Some("io.prometheus.client.MetricFamily")
            && self.parameter("encoding") == Some("delimited")
    }

    /// Version 1.0.0, and 0.0.1, which clients name for servers that send the same under its old name.
    fn is_openmetrics(&self) -> bool {
        self.media.eq_ignore_ascii_case("application/openmetrics-text")
            && matches!(self.parameter("version"), None | Some("1.0.0" | "0.0.1"))
    }
}

#[cfg(test)]
mod tests {
    use super::Exposition::{self, OpenMetrics, Prometheus, Protobuf};
    use proptest::prelude::*;

    const PROTO: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    fn negotiate(accept: &str) -> Exposition {
        Exposition::negotiate([accept])
    }

    #[test]
    fn accept_headers_of_real_clients() {
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                               text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(negotiate(prometheus_2_42), OpenMetrics);
        let with_natives = format!(
            "{PROTO},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        );
        assert_eq!(negotiate(&with_natives), Protobuf);
        let prometheus_3 = format!(
            "{PROTO};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
        assert_eq!(negotiate(&prometheus_3), Protobuf);
        assert_eq!(negotiate("*/*"), Prometheus, "curl");
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        assert_eq!(negotiate(browser), Prometheus);
    }

    #[test]
    fn the_greatest_weight_decides() {
        let ask = |proto: &str, open: &str, text: &str| {
            negotiate(&format!("text/plain;q={text}, {PROTO};q={proto}, application/openmetrics-text;q={open}"))
        };
        assert_eq!(ask("0.1", "0.3", "0.2"), OpenMetrics);
        assert_eq!(ask("0.1", "0.2", "0.3"), Prometheus);
        assert_eq!(ask("0.3", "0.2", "0.1"), Protobuf);
        assert_eq!(ask("1", "1", "1"), Protobuf, "of several the one that can say most");
        assert_eq!(ask("0", "1", "1"), OpenMetrics);
        assert_eq!(ask("0", "0", "0"), Prometheus, "nothing acceptable, yet something must be said");
        assert_eq!(ask("2", "NaN", "0.1"), Prometheus, "no weights at all: as if not named");
    }

    #[test]
    fn parameters_must_fit() {
        assert_eq!(negotiate(""), Prometheus);
        assert_eq!(negotiate("application/vnd.google.protobuf"), Prometheus);
        assert_eq!(negotiate(&PROTO.replace("delimited", "text")), Prometheus);
        assert_eq!(negotiate("application/openmetrics-text;version=2.0.0"), Prometheus);
        let spelled = "Application/VND.Google.Protobuf ; Encoding=delimited ; PROTO=\"io.prometheus.client.MetricFamily\" ; Q=0.2";
        assert_eq!(negotiate(spelled), Protobuf);
    }

    #[test]
    fn headers_may_be_several_or_none() {
        assert_eq!(Exposition::negotiate([]), Prometheus);
        assert_eq!(Exposition::negotiate(["text/plain;q=0.5", PROTO]), Protobuf);
    }

    #[test]
    fn the_most_exact_range_of_text_counts() {
        let open = "application/openmetrics-text;q=0.5";
        assert_eq!(negotiate(&format!("*/*, text/plain;q=0.1, {open}")), OpenMetrics);
        assert_eq!(negotiate(&format!("text/plain;q=0.1, */*, {open}")), OpenMetrics);
        assert_eq!(negotiate(&format!("text/*, */*;q=0.1, {open}")), Prometheus);
    }

    /// Something like a header: the words that matter, put together at random.
    fn header() -> impl Strategy<Value = String> {
        let media = prop::sample::select(vec![
            "application/vnd.google.protobuf",
            "application/openmetrics-text",
            "text/plain",
            "text/*",
            "*/*",
            "",
        ]);
        let parameter = prop_oneof![
            prop::sample::select(vec![
                "proto=io.prometheus.client.MetricFamily",
                "encoding=delimited",
                "version=1.0.0",
                "q=",
                "q=1e999",
                "=;=",
            ])
            .prop_map(str::to_owned),
            any::<f32>().prop_map(|q| format!("q={q}")),
            "\\PC{0,8}",
        ];
        let range = (media, prop::collection::vec(parameter, 0..4))
            .prop_map(|(media, parameters)| format!("{media};{}", parameters.join(";")));
        prop::collection::vec(range, 0..5).prop_map(|ranges| ranges.join(","))
    }

    proptest! {
        #[test]
        fn nobody_gets_a_format_that_is_not_named(accept in prop_oneof![header(), "\\PC*"]) {
            let lower = accept.to_ascii_lowercase();
            match negotiate(&accept) {
                Prometheus => {}
                OpenMetrics => prop_assert!(lower.contains("application/openmetrics-text")),
                Protobuf => prop_assert!(
                    lower.contains("application/vnd.google.protobuf") && accept.contains("io.prometheus.client.MetricFamily")
                ),
            }
        }

        #[test]
        fn weights_order_the_formats(weights in prop::array::uniform3(1..1000_u32), order in Just([0, 1, 2]).prop_shuffle()) {
            let names = ["text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0", PROTO];
            let ranges = order.map(|at| format!("{};q={}", names[at], f64::from(weights[at]) / 1000.0));
            let best = (0..3).max_by_key(|at| (weights[*at], *at)).expect("three");
            prop_assert_eq!(negotiate(&ranges.join(", ")), [Prometheus, OpenMetrics, Protobuf][best]);
        }
    }
}
