//! `netrig flows`: who talks to whom, and how much.

use super::answer::{columns, print_groups, say_nothing_found, say_what_was_pruned};
use super::since::now;
use super::sources::Sources;
use crate::cli::FlowsArgs;
use crate::output::{Output, say};
use netrig_model::{FlowRecord, Timestamp};
use netrig_view::{By, Grouper, Limits, flow_table, record_line, units};

pub(crate) fn run(args: &FlowsArgs) -> anyhow::Result<()> {
    let by = args.by.as_deref().map(columns).transpose()?;
    let now = now();
    let since = args.since.instant(now);
    let mut sources: Sources<FlowRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let any = if args.json && by.is_none() && args.top.is_none() {
        records(&mut sources, since)?
    } else {
        groups(args, by.unwrap_or_else(By::flow), &mut sources, since)?
    };
    if !any {
        say_nothing_found(&sources, "flows", now, "");
    }
    Ok(())
}

/// Prints records as they come, holding none of them.
fn records(sources: &mut Sources<FlowRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let mut out = Output::stdout();
    let mut failed = None;
    let mut any = false;
    let read = sources.flows(since, &mut |record| match record_line(&record) {
        Ok(line) => {
            any = true;
            out.line(&line);
        }
        Err(error) => failed = Some(error),
    });
    out.finish()?;
    read?.say(&[]);
    failed.map_or(Ok(any), |error| Err(error.into()))
}

/// Sums records while they stream by, then prints the sums.
fn groups(
    args: &FlowsArgs,
    by: By,
    sources: &mut Sources<FlowRecord>,
    since: Option<Timestamp>,
) -> anyhow::Result<bool> {
    let mut grouper = Grouper::new(by, Limits::default());
    let asked: Vec<_> = args.by.iter().flat_map(|by| by.split(',')).map(str::trim).collect();
    sources.flows(since, &mut |record| grouper.add(&record))?.say(&asked);
    let grouped = grouper.finish(args.top);
    let table = (!args.json).then(|| flow_table(&grouped));
    let any = print_groups(&grouped, table.as_ref())?;
    say_what_was_pruned(&grouped, units::bytes);
    if grouped.members_approximate {
        say("netrig: too many flows to remember: the counts of flows are of records, one for each window");
    }
    Ok(any)
}
