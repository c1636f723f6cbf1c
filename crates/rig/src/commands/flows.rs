//! `netrig flows`: who talks to whom, and how much.

use super::since::now;
use super::sources::Sources;
use crate::cli::FlowsArgs;
use crate::failure::Usage;
use crate::output::{Output, say, table_style};
use netrig_model::{FlowRecord, Timestamp};
use netrig_view::{By, ColumnError, Grouped, Grouper, Limits, flow_table, group_line, record_line, units};

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
        say_nothing_found(&sources, now);
    }
    Ok(())
}

fn columns(text: &str) -> Result<By, Usage> {
    By::parse(text).map_err(|error| {
        let hint = match &error {
            ColumnError::Unknown(word) => match netrig_config::nearest(word, By::known()) {
                Some(known) => format!(": did you mean `{known}`?"),
                None => format!("; there are {}", By::known().collect::<Vec<_>>().join(", ")),
            },
            ColumnError::Sum(_) | ColumnError::Empty => String::new(),
        };
        Usage(format!("--by: {error}{hint}"))
    })
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
    read?;
    failed.map_or(Ok(any), |error| Err(error.into()))
}

/// Sums records while they stream by, then prints the sums.
fn groups(args: &FlowsArgs, by: By, sources: &mut Sources<FlowRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let mut grouper = Grouper::new(by, Limits::default());
    sources.flows(since, &mut |record| grouper.add(&record))?;
    let grouped = grouper.finish(args.top);
    let mut out = Output::stdout();
    if args.json {
        for group in &grouped.groups {
            out.line(&group_line(&grouped, group)?);
        }
    } else if !grouped.groups.is_empty() {
        flow_table(&grouped).render_lines(table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    say_what_is_not_exact(&grouped);
    Ok(!grouped.groups.is_empty() || grouped.rest_groups > 0)
}

fn say_what_is_not_exact(grouped: &Grouped) {
    if let Some(pruned) = grouped.pruned {
        say(&format!(
            "netrig: too many groups to keep: {} small ones are only in the sum of the rest, and a line may lack up to {}",
            units::count(pruned.groups),
            units::bytes(pruned.bytes_max)
        ));
    }
    if grouped.flows_approximate {
        say("netrig: too many flows to remember: the counts of flows are of records, one for each window");
    }
}

fn say_nothing_found(sources: &Sources<FlowRecord>, now: Timestamp) {
    let newest = match sources.stored_until() {
        Some(end) if end < now => {
            format!("; the store's newest record is {} old: see --since", units::duration(now.0 - end.0))
        }
        _ => String::new(),
    };
    say(&format!("netrig: no flows in that time{newest}"));
}
