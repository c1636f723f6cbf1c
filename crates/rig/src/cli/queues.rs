//! The words of `netrig queues`.

use super::RigAddress;
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
One line for each queueing discipline of a watched interface, the longest wait first: WAITS is what waits in it now, DELAY how long \
that takes to leave at the rate of the last second; MOST WAITED and LONGEST are the most of the last 60 s, looked at four times a \
second. DROPPED, HELD BACK (for a limit of rate) and SENT BACK (by the device) are counted since it was set up. A discipline that \
has only just begun to fill, or stands still, has no DELAY.

Below it what devices hold: the octets of a transmit queue that is limited (byte queue limits), with the stalls that the kernel \
counts where stall_thrs is set, and the slots of rings. Then polls: how many packets each took, and how many used up their budget, \
so that more was waiting; they are counted for a slice of every few seconds. Last each CPU: its share of time in softirqs, packets it \
received, packets its backlog had no room for, and times it had to stop with work left (net.core.netdev_budget).

It asks the running rig, and no store: what waits is a state, not an event. `netrig drops` says what was dropped of it.

Examples:
  netrig queues
  netrig queues --all
  netrig queues --json | jq 'select(.record == \"queue\" and .delay_ns_max > 10000000)'")]
pub(crate) struct QueuesArgs {
    /// Every line, not only the first 20 of each table
    #[arg(long, conflicts_with = "json")]
    pub(crate) all: bool,
    /// JSON Lines instead of tables: records queue, polls and softirq
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
}
