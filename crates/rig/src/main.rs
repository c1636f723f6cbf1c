//! netrig: an eBPF network telemetry rig in one binary.

mod cli;
mod client;
mod commands;
mod control;
mod daemon;
mod failure;
mod output;
mod policy;
mod settings;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    commands::dispatch(&cli.command).unwrap_or_else(|error| failure::report(&error))
}
