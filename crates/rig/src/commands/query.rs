//! `netrig query`: hands the question to netrig-query, which is built and runs apart from the rig.

use crate::cli::QueryArgs;
use crate::client::Client;
use crate::settings;
use anyhow::{anyhow, bail};
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

const ENGINE: &str = "netrig-query";

pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<()> {
    let engine = find_engine().ok_or_else(|| {
        anyhow!(
            "{ENGINE} is neither beside this netrig nor in PATH: it is built apart, because it takes far longer to \
             build than the rig. Build it with: cargo build --release -p {ENGINE}"
        )
    })?;
    // On success this process becomes the other and never returns.
    let error = Command::new(&engine).args(arguments(args)?).exec();
    bail!("cannot start {}: {error}", engine.display())
}

fn find_engine() -> Option<PathBuf> {
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(|dir| dir.join(ENGINE)));
    let in_path = env::var_os("PATH");
    let in_path = in_path.iter().flat_map(env::split_paths).map(|dir| dir.join(ENGINE));
    beside.into_iter().chain(in_path).find(|path| path.is_file())
}

/// As `netrig flows` chooses: `--store` alone asks no rig, and a rig that answers comes with its store.
fn arguments(args: &QueryArgs) -> anyhow::Result<Vec<OsString>> {
    let mut store = args.store.clone();
    let mut url = args.rig.url.clone();
    if store.is_none() || url.is_some() {
        let config = settings::load(args.rig.file.config.as_deref())?;
        let client = Client::new(&url.clone().unwrap_or_else(|| settings::url(&config)));
        match client.status() {
            Ok(status) => {
                store = store.or(status.store.map(|s| s.dir.into()));
                url = Some(client.url().to_owned());
            }
            Err(error) if url.is_some() => bail!("no rig answers at {}: {error}", client.url()),
            Err(_) => store = store.or(Some(config.store.dir)),
        }
    }
    let mut out: Vec<OsString> = Vec::new();
    for (flag, value) in [("--store", store.map(OsString::from)), ("--live", url.map(OsString::from))] {
        if let Some(value) = value {
            out.extend([flag.into(), value]);
        }
    }
    for (flag, wanted) in [("--json", args.json), ("--csv", args.csv)] {
        if wanted {
            out.push(flag.into());
        }
    }
    out.extend(["--".into(), args.sql.clone().into()]);
    Ok(out)
}
