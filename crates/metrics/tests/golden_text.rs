//! The text, whole: a change of a name, a label or a help line shows up in review as a change of these files.
//! `NETRIG_BLESS=1` rewrites them.

mod common;

use netrig_metrics::{Exporter, Exposition, names};
use std::path::Path;

fn check(file: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, got).expect("write golden file");
    }
    let want = std::fs::read_to_string(&path).expect("golden file; NETRIG_BLESS=1 writes it");
    assert_eq!(got, want, "{file} differs; NETRIG_BLESS=1 rewrites it");
}

#[test]
fn prometheus_text() {
    check("prometheus.txt", &Exporter::default().render(&common::snapshot(), Exposition::Prometheus));
}

#[test]
fn openmetrics_text() {
    check("openmetrics.txt", &Exporter::default().render(&common::snapshot(), Exposition::OpenMetrics));
}

#[test]
fn the_sample_snapshot_shows_every_metric() {
    let text = netrig_metrics::render(&common::snapshot());
    for metric in names::ALL {
        assert!(text.contains(&format!("# TYPE {} ", metric.name)), "{} is not in the golden text", metric.name);
    }
}
