//! The words of `netrig bursts`.

use super::RigAddress;
use crate::commands::Since;
use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
First a line for each direction of each interface: how long its bursts last, and the time between them. Then a line for each \
burst, the highest first. SERIES is what passed before, in and after it; PEAK the rate of its busiest bucket, LOAD that as a share of \
the link, or where the link's speed is not known as so many times the mean of the ten seconds before; FLOWS how many took part. The \
largest of them stand below.

With --json, each line is a burst as it is stored. With --by they are summed.

Examples:
  netrig bursts --top 10
  netrig bursts --since 1h
  netrig bursts --by iface,direction
  netrig bursts --json | jq 'select(.duration_ns < 5e6) | .top_flows | fromjson | .[0].flow'")]
pub(crate) struct BurstsArgs {
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Group by these columns, separated by commas, and sum
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) by: Option<String>,
    /// Only the N highest; of groups, those with most bytes
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON Lines instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
    /// Read this store; without --url, ask no rig
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}
