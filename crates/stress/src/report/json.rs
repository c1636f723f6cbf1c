//! A report as a line of JSON, and back.

use super::model::Report;
use serde::Serialize;
use std::io;
use thiserror::Error;

/// No run is told in more; a log or a capture given by mistake is.
const BYTES_MAX: usize = 256 << 20;

#[derive(Serialize)]
struct Line<'a> {
    record: &'static str,
    /// What monitors look for, where they need not know the rest.
    unaccounted: Option<u64>,
    #[serde(flatten)]
    report: &'a Report,
}

/// Why a text is no report.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Too large.
    #[error("is larger than 256 MiB: no report of `netrig stress --json`")]
    TooLarge,
    /// Something else, or a report of another version.
    #[error("is no report of `netrig stress --json`: {0}")]
    NotAReport(#[from] serde_json::Error),
    /// Something else that is JSON.
    #[error("has no line with \"record\": \"stress\": write one by `netrig stress SCENARIO --json > FILE`")]
    NoRecord,
}

/// A report as one line of JSON, without a line feed.
///
/// # Errors
/// When it cannot be serialised, which none is known to be.
pub fn line(report: &Report) -> io::Result<String> {
    let unaccounted = report.traffic.unaccounted_packets;
    Ok(serde_json::to_string(&Line { record: "stress", unaccounted, report })?)
}

/// The last report in JSON Lines: what [`line()`] wrote, among whatever other records.
///
/// # Errors
/// When there is none in it.
pub fn read(text: &str) -> Result<Report, ReadError> {
    if text.len() > BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    #[derive(serde::Deserialize)]
    struct Kind {
        record: String,
    }
    let mut latest = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let kind: Kind = serde_json::from_str(line)?;
        if kind.record == "stress" {
            latest = Some(line);
        }
    }
    Ok(serde_json::from_str(latest.ok_or(ReadError::NoRecord)?)?)
}
