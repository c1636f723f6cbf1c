//! `netrig connections`: TCP connections, and what went wrong with them.

use super::answer::{columns, print_groups, say_nothing_found, say_what_was_pruned, status};
use super::since::now;
use super::sources::Sources;
use crate::cli::ConnectionsArgs;
use crate::output::{Output, say, table_style};
use netrig_model::{ConnectionEnd, ConnectionRecord, Timestamp};
use netrig_view::{
    Choice, ConnectionSums, GroupBy, Grouper, Latest, Limits, Ranking, connection_table, record_line, units,
};

pub(crate) fn run(args: &ConnectionsArgs) -> anyhow::Result<()> {
    let by = args.by.as_deref().map(columns).transpose()?;
    let slow_us = args.slow.map(|span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    let choice = Choice { failed: args.failed, open: args.open, slow_us };
    let now = now();
    let sources: Sources<ConnectionRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let mut answer = Answer { sources, since: args.since.instant(now), choice };
    let any = match by {
        Some(by) => answer.groups(args, by)?,
        // In no order: nothing need be held but what is open.
        None if args.json && args.top.is_none() && slow_us.is_none() => answer.records()?,
        None => answer.ranked(args)?,
    };
    if !any {
        say_nothing_found(&answer.sources, &answer.what(), now, probe_hint(args));
    }
    Ok(())
}

struct Answer {
    sources: Sources<ConnectionRecord>,
    since: Option<Timestamp>,
    choice: Choice,
}

impl Answer {
    /// Gives the latest record of each connection that is wanted.
    fn latest(&mut self, sink: &mut dyn FnMut(ConnectionRecord)) -> anyhow::Result<()> {
        let choice = self.choice;
        let mut latest = Latest::new(Latest::OPEN_MAX);
        let mut wanted = |record: ConnectionRecord| {
            if choice.wants(&record) {
                sink(record);
            }
        };
        self.sources.connections(self.since, &mut |record| {
            // What goes on has not failed: when only failures are asked for, it need not be held.
            if !(choice.failed && matches!(record.end_reason, ConnectionEnd::Open | ConnectionEnd::Evicted)) {
                latest.add(record, &mut wanted);
            }
        })?;
        let left_out = latest.finish(&mut wanted);
        if left_out > 0 {
            say(&format!(
                "netrig: too many open connections to hold: beyond {} of them, {} records are left out",
                units::count(Latest::OPEN_MAX as u64),
                units::count(left_out)
            ));
        }
        Ok(())
    }

    /// Prints records as they come.
    fn records(&mut self) -> anyhow::Result<bool> {
        let mut out = Output::stdout();
        let mut failed = None;
        let mut any = false;
        let read = self.latest(&mut |record| match record_line(&record) {
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

    /// Prints the most interesting.
    fn ranked(&mut self, args: &ConnectionsArgs) -> anyhow::Result<bool> {
        let mut ranking = Ranking::new(self.choice, args.top.unwrap_or(usize::MAX));
        self.latest(&mut |record| ranking.add(record))?;
        let ranked = ranking.finish();
        let mut out = Output::stdout();
        if args.json {
            for record in &ranked.connections {
                out.line(&record_line(record)?);
            }
        } else if !ranked.connections.is_empty() {
            connection_table(&ranked).render_lines(table_style(), &mut |line| out.line(line));
        }
        out.finish()?;
        let asked = args.top.unwrap_or(usize::MAX);
        if ranked.rest.connections > 0 && asked > ranked.connections.len() {
            let shown = units::count(ranked.connections.len() as u64);
            say(&format!("netrig: too many connections to hold: only the first {shown} are listed; see --by"));
        }
        Ok(!ranked.connections.is_empty() || ranked.rest.connections > 0)
    }

    /// Sums connections, then prints the sums.
    fn groups(&mut self, args: &ConnectionsArgs, by: GroupBy<ConnectionRecord>) -> anyhow::Result<bool> {
        let mut grouper = Grouper::new(by, Limits::default());
        let slowest_first = self.choice.slow_us.is_some();
        if slowest_first {
            grouper = grouper.ordered_by(|sums: &ConnectionSums| sums.lost_us);
        }
        self.latest(&mut |record| grouper.add(&record))?;
        let grouped = grouper.finish(args.top);
        let table = (!args.json).then(|| grouped.table());
        let any = print_groups(&grouped, table.as_ref())?;
        say_what_was_pruned(&grouped, if slowest_first { units::microseconds } else { in_connections });
        Ok(any)
    }

    /// What was looked for, in words.
    fn what(&self) -> String {
        let open = if self.choice.open { "open " } else { "" };
        let failed = if self.choice.failed { "failed " } else { "" };
        let slow = self.choice.slow_us.map(|us| format!(" that lost more than {}", units::microseconds(us)));
        format!("{open}{failed}connections{}", slow.unwrap_or_default())
    }
}

fn in_connections(n: u64) -> String {
    format!("{} connections", units::count(n))
}

/// Where nothing was found because nothing is looked at, what to do about it.
fn probe_hint(args: &ConnectionsArgs) -> &'static str {
    match status(&args.rig, args.store.as_deref()) {
        Some(status) if status.tcp.is_none() => {
            "\nnetrig: the rig's TCP probe is not running: `netrig check` says why; `[tcp] enabled = true` switches it on"
        }
        _ => "",
    }
}
