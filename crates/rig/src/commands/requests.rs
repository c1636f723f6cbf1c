//! `netrig requests`: what was asked, what was answered, and how long it took.

use super::answer::{columns, print_groups, requests_hint, say_nothing_found, say_what_was_pruned};
use super::since::now;
use super::sources::Sources;
use crate::cli::RequestsArgs;
use crate::output::{Output, say, table_style};
use crate::settings;
use netrig_model::{RequestRecord, Timestamp};
use netrig_view::{
    GroupBy, Grouper, Limits, RequestChoice, RequestList, RequestTotals, list_requests, record_line, units,
};

/// Rows of a table unless somebody asks for more: what can be looked over.
const ROWS: usize = 50;

pub(crate) fn run(args: &RequestsArgs) -> anyhow::Result<()> {
    let by: Option<GroupBy<RequestRecord>> = args.by.as_deref().map(columns).transpose()?;
    let choice = RequestChoice { kind: args.kind, failed: args.failed, slow_us: slow_us(args)? };
    let now = now();
    let sources: Sources<RequestRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let mut answer = Answer { sources, since: args.since.instant(now), choice };
    let any = match by {
        Some(by) => answer.groups(args, by)?,
        // In no order: nothing need be held.
        None if args.json && args.top.is_none() && choice.slow_us.is_none() => answer.records()?,
        None => answer.list(args)?,
    };
    if !any {
        let hint = requests_hint(&args.rig, args.store.as_deref());
        say_nothing_found(&answer.sources, &choice.in_words(), now, &hint);
    }
    Ok(())
}

/// From which latency on a request is slow, where slow ones are asked for.
fn slow_us(args: &RequestsArgs) -> anyhow::Result<Option<u64>> {
    let span = match args.slow {
        None => return Ok(None),
        Some(Some(span)) => span,
        Some(None) => settings::load(args.rig.file.config.as_deref())?.payload.slow,
    };
    Ok(Some(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
}

struct Answer {
    sources: Sources<RequestRecord>,
    since: Option<Timestamp>,
    choice: RequestChoice,
}

impl Answer {
    /// Gives those that are wanted.
    fn wanted(&mut self, sink: &mut dyn FnMut(RequestRecord)) -> anyhow::Result<()> {
        let choice = self.choice;
        self.sources.requests(self.since, &mut |record| {
            if choice.wants(&record) {
                sink(record);
            }
        })
    }

    /// Prints records as they come, holding none of them.
    fn records(&mut self) -> anyhow::Result<bool> {
        let mut out = Output::stdout();
        let mut failed = None;
        let mut any = false;
        let read = self.wanted(&mut |record| match record_line(&record) {
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

    /// Prints the latest, or the slowest.
    fn list(&mut self, args: &RequestsArgs) -> anyhow::Result<bool> {
        let asked = args.top.unwrap_or(if args.json { usize::MAX } else { ROWS });
        let mut list = RequestList::new(self.choice, asked);
        self.wanted(&mut |record| list.add(record))?;
        let listed = list.finish();
        if listed.totals.requests == 0 {
            return Ok(false);
        }
        let mut out = Output::stdout();
        if args.json {
            for record in &listed.requests {
                out.line(&record_line(record)?);
            }
        } else {
            list_requests(&listed, table_style(), &mut |line| out.line(line));
        }
        out.finish()?;
        if listed.rest.requests > 0 && asked > listed.requests.len() {
            let shown = units::count(listed.requests.len() as u64);
            say(&format!("netrig: too many requests to hold: only the first {shown} are listed; see --by"));
        }
        Ok(true)
    }

    /// Sums requests while they stream by, then prints the sums.
    fn groups(&mut self, args: &RequestsArgs, by: GroupBy<RequestRecord>) -> anyhow::Result<bool> {
        let mut grouper = Grouper::new(by, Limits::default());
        let slowest_first = self.choice.slow_us.is_some();
        if slowest_first {
            grouper = grouper.ordered_by(|sums: &RequestTotals| sums.latency.sum_ns);
        }
        self.wanted(&mut |record| grouper.add(&record))?;
        let grouped = grouper.finish(args.top);
        let table = (!args.json).then(|| grouped.table());
        let any = print_groups(&grouped, table.as_ref())?;
        say_what_was_pruned(&grouped, if slowest_first { units::nanoseconds } else { in_requests });
        Ok(any)
    }
}

fn in_requests(n: u64) -> String {
    if n == 1 { "1 request".to_owned() } else { format!("{} requests", units::count(n)) }
}
