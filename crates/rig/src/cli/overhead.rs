//! The words of `netrig overhead`.

use super::RigAddress;
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Each probe's programs in the kernel: how often they run, what a run takes, and what that is of a core and of the budget, which is a \
share of the whole machine ([rig] cpu). It is measured by the kernel's run-time statistics, which are switched on for 2 of 100 parts \
of the time; what they add to each run is taken off, and what they cost is the line `meter`. ~ marks runs that are extrapolated by \
time; those of other probes follow packets that were counted. bursts and payload are part of the flow probe's programs.

Then the threads of the rig's process, memory of maps and process against [rig] memory, and the steps that the governor turns down, \
from the first on, when the rig costs more than its budget, and up again when there is room.

It asks the running rig: the latest seconds, and sums since it started.

Examples:
  netrig overhead
  netrig overhead --json | jq 'select(.record == \"overhead_probe\") | {probe, ns_per_run}'")]
pub(crate) struct OverheadArgs {
    /// JSON Lines instead of tables: records overhead, overhead_probe, overhead_thread, overhead_memory and overhead_step
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
}
