//! `netrig replay`: a capture through the real kernel programs.

use crate::cli::ReplayArgs;
use crate::failure::{Usage, report};
use crate::output::{Output, say, table_style};
use crate::settings;
use netrig_model::{FlowRecord, ParseFault};
use netrig_replay::{ReplayError, ReplayOptions, ReplaySummary, replay};
use netrig_view::{By, Grouper, Limits, flow_table, record_line, units};
use std::process::ExitCode;

/// The probes a capture can be sent through.
const PROBES: [&str; 1] = ["flow"];

pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    check_probes(&args.probes)?;
    let config = settings::load(args.config.config.as_deref())?;
    let options = ReplayOptions {
        tunnels: args.tunnels || config.flow.tunnels,
        window_ns: i64::try_from(config.rig.window.as_nanos())?,
        idle_timeout_ns: i64::try_from(config.rig.idle_timeout.as_nanos())?,
        memory_bytes: config.rig.memory.0,
        host: config.rig.host.clone(),
    };
    let ended = if args.json { as_json(args, &options)? } else { as_table(args, &options)? };
    match ended {
        Ok(summary) => {
            say_what_it_came_to(&summary);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if let ReplayError::Capture { summary, .. } = &error
                && summary.read.packets > 0
            {
                say_what_it_came_to(summary);
            }
            // Its sentence has its causes in it already.
            Ok(report(&anyhow::Error::msg(error.to_string())))
        }
    }
}

fn check_probes(names: &[String]) -> Result<(), Usage> {
    let unknown = names.iter().find(|name| !PROBES.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        Err(Usage(format!("--probe {name}: there is no such probe; there is {}", PROBES.join(", "))))
    })
}

fn as_json(args: &ReplayArgs, options: &ReplayOptions) -> anyhow::Result<Result<ReplaySummary, ReplayError>> {
    let mut out = Output::stdout();
    let mut failed = None;
    let ended = replay(&args.file, options, &mut |record: FlowRecord| match record_line(&record) {
        Ok(line) => out.line(&line),
        Err(error) => failed = Some(error),
    });
    out.finish()?;
    failed.map_or(Ok(ended), |error| Err(error.into()))
}

fn as_table(args: &ReplayArgs, options: &ReplayOptions) -> anyhow::Result<Result<ReplaySummary, ReplayError>> {
    let mut grouper = Grouper::new(By::flow(), Limits::default());
    let ended = replay(&args.file, options, &mut |record: FlowRecord| grouper.add(&record));
    let grouped = grouper.finish(None);
    let mut out = Output::stdout();
    if !grouped.groups.is_empty() {
        flow_table(&grouped).render_lines(table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    Ok(ended)
}

fn say_what_it_came_to(summary: &ReplaySummary) {
    let mut sentence = format!(
        "netrig: {} packets, {}: {} told in {} records, {} not IP",
        units::count(summary.read.packets),
        units::bytes(summary.read.bytes),
        units::count(summary.told.packets),
        units::count(summary.records),
        units::count(summary.not_ip.packets),
    );
    if summary.overflow.packets > 0 {
        sentence.push_str(&format!(", {} told in none (raise [rig] memory)", units::count(summary.overflow.packets)));
    }
    for (fault, count) in ParseFault::ALL.into_iter().zip(summary.faults).filter(|(_, count)| *count > 0) {
        sentence.push_str(&format!(", {} {}", units::count(count), fault.as_str().replace('_', " ")));
    }
    say(&sentence);
    if !summary.balances() {
        say(
            "netrig: the ledger of this replay does not balance, which is a bug in netrig: please report it with the capture",
        );
    }
}
