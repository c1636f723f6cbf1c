//! `netrig drops`: what was dropped, why, where, and what to do about it.

use super::answer::{columns, drops_hint, print_groups, say_nothing_found, say_what_was_pruned, status};
use super::since::now;
use super::sources::Sources;
use crate::cli::DropsArgs;
use crate::output::{Output, say, table_style};
use netrig_model::{DropRecord, DropSource, Timestamp, drop_advice};
use netrig_view::{Dropped, GroupBy, Grouper, Limits, Listing, list_drops, record_line, units};

pub(crate) fn run(args: &DropsArgs) -> anyhow::Result<()> {
    let by: Option<GroupBy<DropRecord>> = args.by.as_deref().map(columns).transpose()?;
    let now = now();
    let since = args.since.instant(now);
    let mut sources: Sources<DropRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let any = match by {
        Some(by) => groups(args, by, &mut sources, since)?,
        None if args.json && args.top.is_some() => groups(args, GroupBy::<DropRecord>::reasons(), &mut sources, since)?,
        None if args.json => records(&mut sources, since)?,
        None => list(args, &mut sources, since)?,
    };
    if !any {
        say_nothing_found(&sources, "drops", now, drops_hint(&args.rig, args.store.as_deref()));
    }
    Ok(())
}

/// Prints records as they come, holding none of them.
fn records(sources: &mut Sources<DropRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let mut out = Output::stdout();
    let mut failed = None;
    let mut any = false;
    let read = sources.drops(since, &mut |record| match record_line(&record) {
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
fn groups(
    args: &DropsArgs,
    by: GroupBy<DropRecord>,
    sources: &mut Sources<DropRecord>,
    since: Option<Timestamp>,
) -> anyhow::Result<bool> {
    // Sources count the same packets: their sum would be of nothing.
    let all_sources = by.keeps_sources_apart();
    let mut left_out = 0;
    let mut grouper = Grouper::new(by, Limits::default());
    sources.drops(since, &mut |record| {
        if all_sources || record.source == DropSource::Skb {
            grouper.add(&record);
        } else {
            left_out += 1;
        }
    })?;
    let grouped = grouper.finish(args.top);
    let table = (!args.json).then(|| grouped.table());
    let any = print_groups(&grouped, table.as_ref())?;
    say_what_was_pruned(&grouped, in_packets);
    if left_out > 0 {
        let (n, of) = (units::count(left_out), "of other counters");
        let said = if left_out == 1 { format!("1 record {of} is") } else { format!("{n} records {of} are") };
        say(&format!("netrig: {said} left out; --by source,… has them"));
    }
    Ok(any || left_out > 0)
}

fn in_packets(n: u64) -> String {
    if n == 1 { "1 packet".to_owned() } else { format!("{} packets", units::count(n)) }
}

/// Prints reasons and places, with what to do about each.
fn list(args: &DropsArgs, sources: &mut Sources<DropRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let mut dropped = Dropped::default();
    sources.drops(since, &mut |record| dropped.add(&record))?;
    if dropped.is_empty() {
        return Ok(false);
    }
    let how = Listing { all: args.all, examples: args.examples, top: args.top, advice: drop_advice };
    let mut out = Output::stdout();
    list_drops(&dropped, how, table_style(), &mut |line| out.line(line));
    out.finish()?;
    if dropped.left_out() > 0 {
        let records = units::count(dropped.left_out());
        say(&format!("netrig: too many reasons and places: {records} records are left out; see --by"));
    }
    say_what_was_not_counted(args);
    Ok(true)
}

/// What the running rig could not tell by reason is not in any row.
fn say_what_was_not_counted(args: &DropsArgs) {
    let status = status(&args.rig, args.store.as_deref()).and_then(|s| s.drops);
    let uncounted = status.map_or(0, |drops| drops.uncounted);
    if uncounted > 0 {
        let packets = units::count(uncounted);
        let were = if uncounted == 1 { "was" } else { "were" };
        say(&format!(
            "netrig: {packets} more {were} dropped since the rig started while another drop was being counted: by which reason is not known"
        ));
    }
}
