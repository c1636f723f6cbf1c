//! What the rig costs, and what it does about that.

use serde::{Deserialize, Serialize};

/// How kernel time is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostMethod {
    /// The kernel's run-time statistics, switched on for a slice of every few seconds.
    Slices,
    /// The same, which the host has switched on anyway: nothing is extrapolated.
    Always,
    /// They cannot be had: kernel time is unknown.
    #[default]
    None,
}

impl CostMethod {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slices => "slices",
            Self::Always => "always",
            Self::None => "none",
        }
    }
}

/// The rig's own cost. Ratios are shares of the whole machine, all its processors together: 1 is all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OverheadStatus {
    /// `[rig] cpu`, as a ratio.
    pub cpu_budget_ratio: f64,
    /// Processors at work at the latest measurement.
    pub cpus: u64,
    /// Kernel and user space over the latest seconds; absent until that has been measured once.
    pub ratio: Option<f64>,
    /// How kernel time is measured.
    pub method: CostMethod,
    /// Why it cannot be measured; empty where it can.
    pub detail: String,
    /// What the statistics overstate each run by, nanoseconds: it is taken off.
    pub bias_ns: f64,
    /// What a run costs more while they are on, nanoseconds: the probe `meter` is charged for it.
    pub statistics_ns: f64,
    /// Slices that have been measured.
    pub slices: u64,
    /// Each probe, and `meter`: what measuring costs.
    pub probes: Vec<ProbeCost>,
    /// Each thread of the process.
    pub threads: Vec<ThreadCost>,
    /// CPU time of the whole process since it began, nanoseconds.
    pub process_cpu_ns: u64,
    /// Share of a core that the process took in the latest seconds.
    pub process_core_ratio: f64,
    /// Memory.
    pub memory: MemoryCost,
    /// What is turned down to keep the budget.
    pub governor: GovernorStatus,
}

/// What one probe's programs cost in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeCost {
    /// Its name.
    pub probe: String,
    /// Time its programs took since the rig attached, nanoseconds.
    pub cpu_ns: u64,
    /// How often they ran.
    pub runs: u64,
    /// Whether what lies between two slices is known by packets that were counted, rather than extrapolated by time.
    pub by_packets: bool,
    /// Runs a second in the latest seconds.
    pub runs_per_second: f64,
    /// What one took.
    pub ns_per_run: f64,
    /// Share of a core.
    pub core_ratio: f64,
    /// Memory of its maps, bytes.
    pub kernel_bytes: u64,
}

/// What one thread of the process costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadCost {
    /// Its name.
    pub thread: String,
    /// CPU time since it began, nanoseconds.
    pub cpu_ns: u64,
    /// Share of a core in the latest seconds.
    pub core_ratio: f64,
}

/// What the rig takes of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryCost {
    /// `[rig] memory`, bytes.
    pub budget_bytes: u64,
    /// The part of it that is the kernel's, at most.
    pub kernel_budget_bytes: u64,
    /// Memory of all maps, as the kernel accounts it.
    pub kernel_bytes: u64,
    /// Resident memory of the process; pages of maps that it has touched are among it.
    pub resident_bytes: u64,
    /// Of that, the process' own.
    pub own_bytes: u64,
}

/// Where the governor stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernorStatus {
    /// Steps that are turned down now.
    pub level: u64,
    /// All of them, in the order in which they are.
    pub steps: Vec<StepStatus>,
    /// Times one was turned down since the start.
    pub downs: u64,
    /// Times one was turned up again.
    pub ups: u64,
    /// All is turned down, and it is still too much.
    pub exhausted: bool,
}

/// Whether a step is turned down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// As the configuration has it.
    #[default]
    Up,
    /// Turned down to keep the budget.
    Down,
    /// The configuration has switched off what it would turn down.
    Absent,
}

impl StepState {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Absent => "absent",
        }
    }
}

/// One thing that can be turned down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStatus {
    /// Its name.
    pub step: String,
    /// What is given up by it, for people.
    pub gives_up: String,
    /// Whether it is.
    pub state: StepState,
}
