//! `netrig dashboards`: files for Grafana and Prometheus.
//!
//! Beside them lies what `sha256sum --check` reads: the sums of what was written. A file that is of its sum is still ours and
//! may be replaced; one that is not was made or changed by somebody.

use crate::cli::DashboardsArgs;
use crate::failure::Usage;
use crate::output::say;
use anyhow::Context;
use netrig_dashboards::{File, files};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The sums of what was written.
const SUMS: &str = "netrig.sha256";

/// What is there already, where a file is to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    TheSame,
    /// As this command left it, another version of it perhaps.
    Ours,
    /// Made by somebody else, or changed.
    Foreign,
}

impl There {
    /// What is done about it.
    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "wrote    ",
            Self::TheSame => "unchanged",
            Self::Ours | Self::Foreign => "replaced ",
        }
    }
}

pub(crate) fn run(args: &DashboardsArgs) -> anyhow::Result<()> {
    let (out, files) = (&args.out, files());
    let sums = read(&out.join(SUMS))?.unwrap_or_default();
    let sums: BTreeSet<_> = String::from_utf8_lossy(&sums).lines().map(str::to_owned).collect();
    // All are looked at before one is written: a refusal leaves everything as it was.
    let there: Vec<There> = files.iter().map(|file| look(out, file, &sums)).collect::<anyhow::Result<_>>()?;
    if !args.force {
        refuse_foreign(out, &files, &there)?;
    }
    for (file, there) in files.iter().zip(there) {
        if there != There::TheSame {
            write(&out.join(&file.path), &file.text)?;
        }
        say(&format!("{} {}", there.word(), out.join(&file.path).display()));
    }
    write(
        &out.join(SUMS),
        &files.iter().map(|file| line(&file.path, file.text.as_bytes()) + "\n").collect::<String>(),
    )?;
    let out = out.display();
    say(&format!("Grafana: import {out}/grafana/*.json. Prometheus: rule_files: [\"{out}/prometheus/*.rules.yml\"]"));
    Ok(())
}

fn refuse_foreign(out: &Path, files: &[File], there: &[There]) -> anyhow::Result<()> {
    let foreign: Vec<_> = files.iter().zip(there).filter(|(_, there)| **there == There::Foreign).collect();
    let Some((first, _)) = foreign.first() else { return Ok(()) };
    let others = if foreign.len() > 1 { format!(" and {} more", foreign.len() - 1) } else { String::new() };
    let path = out.join(&first.path);
    Err(Usage(format!(
        "{}{others} would be overwritten, and netrig did not write what is there, or somebody changed it since: choose \
         another --out, or say --force",
        path.display()
    ))
    .into())
}

/// The file's line among the sums.
fn line(path: &str, text: &[u8]) -> String {
    let mut line = String::new();
    for octet in Sha256::digest(text) {
        let _ = write!(line, "{octet:02x}");
    }
    line + "  " + path
}

fn look(out: &Path, file: &File, sums: &BTreeSet<String>) -> anyhow::Result<There> {
    Ok(match read(&out.join(&file.path))? {
        None => There::Nothing,
        Some(found) if found == file.text.as_bytes() => There::TheSame,
        Some(found) if sums.contains(&line(&file.path, &found)) => There::Ours,
        Some(_) => There::Foreign,
    })
}

fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}: choose another --out", path.display())),
    }
}

/// Beside it first and then in its place, so that Prometheus never reads half of a file.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let place = || format!("cannot write {}: choose another --out, or make it writable", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(place)?;
    }
    let beside = path.with_added_extension("new");
    fs::write(&beside, text).with_context(place)?;
    fs::rename(&beside, path).with_context(place)
}
