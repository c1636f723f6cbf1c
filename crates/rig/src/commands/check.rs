//! `netrig check`: what this kernel and these rights allow, found out by doing it: the programs are loaded and attached
//! as `netrig run` would, and taken off again.

use crate::cli::CheckArgs;
use crate::daemon::{latency_options, link_kind, probe_options, targets, tcp_options};
use crate::output::Output;
use crate::settings;
use netrig_config::Config;
use netrig_host::Interface;
use netrig_model::Direction;
use netrig_probes::check::{Finding, ground};
use netrig_probes::flow::{FlowProbe, LinkTarget};
use netrig_probes::latency::LatencyProbe;
use netrig_probes::tcp::TcpProbe;
use std::process::ExitCode;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = settings::load(args.file.config.as_deref())?;
    let mut lines: Vec<(bool, String, String)> = Vec::new();
    for Finding { what, fine, detail } in ground() {
        lines.push((fine, what.to_owned(), detail));
    }
    if config.flow.enabled {
        lines.extend(flow(&config));
    } else {
        lines.push((true, "flow".into(), "switched off by [flow] enabled = false".into()));
    }
    if config.tcp.enabled {
        lines.extend(tcp(&config));
    } else {
        lines.push((true, "tcp".into(), "switched off by [tcp] enabled = false".into()));
    }
    if config.latency.enabled {
        lines.extend(latency(&config));
    } else {
        lines.push((true, "latency".into(), "switched off by [latency] enabled = false".into()));
    }
    let mut out = Output::stdout();
    for (fine, what, detail) in &lines {
        out.line(&format!("{:<4} {what:<14} {detail}", if *fine { "ok" } else { "no" }));
    }
    out.finish()?;
    Ok(if lines.iter().all(|(fine, ..)| *fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn flow(config: &Config) -> Vec<(bool, String, String)> {
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
    lines
}

/// Attached for a moment; one line for what works, one for each part that this host does not have.
fn tcp(config: &Config) -> Vec<(bool, String, String)> {
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
fn latency(config: &Config) -> Vec<(bool, String, String)> {
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

fn attach(probe: &mut FlowProbe, interface: &Interface) -> (bool, String, String) {
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
