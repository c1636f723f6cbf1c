//! Two runs of one scenario beside each other: what got better or worse by more than noise.
//!
//! How much figures vary within a run says how much they may vary between runs: a difference counts where it is more than
//! three standard errors of both medians, and more than a hundredth.

mod figures;
mod words;

use super::knobs::Knobs;
use super::model::Report;
use netrig_config::Config;
use serde::Serialize;
use thiserror::Error;

pub use words::{line, text};

/// Why two runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompareError {
    /// Apples and pears.
    #[error("the first run is of `{0}`, the second of `{1}`: only runs of one scenario can be compared")]
    Scenarios(String, String),
}

/// Two runs beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What both ran.
    pub scenario: String,
    /// The first: what is compared with.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// What makes the comparison doubtful, a sentence each.
    pub warnings: Vec<String>,
    /// Figure by figure.
    pub rows: Vec<Row>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Version of the rig.
    pub version: String,
    /// The host.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// When.
    pub started: String,
}

/// One figure of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is.
    pub figure: String,
    /// Its unit.
    pub unit: Unit,
    /// Of the first run; `None`: not known.
    pub a: Option<f64>,
    /// Of the second.
    pub b: Option<f64>,
    /// How much more the second is, as a share of the first.
    pub change: Option<f64>,
    /// Differences up to this are noise, in the figure's own unit; `None`: it is not known how much it varies.
    pub noise: Option<f64>,
    /// What to think of it.
    pub verdict: Change,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Packets a second.
    PacketsPerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// A share; 1 is all.
    Share,
    /// Bytes.
    Bytes,
    /// Packets.
    Packets,
    /// So many times.
    Times,
}

/// What to think of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The second run is better, beyond noise.
    Better,
    /// It is worse, beyond noise.
    Worse,
    /// They differ, which is neither good nor bad.
    Differs,
    /// No more than noise.
    Same,
    /// One of the two, or how much it varies, is not known.
    Unsure,
}

impl Change {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Differs => "differs",
            Self::Same => "same",
            Self::Unsure => "unsure",
        }
    }
}

/// The second run beside the first.
///
/// # Errors
/// When they are of different scenarios.
pub fn compare(a: &Report, b: &Report) -> Result<Comparison, CompareError> {
    if a.scenario != b.scenario {
        return Err(CompareError::Scenarios(a.scenario.clone(), b.scenario.clone()));
    }
    Ok(Comparison {
        scenario: a.scenario.clone(),
        a: side(a),
        b: side(b),
        warnings: warnings(a, b),
        rows: figures::all(a, b),
    })
}

fn side(report: &Report) -> Side {
    let machine = &report.machine;
    Side {
        version: report.version.clone(),
        host: machine.host.clone(),
        kernel: machine.kernel.clone(),
        started: report.started.clone(),
    }
}

/// Settings that are another in every run, and change nothing.
const PLACES: [&str; 7] =
    ["rig.interfaces", "rig.host", "policy.socket", "policy.pins", "recorder.dir", "store.dir", "serve.listen"];

fn warnings(a: &Report, b: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    if a.seed != b.seed {
        warnings.push(format!("the seeds differ ({} and {}): these are not the same packets", a.seed, b.seed));
    }
    let pair = |name: &str, a: String, b: String| (a != b).then(|| format!("{name} differs: {a} and {b}"));
    let rate = |report: &Report| report.rate_asked_pps.map_or("none".to_owned(), |rate| format!("{rate} packets/s"));
    let seconds = |report: &Report| format!("{:.0} s", report.duration_s);
    let machine = |report: &Report| format!("{} CPUs", report.machine.cpus);
    warnings.extend(pair("the rate that was asked for", rate(a), rate(b)));
    warnings.extend(pair("the duration", seconds(a), seconds(b)));
    warnings.extend(pair("the host", a.machine.host.clone(), b.machine.host.clone()));
    warnings.extend(pair("its size", machine(a), machine(b)));
    warnings.extend(pair("the kernel", a.machine.kernel.clone(), b.machine.kernel.clone()));
    let (ours, theirs) = (Knobs::of(&a.rig_config), Knobs::of(&b.rig_config));
    let mut changed = Config::changed(ours.config(), theirs.config());
    changed.retain(|key| !PLACES.contains(key));
    if !changed.is_empty() {
        warnings.push(format!("the rig's settings differ: {}", changed.join(", ")));
    }
    for (name, report) in [("first", a), ("second", b)] {
        if report.traffic.seen_packets.is_none() {
            warnings.push(format!("the rig of the {name} run did not answer at its end"));
        }
    }
    warnings
}
