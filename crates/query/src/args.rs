//! The command line.

use crate::failure::Failure;
use crate::live::Live;
use clap::Parser;
use std::path::PathBuf;

/// SQL over netrig's records: the tables are `flows`, `connections`, `latency`, `drops`, `bursts`, `requests`,
/// `policy_events`, `ledger`, `flows_1m` and `flows_1h`, their columns those of docs/schema.md.
#[derive(Debug, Parser)]
#[command(name = "netrig-query", version, about, max_term_width = 120)]
pub(crate) struct Args {
    /// The store's folder; not needed with --live when the rig has a store
    #[arg(long, value_name = "DIR", required_unless_present = "live")]
    pub(crate) store: Option<PathBuf>,

    /// A running rig, whose records that are not yet stored count too, for example http://127.0.0.1:9798
    #[arg(long, value_name = "URL")]
    pub(crate) live: Option<String>,

    /// JSON Lines, each with "record": "query"
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,

    /// Comma-separated values with a header line
    #[arg(long)]
    pub(crate) csv: bool,

    /// Memory the query may use; beyond it, it spills to disk where it can
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size)]
    pub(crate) memory: u64,

    /// Disk space the query may spill to; 0 forbids it
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size)]
    pub(crate) spill: u64,

    /// Folder to spill to [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) spill_dir: Option<PathBuf>,

    /// One statement: SELECT, WITH, VALUES, EXPLAIN, SHOW or DESCRIBE
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,
}

impl Args {
    /// The store to read: the one named here, or else the one the rig says it writes. Both must be the same.
    pub(crate) fn store_dir(&self, live: Option<&Live>) -> Result<Option<PathBuf>, Failure> {
        let told = live.and_then(|l| l.store.clone());
        match (&self.store, told) {
            (Some(named), Some(told)) if !same(named, &told) => Err(Failure::Usage(format!(
                "the rig at --live writes to the store {}, not to {}: leave --store out, or ask the rig that writes there",
                told.display(),
                named.display()
            ))),
            (Some(named), _) => Ok(Some(named.clone())),
            (None, Some(told)) => Ok(Some(told)),
            (None, None) if live.is_some() => Ok(None),
            (None, None) => Err(Failure::Usage("with no rig to ask, --store must say where the records are".into())),
        }
    }
}

fn same(a: &PathBuf, b: &PathBuf) -> bool {
    let real = |p: &PathBuf| p.canonicalize().unwrap_or_else(|_| p.clone());
    real(a) == real(b)
}

/// Bytes, with a unit or without: `1048576`, `512MiB`, `2 GB`.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
    ];
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = (&text[..digits], text[digits..].trim().to_ascii_lowercase());
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let bytes = number.parse::<u64>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
    bytes.ok_or_else(|| "a size is a whole number and a unit, like 512MiB or 2GB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("2 GB"), Ok(2_000_000_000));
        for wrong in ["", "MiB", "1.5GiB", "-1", "9 parsecs", "99999999999TiB", "☃"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
