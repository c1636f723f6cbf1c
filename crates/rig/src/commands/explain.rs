//! `netrig explain`: where the latency comes from.

use super::answer::{latency_hint, say_nothing_found, status};
use super::since::now;
use super::sources::Sources;
use crate::cli::ExplainArgs;
use crate::failure::Usage;
use crate::output::{Output, say, table_style};
use netrig_model::{LatencyRecord, Stage, Timestamp};
use netrig_view::{Picture, Pictures, Subject, changes, changes_table, explain_line, overview, units, waterfall};
use std::collections::BTreeSet;

/// Slow connections that are listed below a service's waterfall.
const SLOW_MAX: usize = 20;
/// Services that are named where one was asked for that is not there.
const NAMES_MAX: usize = 20;

pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<()> {
    let now = now();
    let times = Times::of(args, now)?;
    let mut sources: Sources<LatencyRecord> = Sources::open(&args.rig, args.store.as_deref())?;
    sources.say();
    let mut told = times.read(&mut sources)?;
    if told.now.is_empty() && told.was.is_empty() {
        say_nothing_found(&sources, "latency", now, latency_hint(&args.rig, args.store.as_deref()));
        return Ok(());
    }
    if let Some(text) = &args.service {
        told.keep(text)?;
    }
    let mut out = Output::stdout();
    if args.json || args.service.is_some() {
        let status = status(&args.rig, args.store.as_deref()).and_then(|s| s.latency);
        let unseen = status.map(|latency| latency.unseen).unwrap_or_default();
        if args.json { told.lines(&unseen, &mut out)? } else { told.waterfalls(&unseen, &mut out) }
    } else if times.against.is_some() {
        changes_table(&changes(&told.now, &told.was)).render_lines(table_style(), &mut |line| out.line(line));
    } else {
        overview(&told.now).render_lines(table_style(), &mut |line| out.line(line));
    }
    Ok(out.finish()?)
}

/// The time that is asked about, and one before that to compare it with.
struct Times {
    since: Option<Timestamp>,
    /// Where that begins; it ends where the other begins.
    against: Option<Option<Timestamp>>,
}

impl Times {
    fn of(args: &ExplainArgs, now: Timestamp) -> Result<Self, Usage> {
        let since = args.since.instant(now);
        let against = args.against.map(|against| against.instant(now));
        let nothing_before = match (since, against) {
            (None, Some(_)) => true,
            (Some(since), Some(Some(against))) => against >= since,
            _ => false,
        };
        if nothing_before {
            return Err(Usage(
                "--against reaches no further back than --since: nothing is left to compare with".to_owned(),
            ));
        }
        Ok(Self { since, against })
    }

    fn read(&self, sources: &mut Sources<LatencyRecord>) -> anyhow::Result<Told> {
        let (mut now, mut was) = (Pictures::default(), Pictures::default());
        sources.latency(self.against.unwrap_or(self.since), &mut |record| {
            let is_now = self.since.is_none_or(|since| record.window_end > since);
            if is_now { now.add(&record) } else { was.add(&record) }
        })?;
        for pictures in [&now, &was] {
            say_what_is_missing(pictures);
        }
        Ok(Told { now: now.finish(), was: was.finish() })
    }
}

fn say_what_is_missing(pictures: &Pictures) {
    if pictures.left_out() > 0 {
        let (max, records) = (units::count(Pictures::MAX as u64), units::count(pictures.left_out()));
        say(&format!("netrig: too many services and slow connections: beyond {max}, {records} records are left out"));
    }
    if pictures.unreadable() > 0 {
        let records = units::count(pictures.unreadable());
        say(&format!("netrig: {records} records are left out: their distributions are not what this netrig reads"));
    }
}

/// What was told of either time.
struct Told {
    now: Vec<Picture>,
    was: Vec<Picture>,
}

impl Told {
    /// Leaves what is asked about.
    fn keep(&mut self, text: &str) -> Result<(), Usage> {
        let subject = Subject::new(text);
        if !self.now.iter().chain(&self.was).any(|p| subject.is(p)) {
            return Err(unknown(text, if self.now.is_empty() { &self.was } else { &self.now }));
        }
        self.now.retain(|p| subject.is(p));
        self.was.retain(|p| subject.is(p));
        Ok(())
    }

    fn before(&self, picture: &Picture) -> Option<&Picture> {
        self.was.iter().find(|was| was.key == picture.key)
    }

    fn lines(&self, unseen: &[(Stage, String)], out: &mut Output) -> anyhow::Result<()> {
        for picture in &self.now {
            out.line(&explain_line(picture, self.before(picture), unseen)?);
        }
        Ok(())
    }

    fn waterfalls(&self, unseen: &[(Stage, String)], out: &mut Output) {
        let (slow, services): (Vec<_>, Vec<_>) = self.now.iter().partition(|p| p.key.slow_client.is_some());
        for (at, picture) in services.iter().enumerate() {
            if at > 0 {
                out.line("");
            }
            out.write(&waterfall(picture, self.before(picture), unseen, table_style()));
        }
        if self.now.is_empty() {
            say("netrig: it was there before --since, and is no more");
        }
        if slow.is_empty() {
            return;
        }
        if !services.is_empty() {
            out.line("");
        }
        let listed: Vec<Picture> = slow.iter().take(SLOW_MAX).copied().cloned().collect();
        overview(&listed).render_lines(table_style(), &mut |line| out.line(line));
        if slow.len() > SLOW_MAX {
            out.line(&format!("… and {} more slow connections", units::count((slow.len() - SLOW_MAX) as u64)));
        }
    }
}

/// Names the nearest of what there is, and what there is.
fn unknown(text: &str, pictures: &[Picture]) -> Usage {
    let services: BTreeSet<&str> = pictures.iter().map(|p| p.key.service.as_str()).collect();
    let owners = pictures.iter().flat_map(|p| [&p.key.process, &p.key.container]).flatten();
    let words: BTreeSet<&str> = services.iter().copied().chain(owners.map(String::as_str)).collect();
    let hint =
        netrig_config::nearest(text, words).map(|known| format!(": did you mean `{known}`?")).unwrap_or_default();
    let more = if services.len() > NAMES_MAX { ", …" } else { "" };
    let named: Vec<&str> = services.into_iter().take(NAMES_MAX).collect();
    Usage(format!("nothing is known of `{text}` in that time{hint}\nThere are {}{more}", named.join(", ")))
}
