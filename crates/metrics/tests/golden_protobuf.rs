//! The protobuf format, decoded and put into words: what it says beyond the text is the native histograms.
//! `NETRIG_BLESS=1` rewrites the file.

mod common;

use netrig_metrics::protobuf::{Exemplar, Metric, MetricFamily};
use netrig_metrics::{Exporter, Exposition};
use prost::Message;
use std::fmt::Write;
use std::path::Path;

fn words(family: &MetricFamily, out: &mut String) {
    let _ = writeln!(out, "{} {:?} unit={:?} {:?}", family.name, family.r#type(), family.unit, family.help);
    for metric in &family.metric {
        let labels: Vec<String> = metric.label.iter().map(|l| format!("{}={:?}", l.name, l.value)).collect();
        let _ = writeln!(out, "  {{{}}} {}", labels.join(","), value(metric));
    }
}

fn value(metric: &Metric) -> String {
    match (&metric.counter, &metric.gauge, &metric.histogram) {
        (Some(counter), None, None) => format!("counter {}", counter.value),
        (None, Some(gauge), None) => format!("gauge {}", gauge.value),
        (None, None, Some(h)) => {
            let classic: Vec<String> =
                h.bucket.iter().map(|b| format!("{:e}:{}", b.upper_bound, b.cumulative_count)).collect();
            let exemplars = |all: &mut dyn Iterator<Item = &Exemplar>| all.map(exemplar).collect::<Vec<_>>().join(" ");
            let of_buckets = exemplars(&mut h.bucket.iter().filter_map(|bucket| bucket.exemplar.as_ref()));
            let of_all = exemplars(&mut h.exemplars.iter());
            let exemplars = if of_buckets.is_empty() && of_all.is_empty() {
                String::new()
            } else {
                format!("\n    exemplars of buckets {of_buckets}\n    exemplars {of_all}")
            };
            let spans: Vec<(i32, u32)> = h.positive_span.iter().map(|s| (s.offset, s.length)).collect();
            format!(
                "count {} sum {} schema {} zero {} up to {:e}\n    spans {spans:?}\n    deltas {:?}\n    classic {}{exemplars}",
                h.sample_count,
                h.sample_sum,
                h.schema,
                h.zero_count,
                h.zero_threshold,
                h.positive_delta,
                classic.join(" ")
            )
        }
        other => format!("neither one nor the other: {other:?}"),
    }
}

fn exemplar(one: &Exemplar) -> String {
    let labels: Vec<String> = one.label.iter().map(|l| format!("{}={:?}", l.name, l.value)).collect();
    let time = one.timestamp.map(|time| format!("{}.{:09}", time.seconds, time.nanos));
    format!("{{{}}}:{}@{}", labels.join(","), one.value, time.unwrap_or_default())
}

#[test]
fn protobuf() {
    let bytes = Exporter::default().render(&common::snapshot(), Exposition::Protobuf);
    let (mut rest, mut got) = (&bytes[..], String::new());
    while !rest.is_empty() {
        words(&MetricFamily::decode_length_delimited(&mut rest).expect("whole messages"), &mut got);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/protobuf.txt");
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, &got).expect("write golden file");
    }
    let want = std::fs::read_to_string(&path).expect("golden file; NETRIG_BLESS=1 writes it");
    assert_eq!(got, want, "protobuf.txt differs; NETRIG_BLESS=1 rewrites it");
}

/// The first bytes, by hand: the field numbers and wire types are the format's, not merely what the same code reads back.
#[test]
fn the_first_message_is_as_published() {
    let bytes = Exporter::default().render(&common::snapshot(), Exposition::Protobuf);
    let help = "Always 1; the label carries the version of the rig";
    let mut metric = vec![0x0a, 16, 0x0a, 7];
    metric.extend_from_slice(b"version");
    metric.extend_from_slice(&[0x12, 5]);
    metric.extend_from_slice(b"0.1.0");
    metric.extend_from_slice(&[0x12, 9, 0x09]);
    metric.extend_from_slice(&1.0_f64.to_le_bytes());
    let mut family = vec![0x0a, 17];
    family.extend_from_slice(b"netrig_build_info");
    family.extend_from_slice(&[0x12, help.len() as u8]);
    family.extend_from_slice(help.as_bytes());
    family.extend_from_slice(&[0x18, 1, 0x22, metric.len() as u8]);
    family.extend_from_slice(&metric);
    assert_eq!(bytes[0] as usize, family.len());
    assert_eq!(bytes[1..=family.len()], family);
}
