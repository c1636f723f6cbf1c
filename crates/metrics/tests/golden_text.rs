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

fn rendered(exposition: Exposition) -> String {
    common::text(Exporter::default().render(&common::snapshot(), exposition))
}

#[test]
fn prometheus_text() {
    check("prometheus.txt", &rendered(Exposition::Prometheus));
}

#[test]
fn openmetrics_text() {
    check("openmetrics.txt", &rendered(Exposition::OpenMetrics));
}

#[test]
fn the_sample_snapshot_shows_every_metric() {
    let text = netrig_metrics::render(&common::snapshot());
    for metric in names::ALL {
        assert!(text.contains(&format!("# TYPE {} ", metric.name)), "{} is not in the golden text", metric.name);
    }
}
