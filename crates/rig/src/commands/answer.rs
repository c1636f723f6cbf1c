//! What `netrig flows`, `connections`, `latency`, `drops`, `bursts` and `requests` have in common: records, groups, and what to say beside them.

use super::sources::Sources;
use crate::cli::RigAddress;
use crate::client::Client;
use crate::failure::Usage;
use crate::output::{Output, say, table_style};
use crate::settings;
use anyhow::bail;
use netrig_model::{Snapshot, Timestamp};
use netrig_store::Record;
use netrig_view::{ColumnError, GroupBy, Groupable, Grouped, Table, group_line, units};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::Path;

/// The state of the rig at this address, for what only a running one can tell; and where that is.
pub(super) fn running(address: &RigAddress) -> anyhow::Result<(String, Snapshot)> {
    let url = match &address.url {
        Some(url) => url.clone(),
        None => settings::url(&settings::load(address.file.config.as_deref())?),
    };
    match Client::new(&url).status() {
        Ok(status) => Ok((url, status)),
        Err(error) => bail!("no rig answers at {url}: {error}\nStart a rig with `netrig run`, or name one with --url."),
    }
}

/// Reads `--by`.
pub(super) fn columns<R: Groupable>(text: &str) -> Result<GroupBy<R>, Usage> {
    GroupBy::parse(text).map_err(|error| {
        let hint = match &error {
            ColumnError::Unknown(word) => match netrig_config::nearest(word, GroupBy::<R>::known()) {
                Some(known) => format!(": did you mean `{known}`?"),
                None => format!("; there are {}", GroupBy::<R>::known().collect::<Vec<_>>().join(", ")),
            },
            ColumnError::Measure(..) | ColumnError::Empty(_) => String::new(),
        };
        Usage(format!("--by: {error}{hint}"))
    })
}

/// Prints groups as lines of JSON, or as this table; whether there were any.
pub(super) fn print_groups<R: Groupable>(grouped: &Grouped<R>, table: Option<&Table>) -> anyhow::Result<bool> {
    let mut out = Output::stdout();
    match table {
        None => {
            for group in &grouped.groups {
                out.line(&group_line(grouped, group)?);
            }
        }
        Some(_) if grouped.groups.is_empty() => {}
        Some(table) => table.render_lines(table_style(), &mut |line| out.line(line)),
    }
    out.finish()?;
    Ok(!grouped.groups.is_empty() || grouped.rest_groups > 0)
}

/// Says that groups were too many; `size` writes what they are ordered by.
pub(super) fn say_what_was_pruned<R: Groupable>(grouped: &Grouped<R>, size: fn(u64) -> String) {
    if let Some(pruned) = grouped.pruned {
        say(&format!(
            "netrig: too many groups to keep: {} small ones are only in the sum of the rest, and a line may lack up to {}",
            units::count(pruned.groups),
            size(pruned.size_max)
        ));
    }
}

/// Says that there are none of `what`, and how old the newest record is.
pub(super) fn say_nothing_found<R>(sources: &Sources<R>, what: &str, now: Timestamp, hint: &str)
where
    R: Record + DeserializeOwned,
{
    let newest = match sources.stored_until() {
        Some(end) if end < now => {
            format!("; the store's newest record is {} old: see --since", units::duration(now.0 - end.0))
        }
        _ => String::new(),
    };
    say(&format!("netrig: no {what} in that time{newest}{hint}"));
    if let Some(next) = sources.next_step() {
        say(&format!("netrig: {next}"));
    }
}

/// The state of the rig that an answer is asked of; none where it is the store's alone, or nobody answers.
pub(super) fn status(rig: &RigAddress, store: Option<&Path>) -> Option<Snapshot> {
    if store.is_some() && rig.url.is_none() {
        return None;
    }
    let url = match &rig.url {
        Some(url) => url.clone(),
        None => settings::url(&settings::load(rig.file.config.as_deref()).ok()?),
    };
    Client::new(&url).status().ok()
}

/// Where nothing is known of drops because nothing is looked at, what to do about it.
pub(super) fn drops_hint(rig: &RigAddress, store: Option<&Path>) -> &'static str {
    match status(rig, store) {
        Some(status) if status.drops.is_none() => {
            "\nnetrig: the rig's drop probe is not running: `netrig check` says why; `[drop] enabled = true` switches it on"
        }
        _ => "",
    }
}

/// Where nothing is known of bursts because nothing is looked at, what to do about it.
pub(super) fn bursts_hint(rig: &RigAddress, store: Option<&Path>) -> &'static str {
    match status(rig, store) {
        Some(status) if status.bursts.is_none() => {
            "\nnetrig: the rig's burst probe is not running: `netrig check` says why; `[burst] enabled = true` switches it on"
        }
        _ => "",
    }
}

/// Where nothing is known of latency because nothing is looked at, what to do about it.
pub(super) fn latency_hint(rig: &RigAddress, store: Option<&Path>) -> &'static str {
    match status(rig, store) {
        Some(status) if status.latency.is_none() => {
            "\nnetrig: the rig's latency probe is not running: `netrig check` says why; `[latency] enabled = true` switches it on"
        }
        _ => "",
    }
}

/// Where no requests are known: whether any are looked at, and where.
pub(super) fn requests_hint(rig: &RigAddress, store: Option<&Path>) -> String {
    let Some(status) = status(rig, store) else { return String::new() };
    if status.payload.is_none() {
        let probe = status.probes.iter().find(|probe| probe.name == "payload" && !probe.detail.is_empty());
        let detail = probe.map(|probe| format!(" ({})", probe.detail)).unwrap_or_default();
        return format!(
            "\nnetrig: the rig's payload probe is not running{detail}: `netrig check` says why; `[payload] enabled = true` switches it on"
        );
    }
    let ifaces: BTreeSet<&str> = status.interfaces.iter().map(|interface| interface.iface.as_str()).collect();
    let list = ifaces.iter().copied().collect::<Vec<_>>().join(", ");
    let list = if list.is_empty() { "no interface".to_owned() } else { list };
    // A resolver on this host itself is asked over lo, which is no uplink.
    let lo = if ifaces.contains("lo") {
        ""
    } else {
        "; what stays within this host, such as questions to 127.0.0.53, passes lo: `[rig] interfaces = [\"auto\", \"lo\"]` watches that too"
    };
    format!("\nnetrig: looked at: {list}{lo}")
}
