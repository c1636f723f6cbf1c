//! `netrig replay`: a capture through the real kernel programs.

mod reduction;

use crate::cli::ReplayArgs;
use crate::daemon::tracking;
use crate::failure::{Usage, report};
use crate::output::{Output, say, table_style};
use crate::settings;
use netrig_config::Config;
use netrig_model::ParseFault;
use netrig_payload::track::TrackerConfig;
use netrig_probes::payload::PayloadOptions;
use netrig_replay::{PayloadReplay, ReplayError, ReplayOptions, ReplaySummary, Told, replay};
use netrig_view::{By, Grouper, Limits, RequestChoice, RequestList, flow_table, list_requests, record_line, units};
use std::process::ExitCode;

/// The probes a capture can be sent through.
const PROBES: [&str; 2] = ["flow", "payload"];
/// Of requests in a table, the latest; JSON has all of them.
const REQUESTS_SHOWN: usize = 50;

pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    check_probes(&args.probes)?;
    let config = settings::load(args.config.config.as_deref())?;
    let options = ReplayOptions {
        tunnels: args.tunnels || config.flow.tunnels,
        window_ns: i64::try_from(config.rig.window.as_nanos())?,
        idle_timeout_ns: i64::try_from(config.rig.idle_timeout.as_nanos())?,
        memory_bytes: config.rig.memory.0,
        host: config.rig.host.clone(),
        payload: args.wants("payload").then(|| payload(&config)),
    };
    let ended = if args.reduction {
        as_reduction(args, &options)?
    } else if args.json {
        as_json(args, &options)?
    } else {
        as_table(args, &options)?
    };
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

impl ReplayArgs {
    fn wants(&self, probe: &str) -> bool {
        self.probes.is_empty() || self.probes.iter().any(|name| name == probe)
    }
}

/// As the rig would look at payload, but with room for all that a capture can have.
fn payload(config: &Config) -> PayloadReplay {
    PayloadReplay {
        copy: PayloadOptions {
            dns_ports: config.payload.dns_ports.clone(),
            copy_octets: u32::try_from(config.payload.copy.0).unwrap_or(u32::MAX),
            ..PayloadOptions::default()
        },
        tracking: TrackerConfig { remember: true, ..tracking(config, config.rig.memory.0) },
        records: config.payload.records as usize,
        slow_ns: u64::try_from(config.payload.slow.as_nanos()).unwrap_or(u64::MAX),
    }
}

fn as_json(args: &ReplayArgs, options: &ReplayOptions) -> anyhow::Result<Result<ReplaySummary, ReplayError>> {
    let mut out = Output::stdout();
    let mut failed = None;
    let ended = replay(&args.file, options, &mut |told| {
        let line = match &told {
            Told::Flow(record) if args.wants("flow") => record_line(record),
            Told::Flow(_) => return,
            Told::Request(record) => record_line(&**record),
        };
        match line {
            Ok(line) => out.line(&line),
            Err(error) => failed = Some(error),
        }
    });
    out.finish()?;
    failed.map_or(Ok(ended), |error| Err(error.into()))
}

/// All records are in memory, for the truth has to be known beside what is left of it.
fn as_reduction(args: &ReplayArgs, options: &ReplayOptions) -> anyhow::Result<Result<ReplaySummary, ReplayError>> {
    let mut flows = Vec::new();
    let ended = replay(&args.file, options, &mut |told| {
        if let Told::Flow(record) = told {
            flows.push(record);
        }
    });
    if ended.is_ok() {
        reduction::print(&flows, args.json)?;
    }
    Ok(ended)
}

fn as_table(args: &ReplayArgs, options: &ReplayOptions) -> anyhow::Result<Result<ReplaySummary, ReplayError>> {
    let mut grouper = Grouper::new(By::flow(), Limits::default());
    let mut requests = RequestList::new(RequestChoice::default(), REQUESTS_SHOWN);
    let ended = replay(&args.file, options, &mut |told| match told {
        Told::Flow(record) if args.wants("flow") => grouper.add(&record),
        Told::Flow(_) => {}
        Told::Request(record) => requests.add(*record),
    });
    let grouped = grouper.finish(None);
    let mut out = Output::stdout();
    if !grouped.groups.is_empty() {
        flow_table(&grouped).render_lines(table_style(), &mut |line| out.line(line));
    }
    let requests = requests.finish();
    if requests.totals.requests > 0 {
        list_requests(&requests, table_style(), &mut |line| out.line(line));
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
