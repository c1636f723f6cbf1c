//! Rows of figures over the run: what the terminal draws as blocks and the page as lines.

use super::model::{Fill, ProbeCost, Report, Sample};
use std::collections::BTreeMap;

/// Seconds and values; `None` where it was not known.
pub(crate) type Points = Vec<(f64, Option<f64>)>;

/// One figure over the run.
pub(crate) fn figure(report: &Report, of: impl Fn(&Sample) -> Option<f64>) -> Points {
    report.samples.iter().map(|sample| (sample.at_s, of(sample).filter(|value| value.is_finite()))).collect()
}

/// Whether anything is known of it.
pub(crate) fn is_known(points: &Points) -> bool {
    points.iter().any(|(_, value)| value.is_some())
}

/// The values that are known.
pub(crate) fn known(points: &Points) -> impl Iterator<Item = f64> + '_ {
    points.iter().filter_map(|(_, value)| *value)
}

/// A figure of each thing with a name, in the order of their names.
fn named<'a, T: 'a>(
    report: &'a Report,
    things: impl Fn(&'a Sample) -> &'a [T],
    name: impl Fn(&'a T) -> &'a str,
    value: impl Fn(&'a T) -> Option<f64>,
) -> BTreeMap<&'a str, Points> {
    let mut rows: BTreeMap<&str, Points> = BTreeMap::new();
    let all = report.samples.iter().flat_map(&things);
    all.for_each(|thing| _ = rows.entry(name(thing)).or_default());
    for (name_of_row, row) in &mut rows {
        row.extend(report.samples.iter().map(|sample| {
            let thing = things(sample).iter().find(|thing| name(thing) == *name_of_row);
            (sample.at_s, thing.and_then(&value).filter(|value| value.is_finite()))
        }));
    }
    rows
}

/// A run takes time: where it took none, it has not been measured yet.
fn measured(probe: &ProbeCost, value: f64) -> Option<f64> {
    (probe.ns_per_run > 0.0).then_some(value)
}

/// What one run of each probe takes, nanoseconds.
pub(crate) fn probe_ns(report: &Report) -> BTreeMap<&str, Points> {
    named(report, |sample| &sample.probes, |probe| &probe.probe, |probe| measured(probe, probe.ns_per_run))
}

/// What each probe takes of a core.
pub(crate) fn probe_shares(report: &Report) -> BTreeMap<&str, Points> {
    named(report, |sample| &sample.probes, |probe| &probe.probe, |probe| measured(probe, probe.share_of_core))
}

/// How often each probe runs in a second.
pub(crate) fn probe_runs(report: &Report) -> BTreeMap<&str, Points> {
    named(report, |sample| &sample.probes, |probe| &probe.probe, |probe| measured(probe, probe.runs_per_s))
}

/// How full each table is.
pub(crate) fn tables(report: &Report) -> BTreeMap<&str, Points> {
    named(report, |sample| &sample.tables, |fill| &fill.name, Fill::share)
}

/// How many entries each table replaces in a second.
pub(crate) fn evictions(report: &Report) -> BTreeMap<&str, Points> {
    named(report, |sample| &sample.tables, |fill| &fill.name, |fill| fill.evicted_per_s)
}

/// How full each ring is, and the queue in front of the store.
pub(crate) fn rings(report: &Report) -> BTreeMap<&str, Points> {
    let mut rows = named(report, |sample| &sample.rings, |fill| &fill.name, Fill::share);
    rows.extend(named(report, |sample| sample.store_queue.as_slice(), |fill| &fill.name, Fill::share));
    rows
}

/// What each ring has lost so far.
pub(crate) fn ring_losses(report: &Report) -> BTreeMap<&str, Points> {
    named(report, |sample| &sample.rings, |fill| &fill.name, |fill| fill.lost.map(|lost| lost as f64))
}
