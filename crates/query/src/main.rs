//! SQL over the store and the running rig, in a process of its own, so that no query can hurt the rig: it has a memory
//! limit, runs at low priority, and may die without anyone minding.
//!
//! Ten tables, `flows`, `connections`, `latency`, `drops`, `bursts`, `requests`, `policy_events`, `ledger`, and the reduced flows
//! of older times, `flows_1m` and `flows_1h`. Of the host it
//! reads the store's own segments (opened by this process, handed to the engine as open files) and, if asked, the rig's live records of
//! the tables that the query names; SQL has no way to name any other file.

mod args;
mod engine;
mod failure;
mod limits;
mod live;
mod output;
mod read_only;
mod segments;
mod table;

use args::Args;
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::PipeClosed) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("netrig-query: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    limits::be_modest();
    let statement = read_only::check(&args.sql)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from)?;
    // The rig is asked before the store is listed: what it has handed over to the store by then is in that listing.
    let live = match &args.live {
        Some(url) => live::fetch(url, &live::tables(&statement)?)?,
        None => None,
    };
    let dir = args.store_dir(live.as_ref())?;
    runtime.block_on(async {
        let session = engine::session(args)?;
        table::register(&session, dir.as_deref(), live)?;
        engine::answer(&session, args).await
    })
}
