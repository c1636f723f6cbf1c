//! A rig as a real Prometheus has it.

use super::rig::LISTEN;
use super::wait_for;
use netrig_model::Snapshot;
use netrig_testkit::{Prometheus, PrometheusSetup};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often rigs are scraped.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// The job of rigs.
pub(crate) const JOB: &str = "netrig";
const PATIENCE: Duration = Duration::from_secs(90);

/// Scrapes the rig of its namespace.
pub(crate) fn scraping() -> PrometheusSetup {
    PrometheusSetup::every(EVERY).job(JOB, LISTEN)
}

/// Waits for a scrape that began after this was called, and succeeded.
pub(crate) fn wait_scraped(prometheus: &Prometheus) {
    let asked_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let up = format!("up{{job=\"{JOB}\"}}");
    prometheus.wait_until(&format!("timestamp({up}) > {asked_s:.3} and {up} == 1"));
}

/// What Prometheus has of these expressions is what the rig says they are: of a time at which nothing changes, as the rig tells
/// it before a scrape and after it.
#[track_caller]
pub(crate) fn assert_told(
    prometheus: &Prometheus,
    status: impl Fn() -> Snapshot,
    facts: impl Fn(&Snapshot) -> Vec<(String, f64)>,
) {
    let told = wait_for("a scrape between two pictures that are alike", PATIENCE, || {
        let before = facts(&status());
        wait_scraped(prometheus);
        (facts(&status()) == before).then_some(before)
    });
    assert!(!told.is_empty(), "there is something to compare");
    for (expr, truth) in told {
        let scraped = prometheus.value(&expr);
        assert_eq!(scraped, Some(truth), "{expr}");
    }
}
