//! `netrig latency`: the stages of messages' ways, as they were counted.

use super::answer::{columns, latency_hint, print_groups, say_nothing_found, say_what_was_pruned};
use super::since::now;
use super::sources::Sources;
use crate::cli::LatencyArgs;
use crate::output::{Output, say};
use netrig_model::{LatencyRecord, Timestamp};
use netrig_view::{GroupBy, Grouper, Limits, latency_table, record_line, units};

/// A group has a distribution: some 100 MB at most.
const LIMITS: Limits = Limits { groups_max: 50_000, members_max: 0 };

pub(crate) fn run(args: &LatencyArgs) -> anyhow::Result<()> {
    let by = args.by.as_deref().map(columns).transpose()?;
    let now = now();
    let since = args.since.instant(now);
    let mut sources: Sources<LatencyRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let any = if args.json && by.is_none() && args.top.is_none() {
        records(&mut sources, since)?
    } else {
        groups(args, by.unwrap_or_else(GroupBy::<LatencyRecord>::stages), &mut sources, since)?
    };
    if !any {
        say_nothing_found(&sources, "latency", now, latency_hint(&args.rig, args.store.as_deref()));
    }
    Ok(())
}

/// Prints records as they come, holding none of them.
fn records(sources: &mut Sources<LatencyRecord>, since: Option<Timestamp>) -> anyhow::Result<bool> {
    let mut out = Output::stdout();
    let mut failed = None;
    let mut any = false;
    let read = sources.latency(since, &mut |record| match record_line(&record) {
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
    args: &LatencyArgs,
    by: GroupBy<LatencyRecord>,
    sources: &mut Sources<LatencyRecord>,
    since: Option<Timestamp>,
) -> anyhow::Result<bool> {
    // Every message of a slow connection is looked at: among those of its service they would count too much.
    let with_slow = by.keeps_slow_apart();
    let mut left_out = 0;
    let mut grouper = Grouper::new(by, LIMITS);
    sources.latency(since, &mut |record| {
        if with_slow || record.slow_client_addr.is_none() {
            grouper.add(&record);
        } else {
            left_out += 1;
        }
    })?;
    let grouped = grouper.finish(args.top);
    let table = (!args.json).then(|| latency_table(&grouped));
    let any = print_groups(&grouped, table.as_ref())?;
    say_what_was_pruned(&grouped, units::nanoseconds);
    if left_out > 0 {
        let records = units::count(left_out);
        say(&format!("netrig: {records} records of slow connections are left out; --by slow_client has them"));
    }
    Ok(any || left_out > 0)
}
