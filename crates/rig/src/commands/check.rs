//! `netrig check`: what this kernel and these rights allow, found out by doing it: the programs are loaded and attached
//! as `netrig run` would, and taken off again. Only policies are not attached: that is for who asks for one.

mod payload;
mod policy;
mod recorder;
mod remote_write;

use crate::cli::CheckArgs;
use crate::daemon::{
    bucket_ns, check_budget, latency_options, link_kind, memory_for_bursts, probe_options, targets, tcp_options,
};
use crate::output::Output;
use crate::settings;
use netrig_config::Config;
use netrig_host::Interface;
use netrig_model::Direction;
use netrig_probes::check::{Finding, ground};
use netrig_probes::drop::{DropOptions, DropProbe};
use netrig_probes::flow::{FlowProbe, LinkTarget};
use netrig_probes::latency::LatencyProbe;
use netrig_probes::queue::QueueProbe;
use netrig_probes::tcp::TcpProbe;
use netrig_view::units;
use std::process::ExitCode;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = settings::load(args.file.config.as_deref())?;
    let mut lines: Vec<Line> = Vec::new();
    for Finding { what, fine, detail } in ground() {
        lines.push((fine, what.to_owned(), detail));
    }
    lines.push(cpu(&config));
    lines.extend(memory(&config));
    let probes: [(&str, bool, Try); 9] = [
        ("flow", config.flow.enabled, flow),
        ("tcp", config.tcp.enabled, tcp),
        ("latency", config.latency.enabled, latency),
        ("drop", config.drop.enabled, drops),
        ("burst", config.burst.enabled, bursts),
        ("queue", config.queue.enabled, queues),
        ("policy", config.policy.enabled, policy::policy),
        ("recorder", config.recorder.enabled, recorder::recorder),
        ("payload", config.payload.enabled, payload::payload),
    ];
    for (name, enabled, try_it) in probes {
        if enabled {
            lines.extend(try_it(&config));
        } else {
            lines.push((true, name.to_owned(), format!("switched off by [{name}] enabled = false")));
        }
    }
    lines.extend(remote_write::remote_write(&config));
    let mut out = Output::stdout();
    for (fine, what, detail) in &lines {
        out.line(&format!("{:<4} {what:<14} {detail}", if *fine { "ok" } else { "no" }));
    }
    out.finish()?;
    Ok(if lines.iter().all(|(fine, ..)| *fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tries a probe.
type Try = fn(&Config) -> Vec<Line>;

/// Whether it is as it should be, what it is, and what there is to say of it.
type Line = (bool, String, String);

/// Whether `[rig] cpu` can be kept.
fn cpu(config: &Config) -> Line {
    let line = |fine, detail| (fine, "cpu".to_owned(), detail);
    match check_budget(config) {
        Ok(()) => line(true, format!("{} of all CPUs together, kernel and user space", config.rig.cpu)),
        Err(error) => line(false, error.to_string()),
    }
}

/// How `[rig] memory` divides over what is switched on.
fn memory(config: &Config) -> Vec<Line> {
    let budget = probe_options(config).1;
    let parts = budget.division();
    let line = |what: &str, detail| (true, what.to_owned(), detail);
    let kernel = format!("{} of {} for maps in the kernel", units::bytes(budget.kernel_all_bytes()), config.rig.memory);
    let each = parts.iter().filter(|part| part.bytes > 0).map(|part| {
        let whose = if part.of_kernel { "kernel" } else { "process" };
        line("memory", format!("{:>9} {whose:<8} {}", units::bytes(part.bytes), part.what))
    });
    std::iter::once(line("memory", kernel)).chain(each).collect()
}

fn flow(config: &Config) -> Vec<Line> {
    let mut probe = match FlowProbe::load(&probe_options(config).0) {
        Ok(probe) => probe,
        Err(error) => return vec![(false, "flow".into(), error.to_string())],
    };
    let programs = probe.verified_instructions();
    let verified: u32 = programs.iter().map(|(_, instructions)| instructions).sum();
    let loaded = format!("{} programs loaded, {verified} instructions verified", programs.len());
    let mut lines = vec![(true, "flow".to_owned(), loaded)];
    match targets(&config.rig.interfaces) {
        Ok((interfaces, selection)) => {
            lines.extend(interfaces.iter().map(|interface| attach(&mut probe, interface)));
            let missing = selection.start_error().is_some();
            lines.extend(selection.problems.iter().map(|p| (!missing, "interfaces".to_owned(), p.to_string())));
        }
        Err(error) => lines.push((false, "interfaces".into(), format!("{error:#}"))),
    }
    // What bursts would be told without is attached with the first interface.
    let without = probe.retransmits_missing().map(|why| format!("without retransmits: {why}"));
    lines.extend(without.map(|detail| (true, "burst".to_owned(), detail)));
    lines
}

/// Attached for a moment; one line for what works, one for each part that this host does not have.
fn tcp(config: &Config) -> Vec<Line> {
    let line = |fine, detail| (fine, "tcp".to_owned(), detail);
    let tried = tcp_options(config).and_then(|options| {
        let mut probe = TcpProbe::load(&options)?;
        probe.attach()?;
        Ok(probe)
    });
    let probe = match tried {
        Ok(probe) => probe,
        Err(error) => return vec![line(false, format!("{error:#}"))],
    };
    let programs = probe.verified_instructions();
    let verified: u32 = programs.iter().map(|(_, instructions)| instructions).sum();
    let slots = probe.memory().sizes.slots;
    let attached = format!("attaches; {verified} instructions verified; room for {slots} connections at once");
    let mut lines = vec![line(true, attached)];
    lines.extend(probe.missing().iter().map(|part| line(false, format!("without {}: {}", part.what, part.why))));
    lines
}

/// The same; a stage that this kernel cannot show is told, and is no failure: the rest of them is what was asked for.
fn latency(config: &Config) -> Vec<Line> {
    let line = |fine, detail| (fine, "latency".to_owned(), detail);
    let tried = latency_options(config).and_then(|options| {
        let mut probe = LatencyProbe::load(&options)?;
        probe.attach()?;
        Ok(probe)
    });
    let probe = match tried {
        Ok(probe) => probe,
        Err(error) => return vec![line(false, format!("{error:#}"))],
    };
    let verified: u32 = probe.verified_instructions().iter().map(|(_, instructions)| instructions).sum();
    let (places, rate) = (probe.memory().sizes.places, config.latency.sampling);
    let attached =
        format!("attaches; {verified} instructions verified; room for {places} services; 1 message in {rate}");
    let mut lines = vec![line(true, attached)];
    let unseen = probe.unseen();
    lines.extend(unseen.iter().map(|(stage, why)| line(true, format!("without the stage {}: {why}", stage.as_str()))));
    lines.extend(probe.missing().iter().map(|part| line(false, format!("without {}: {}", part.what, part.why))));
    lines
}

/// The same.
fn drops(config: &Config) -> Vec<Line> {
    let line = |fine, detail| (fine, "drop".to_owned(), detail);
    let options = DropOptions {
        examples_per_second: config.drop.examples,
        ..DropOptions::live(probe_options(config).1.drop_kernel_bytes)
    };
    let tried = DropProbe::load(&options, None).and_then(|mut probe| probe.attach().map(|()| probe));
    let probe = match tried {
        Ok(probe) => probe,
        Err(error) => return vec![line(false, error.to_string())],
    };
    let verified: u32 = probe.verified_instructions().iter().map(|(_, instructions)| instructions).sum();
    let (flows, rate) = (options.sizes.flows, options.examples_per_second);
    let attached = format!(
        "attaches; {verified} instructions verified; room for {flows} flows on each CPU; of each reason {rate} a second as an example"
    );
    let mut lines = vec![line(true, attached)];
    lines.extend(probe.missing().iter().map(|part| line(false, format!("without {}: {}", part.what, part.why))));
    lines
}

/// The flow programs count for it: it needs their hooks, and memory.
fn bursts(config: &Config) -> Vec<Line> {
    let line = |fine, detail: String| vec![(fine, "burst".to_owned(), detail)];
    if !config.flow.enabled {
        return line(true, "off: the flow probe counts for it, which is off by [flow] enabled = false".to_owned());
    }
    let options = probe_options(config).0;
    let memory_for = |ifaces| memory_for_bursts(options.sizes.cpus, bucket_ns(config), ifaces) >> 20;
    let Some(burst) = options.burst else {
        let (memory, enough) = (config.rig.memory, memory_for(1));
        let why = format!("{memory} of memory have no room for even one interface: set [rig] memory = \"{enough}MiB\"");
        return line(false, why + " or more, or make [burst] bucket longer");
    };
    let sizes = burst.sizes;
    let chosen = targets(&config.rig.interfaces).map_or(0, |(chosen, _)| chosen.len());
    let chosen = u32::try_from(chosen).unwrap_or(u32::MAX);
    let bucket = units::nanoseconds(burst.bucket_ns);
    let ring = units::nanoseconds(burst.bucket_ns * u64::from(sizes.buckets));
    let interfaces = if sizes.ifaces == 1 { "1 interface".to_owned() } else { format!("{} interfaces", sizes.ifaces) };
    let mut detail = format!(
        "counted by the flow programs; room for {interfaces}; buckets of {bucket}, kept for {ring}; {} of memory",
        units::bytes(sizes.bytes())
    );
    if chosen > sizes.ifaces {
        let enough = memory_for(chosen);
        detail.push_str(&format!("; {chosen} are chosen: set [rig] memory = \"{enough}MiB\" for all of them"));
    }
    line(chosen <= sizes.ifaces, detail)
}

/// What waits in queues is read without a program; who empties them is counted by one.
fn queues(_config: &Config) -> Vec<Line> {
    let line = |fine, detail| vec![(fine, "queue".to_owned(), detail)];
    match QueueProbe::load().and_then(|mut probe| probe.attach()) {
        Ok(()) => line(true, "attaches for slices of time, and counts polls".to_owned()),
        Err(error) => line(false, format!("without polls: {error}")),
    }
}

fn attach(probe: &mut FlowProbe, interface: &Interface) -> Line {
    let name = interface.name.clone();
    let Some(kind) = link_kind(interface) else {
        return (false, name, "its link layer is neither Ethernet nor plain IP".into());
    };
    match probe.watch(LinkTarget { name: &interface.name, ifindex: interface.index, kind }) {
        Ok(id) => {
            let [ingress, egress] = Direction::BOTH.map(|way| probe.hook_of(id, way));
            probe.unwatch(id);
            (true, name, format!("flow attaches: ingress by {ingress}, egress by {egress}"))
        }
        Err(error) => (false, name, error.to_string()),
    }
}
