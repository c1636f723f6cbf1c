//! The dashboards: which questions they answer, and by which queries.

mod cost;
mod drops;
mod fleet;
mod host;
mod latency;
mod policy;

use crate::grafana::{Dashboard, Variable};
use crate::promql::chosen;
use netrig_metrics::names::{self, Metric};

/// The window of rates: as long as the step, and long enough for the interval of scrapes.
const WINDOW: &str = "$__rate_interval";

/// All of them, the widest view first.
#[must_use]
pub fn all() -> Vec<Dashboard> {
    vec![
        fleet::dashboard(),
        host::dashboard(),
        latency::dashboard(),
        drops::dashboard(),
        policy::dashboard(),
        cost::dashboard(),
    ]
}

fn label(name: &'static str, title: &'static str, metric: &'static Metric, label: &'static str) -> Variable {
    Variable::Label { name, title, series: chosen(metric).now().to_string(), label, first: None }
}

/// What every dashboard begins with: which Prometheus, which of its jobs, which hosts.
fn which_rigs() -> Vec<Variable> {
    let build = names::BUILD_INFO.name;
    let of_jobs = format!("{build}{{job=~\"$job\"}}");
    vec![
        Variable::DataSource,
        Variable::Label { name: "job", title: "Job", series: build.to_owned(), label: "job", first: None },
        Variable::Label { name: "instance", title: "Host", series: of_jobs, label: "instance", first: None },
    ]
}

/// And of which interfaces.
fn which_interfaces() -> Variable {
    label("iface", "Interface", &names::INTERFACE_PACKETS, "iface")
}
