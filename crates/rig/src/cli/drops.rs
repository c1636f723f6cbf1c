//! The words of `netrig drops`.

use super::RigAddress;
use crate::commands::Since;
use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
One line for each reason at each place of the kernel, the worst class first: error (something is broken), resource (no room), \
unknown, policy (somebody's rule), protocol (not wanted by its protocol), harmless (nothing was lost that anyone waits for). Below \
it the flow that lost most, and what to do about it. +1 stands for one more interface or process.

Rows of the kernel's own count (source skb) add up to all it dropped. Other counters come apart, for they count mostly the same \
packets: sockets, XDP, devices, queueing disciplines, the CPUs' backlogs, tables.

With --json, each line is a record as it is stored: one for each reason, place, flow and window. With --by or --top they are summed \
first; --by sums the kernel's own count alone unless source is among the columns.

Examples:
  netrig drops
  netrig drops --since 1h --all --examples
  netrig drops --by reason,process
  netrig drops --by src_addr,dst_port --top 10
  netrig drops --by source,reason,iface --json
  netrig drops --json | jq 'select(.class == \"error\")'")]
pub(crate) struct DropsArgs {
    /// Also list what is harmless
    #[arg(long)]
    pub(crate) all: bool,
    /// Show the first octets of a packet of each line, from the network header on
    #[arg(long, conflicts_with_all = ["by", "json"])]
    pub(crate) examples: bool,
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Group by these columns, separated by commas, and sum; `src` and `dst` stand for address and port
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) by: Option<String>,
    /// Only the first N; of groups, those with most packets
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
    /// Read this store; without --url, ask no rig
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}
