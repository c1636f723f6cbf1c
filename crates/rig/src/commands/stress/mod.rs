//! `netrig stress`: the rig under traffic made on purpose.

mod asked;
mod compare;

use super::stop::Stop;
use crate::cli::{StressArgs, StressCommand};
use crate::output::{Output, say, table_style};
use anyhow::Context;
use netrig_stress::report::{Report, html, json, text};
use netrig_stress::{Asker, plan};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &StressArgs) -> anyhow::Result<ExitCode> {
    if let Some(StressCommand::Compare(args)) = &args.command {
        return compare::run(args);
    }
    if args.scenario.is_none() && args.from.is_none() {
        return list();
    }
    let asked = asked::asked(args)?;
    let stop = Stop::on_signals()?;
    let mut tell = |line: &str| say(&format!("netrig: {line}"));
    let is_told_to_stop = || stop.is_told();
    let mut asker = Asker { say: &mut tell, is_told_to_stop: &is_told_to_stop };
    let made = if args.find_limit { netrig_stress::find_limit } else { netrig_stress::run };
    let report = asked::in_words(made(&asked, &mut asker))?;
    let line = json::line(&report)?;
    let mut out = Output::stdout();
    if args.json {
        out.line(&line);
    } else {
        out.write(&text::page(&report, table_style()));
    }
    out.finish()?;
    // What was measured is on the screen, whatever becomes of files.
    if let Some(path) = &args.save {
        write(path, &format!("{line}\n"))?;
    }
    if let Some(path) = &args.html {
        write(path, &html::page(&report))?;
    }
    Ok(ending(&report))
}

fn list() -> anyhow::Result<ExitCode> {
    let mut out = Output::stdout();
    let scenarios = plan::about()?;
    let width = scenarios.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, about) in scenarios {
        out.line(&format!("{name:width$}  {about}"));
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write the report to {}", path.display()))
}

/// A packet without an account and anything that is left are failures, whatever else came of it.
fn ending(report: &Report) -> ExitCode {
    let is_accounted =
        report.traffic.unaccounted_packets == Some(0) && report.ledger.iter().all(|row| row.imbalance_packets == 0);
    if is_accounted && report.left_behind.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
