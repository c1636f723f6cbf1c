//! `netrig policy apply`, `confirm` and `remove`: what changes it.

use super::{absolute, ask_rig, text_of};
use crate::cli::{PolicyApplyArgs, PolicyConfirmArgs, PolicyRemoveArgs};
use crate::control::Ask;
use crate::failure::Usage;
use crate::output::say;
use crate::settings;
use netrig_config::format_duration;
use netrig_model::PolicyStatus;
use netrig_probes::policy::remove_pinned;
use std::os::unix::net::UnixStream;
use std::path::Path;

pub(super) fn apply(args: &PolicyApplyArgs) -> anyhow::Result<()> {
    let question = Ask::Apply {
        text: text_of(&args.file)?,
        file: absolute(&args.file)?,
        interfaces: args.interfaces.clone(),
        confirm_ms: args.confirm.map(|confirm| u64::try_from(confirm.as_millis()).unwrap_or(u64::MAX)),
        session: std::env::var("SSH_CONNECTION").ok(),
    };
    let status = ask_rig(&args.config, &question)?.unwrap_or_default();
    say(&format!("netrig: in force on {}", doors(&status)));
    if let Some(confirm) = args.confirm {
        let time = format_duration(confirm);
        say(&format!("netrig: what was before comes back in {time} unless you confirm: `netrig policy confirm`"));
    }
    Ok(())
}

pub(super) fn confirm(args: &PolicyConfirmArgs) -> anyhow::Result<()> {
    let status = ask_rig(&args.config, &Ask::Confirm)?.unwrap_or_default();
    say(&format!("netrig: confirmed, in force on {}", doors(&status)));
    Ok(())
}

pub(super) fn remove(args: &PolicyRemoveArgs) -> anyhow::Result<()> {
    let config = settings::load(args.config.config.as_deref())?;
    if UnixStream::connect(&config.policy.socket).is_err() && config.policy.pins.exists() {
        return remove_alone(args, &config.policy.pins);
    }
    match ask_rig(&args.config, &Ask::Remove { interfaces: args.interfaces.clone() })? {
        Some(status) if !status.interfaces.is_empty() => say(&format!("netrig: still in force on {}", doors(&status))),
        _ => say("netrig: no policy is in force any more"),
    }
    Ok(())
}

/// No rig runs, but a policy has outlived one.
fn remove_alone(args: &PolicyRemoveArgs, pins: &Path) -> anyhow::Result<()> {
    if !args.interfaces.is_empty() {
        let said = "no rig runs: a policy that outlived one is removed from all interfaces at once; leave -i out";
        return Err(Usage(said.to_owned()).into());
    }
    let removed = remove_pinned(pins)?;
    let names = netrig_host::list().unwrap_or_default();
    let name =
        |index: &u32| names.iter().find(|each| each.index == *index).map_or(format!("#{index}"), |i| i.name.clone());
    let names: Vec<String> = removed.iter().map(name).collect();
    say(&format!("netrig: removed the policy that had outlived its rig from {}", names.join(", ")));
    Ok(())
}

/// Where, by which hook, and why by no better one.
fn doors(status: &PolicyStatus) -> String {
    let each = status.interfaces.iter().map(|door| match door.detail.as_str() {
        "" => format!("{} ({})", door.iface, door.hook),
        detail => format!("{} ({}: asked for {}, {detail})", door.iface, door.hook, door.asked),
    });
    each.collect::<Vec<_>>().join(", ")
}
