//! The words of `netrig stress`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueHint};
use netrig_config::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Makes two network namespaces with a wire between them, runs this rig on one end of it, sends traffic by the other, and says what the \
rig saw, what it cost, what was lost by which name, and which part would break first. Nothing outside these namespaces is touched, and \
all of it is gone afterwards; what a killed run left, the next one removes. Needs root, iproute2 and ethtool.

Without SCENARIO it lists those that there are. A path is a scenario of your own: docs/stress.md has its keys.

In turns with the rig and without it, round trips of somebody else on the same wire say what the rig costs them; runs shorter than \
6 s leave that out.

With --find-limit the rate is searched at which nothing is lost: a run for each rate that is tried.

Exits with 1 if a packet has no account, or anything is left on the host.

Examples:
  netrig stress
  netrig stress microburst
  netrig stress churn --duration 10s --rate 500000 --json
  netrig stress steady --find-limit --save here.json
  netrig stress compare here.json there.json
  netrig stress --from capture.pcapng --rate 100000
  netrig stress mixed --config /etc/netrig/rig.toml --html report.html"
)]
pub(crate) struct StressArgs {
    #[command(subcommand)]
    pub(crate) command: Option<StressCommand>,
    /// The scenario's name, or the path of a file with one
    #[arg(value_name = "SCENARIO", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) scenario: Option<String>,
    /// How long traffic is made [default: the scenario's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Frames a second of the floods, or while a burst lasts [default: the scenario's, or as many as one CPU makes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rate: Option<u64>,
    /// Where randomness comes from: the same seed makes the same packets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Send the packets of this capture instead of the scenario's floods, under other addresses and each of many hosts
    #[arg(long, value_name = "CAPTURE", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<PathBuf>,
    /// Settings of the rig; what the scenario needs goes over them
    #[arg(short = 'c', long = "config", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Search the highest rate at which nothing is lost
    #[arg(long)]
    pub(crate) find_limit: bool,
    /// Do not measure what round trips of others take
    #[arg(long)]
    pub(crate) no_victim: bool,
    /// One line of JSON instead of the screen
    #[arg(long)]
    pub(crate) json: bool,
    /// Write that line to a file too, to be compared later
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) save: Option<PathBuf>,
    /// Write the report with charts to a file, one page that needs nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
}

/// What else there is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum StressCommand {
    /// Compare two runs: of two hosts, versions or configurations
    Compare(StressCompareArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StressCompareArgs {
    /// The run to compare with: JSON that --save or --json wrote
    #[arg(value_name = "A", value_hint = ValueHint::FilePath)]
    pub(crate) before: PathBuf,
    /// The run that is compared
    #[arg(value_name = "B", value_hint = ValueHint::FilePath)]
    pub(crate) after: PathBuf,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
