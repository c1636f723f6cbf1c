//! One file for each subcommand.

mod answer;
mod bursts;
mod capture;
mod check;
mod completions;
mod config;
mod connections;
mod dashboards;
mod drops;
mod explain;
mod flows;
mod latency;
mod man;
mod overhead;
mod policy;
mod query;
mod queues;
mod reduced;
mod replay;
mod requests;
mod run;
mod since;
mod sources;
mod stop;
mod store;
mod stress;
mod top;

pub(crate) use since::Since;

use crate::cli::Command;
use std::process::ExitCode;

/// Does what was asked for.
pub(crate) fn dispatch(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Stress(args) => stress::run(args),
        Command::Top(args) => done(top::run(args)),
        Command::Flows(args) => done(flows::run(args)),
        Command::Connections(args) => done(connections::run(args)),
        Command::Explain(args) => done(explain::run(args)),
        Command::Latency(args) => done(latency::run(args)),
        Command::Drops(args) => done(drops::run(args)),
        Command::Bursts(args) => done(bursts::run(args)),
        Command::Requests(args) => done(requests::run(args)),
        Command::Queues(args) => done(queues::run(args)),
        Command::Overhead(args) => done(overhead::run(args)),
        Command::Capture(args) => capture::run(args),
        Command::Policy(command) => policy::run(command),
        Command::Query(args) => done(query::run(args)),
        Command::Store(args) => done(store::run(args)),
        Command::Config(command) => done(config::run(command)),
        Command::Dashboards(args) => done(dashboards::run(args)),
        Command::Completions(args) => done(completions::run(args)),
        Command::Man(args) => done(man::run(args)),
    }
}

fn done(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}
