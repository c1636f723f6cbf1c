//! `netrig bursts`: what is too short for averages to show.

use super::answer::{bursts_hint, columns, print_groups, say_nothing_found, say_what_was_pruned};
use super::since::now;
use super::sources::Sources;
use crate::cli::BurstsArgs;
use crate::output::{Output, say, table_style};
use netrig_model::{BurstRecord, Timestamp};
use netrig_view::{BurstList, GroupBy, Grouper, Limits, burst_interface_table, burst_table, record_line, units};

pub(crate) fn run(args: &BurstsArgs) -> anyhow::Result<()> {
    let by: Option<GroupBy<BurstRecord>> = args.by.as_deref().map(columns).transpose()?;
    let now = now();
    let since = args.since.instant(now);
    let mut sources: Sources<BurstRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let any = match by {
        Some(by) => groups(args, by, &mut sources, since)?,
        // In no order: nothing need be held.
        None if args.json && args.top.is_none() => records(&mut sources, since)?,
        None => list(args, &mut sources, since)?,
    };
    if !any {
        say_nothing_found(&sources, "bursts", now, bursts_hint(&args.rig, args.store.as_deref()));
    }
    Ok(())
}

/// Prints records as they come, holding none of them.
fn records(sources: &mut Sources<BurstRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let mut out = Output::stdout();
    let mut failed = None;
    let mut any = false;
    let read = sources.bursts(since, &mut |record| match record_line(&record) {
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

/// Sums bursts while they stream by, then prints the sums.
fn groups(
    args: &BurstsArgs,
    by: GroupBy<BurstRecord>,
    sources: &mut Sources<BurstRecord>,
    since: Option<Timestamp>,
) -> anyhow::Result<bool> {
    let mut grouper = Grouper::new(by, Limits::default());
    sources.bursts(since, &mut |record| grouper.add(&record))?;
    let grouped = grouper.finish(args.top);
    let table = (!args.json).then(|| grouped.table());
    let any = print_groups(&grouped, table.as_ref())?;
    say_what_was_pruned(&grouped, units::bytes);
    Ok(any)
}

/// Prints what bursts are like on each interface, and the highest of them.
fn list(args: &BurstsArgs, sources: &mut Sources<BurstRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let asked = args.top.unwrap_or(usize::MAX);
    let mut list = BurstList::new(asked);
    sources.bursts(since, &mut |record| list.add(record))?;
    let listed = list.finish();
    if listed.bursts.is_empty() && listed.rest.bursts == 0 {
        return Ok(false);
    }
    let (mut out, style) = (Output::stdout(), table_style());
    if args.json {
        for record in &listed.bursts {
            out.line(&record_line(record)?);
        }
    } else {
        burst_interface_table(&listed).render_lines(style, &mut |line| out.line(line));
        if !listed.bursts.is_empty() {
            out.line("");
            burst_table(&listed, style).render_lines(style, &mut |line| out.line(line));
        }
    }
    out.finish()?;
    if listed.rest.bursts > 0 && asked > listed.bursts.len() {
        let shown = units::count(listed.bursts.len() as u64);
        say(&format!("netrig: too many bursts to hold: only the {shown} highest are listed; see --by"));
    }
    Ok(true)
}
