//! `netrig capture`: packets that a filter takes, to a file or a line each.

mod alike;
mod choose;
mod dump;
mod filters;
mod names;
mod out;
mod place;
mod session;
mod sink;
mod tell;

use super::stop::Stop;
use crate::cli::{CaptureArgs, HookWord};
use crate::failure::Usage;
use crate::output::say;
use filters::Filters;
use netrig_filter::Link;
use netrig_probes::capture::{CaptureOptions, CaptureProbe, Hook, Process, SNAPLEN_MAX};
use place::Place;
use session::Session;
use std::process::ExitCode;

pub(crate) fn run(args: &CaptureArgs) -> anyhow::Result<ExitCode> {
    if args.dump {
        dump::dump(&args.config, args.after, args.reason.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let hooks = hooks(args)?;
    // Wrong words are said before anything is asked of the kernel.
    let filters = Filters::compile(&expression(args)?)?;
    let stop = Stop::on_signals()?;
    let place = Place::find(args.container.as_deref())?;
    let options = options(args, &hooks, &place)?;
    // In another network namespace nothing may happen in this one, not even by a thread that libraries start.
    place.inside(|| {
        let chosen = choose::Interfaces::choose(&args.interfaces)?;
        let probe = CaptureProbe::load(&CaptureOptions { ifaces: chosen.restriction(), ..options })?;
        for missing in probe.missing() {
            say(&format!("netrig: {} are not known: {}", missing.what, missing.why));
        }
        Session::begin(args, probe, &hooks, &filters, chosen, &place)?.run(&stop)
    })
}

fn expression(args: &CaptureArgs) -> Result<String, Usage> {
    match &args.filter_file {
        None => Ok(args.filter.join(" ")),
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| Usage(format!("cannot read {}: {error}", file.display())))
        }
    }
}

fn hooks(args: &CaptureArgs) -> Result<Vec<Hook>, Usage> {
    let mut hooks = Vec::new();
    let default = [HookWord::Ingress, HookWord::Egress];
    for word in if args.hooks.is_empty() { &default[..] } else { &args.hooks } {
        let hook = match word {
            HookWord::Xdp => Hook::Xdp,
            HookWord::Ingress => Hook::Ingress,
            HookWord::Egress => Hook::Egress,
            HookWord::Drop => Hook::Drop,
        };
        if !hooks.contains(&hook) {
            hooks.push(hook);
        }
    }
    if hooks.contains(&Hook::Xdp) && (args.process.is_some() || args.container.is_some()) {
        let why = "at XDP packets have no process yet: --process and --container go with the other hooks";
        return Err(Usage(why.to_owned()));
    }
    // Drops come first: they are the programs' source 0.
    hooks.sort_by_key(|hook| *hook != Hook::Drop);
    Ok(hooks)
}

fn options(args: &CaptureArgs, hooks: &[Hook], place: &Place) -> anyhow::Result<CaptureOptions> {
    Ok(CaptureOptions {
        hooks: hooks.to_vec(),
        snaplen: if args.snaplen == 0 { SNAPLEN_MAX } else { args.snaplen.min(SNAPLEN_MAX) },
        sampling: args.sample.unwrap_or(1),
        rate: args.rate,
        owners: !args.no_owners && hooks.iter().any(|hook| *hook != Hook::Xdp),
        process: args.process.as_deref().map(process),
        cgroups: place.cgroups().map(<[u64]>::to_vec),
        ifaces: None,
        netns: place.netns(),
        ring_octets: args.buffer_kib << 10,
        cgroup_root: netrig_host::Cgroups::find()?.mount().map(ToOwned::to_owned),
    })
}

fn process(word: &str) -> Process {
    word.parse().map_or_else(|_| Process::Name(word.to_owned()), Process::Pid)
}

/// What stands in front of the network layer, as filters know it; none where they know nothing of it.
fn link_of(interface: &netrig_host::Interface) -> Option<Link> {
    match interface.link_layer {
        netrig_host::LinkLayer::Ethernet => Some(Link::Ethernet),
        netrig_host::LinkLayer::None => Some(Link::RawIp),
        netrig_host::LinkLayer::Other(_) => None,
    }
}
