//! The words of `netrig policy`.

use super::ConfigFile;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueHint};
use netrig_config::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// Rules for packets at XDP: dropped, limited or redirected before the stack pays for them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
The first rule that decides wins; what no rule decides passes. ARP, neighbour discovery and DHCP always pass, and so do those who \
manage this machine by SSH. docs/policy.md explains the file.

Examples:
  netrig policy check policy.toml                       what it says, what is odd about it, what it costs
  netrig policy test policy.toml capture.pcapng         what it would do to the packets of a capture
  netrig policy apply policy.toml -i eth0 --confirm 30s in force; taken back in 30 s unless confirmed
  netrig policy confirm                                 … which this does
  netrig policy show                                    what its rules did
  netrig policy remove                                  off all interfaces")]
pub(crate) enum PolicyCommand {
    /// Explain a policy's file: order, unreachable and shadowed rules, memory and cost. Nothing is applied
    Check(PolicyCheckArgs),
    /// Send a capture through a policy, in the real kernel programs, and say what each rule did
    Test(PolicyTestArgs),
    /// Put a policy in force, in a running rig
    Apply(PolicyApplyArgs),
    /// Keep a policy that waits to be confirmed
    Confirm(PolicyConfirmArgs),
    /// Show the policy in force, and what its rules did
    Show(PolicyShowArgs),
    /// Take the policy off
    Remove(PolicyRemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheckArgs {
    /// The policy's file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyTestArgs {
    /// The policy's file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The capture: pcap or pcapng, also .gz and .zst
    #[arg(value_name = "CAPTURE", value_hint = ValueHint::FilePath)]
    pub(crate) capture: PathBuf,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyApplyArgs {
    /// The policy's file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Interface to apply it to; may be given again. Without it, those that the file names
    #[arg(short = 'i', long = "interface", value_name = "IFACE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) interfaces: Vec<String>,
    /// Take it back after this time unless `netrig policy confirm` comes first: the kernel does, even if the rig is gone
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) confirm: Option<Duration>,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyConfirmArgs {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyShowArgs {
    /// Read twice, a second apart, and show rates
    #[arg(long)]
    pub(crate) rates: bool,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyRemoveArgs {
    /// Interface to take it off; may be given again. Without it, all
    #[arg(short = 'i', long = "interface", value_name = "IFACE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) interfaces: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}
