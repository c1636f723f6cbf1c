//! The words of `netrig store`.

use super::ConfigFile;
use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
One line for each table that has files: how many, their rows, bytes, and bytes of each row; from when to when; and bytes a day at the \
rate of what it holds. Flows have three levels: flows as they were told, flows_1m by minutes, flows_1h by hours. Below it: what each \
level can no longer tell, and how many days of detail there is room for at the present rate.

It reads the files, with or without a running rig. A budget is only known where there is a configuration or a rig.

Examples:
  netrig store
  netrig store --store /var/lib/netrig --json | jq 'select(.table == \"flows\") | .bytes_per_row'")]
pub(crate) struct StoreArgs {
    /// JSON Lines instead of a table: a record for each table, then one of the whole
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// This store instead of `[store] dir` of the configuration
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}
