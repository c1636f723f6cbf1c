//! What keeps an exporter from starting.

use std::path::PathBuf;
use thiserror::Error;

/// Why nothing can be sent.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The address is none.
    #[error("{url} is no URL that can be sent to: {why}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file of the configuration cannot be read.
    #[error("the file of {what} {path} cannot be read: {source}")]
    File {
        /// What should be in it.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of credentials that would break a header.
    #[error("the file of {what} {path} has no text of one line in it")]
    Secret {
        /// What should be in it.
        what: &'static str,
        /// Which.
        path: PathBuf,
    },
    /// No certificate to trust.
    #[error("no certificates to check {url} by: {why}")]
    Certificates {
        /// Whose certificate could not be checked.
        url: String,
        /// Where was looked, and what was wrong.
        why: String,
    },
    /// No thread to be had.
    #[error("cannot start a thread to send metrics: {0}")]
    Thread(std::io::Error),
    /// The server was asked, and did not take it.
    #[error("{url} does not take remote write: {why}")]
    Refused {
        /// Which server.
        url: String,
        /// What it said.
        why: String,
    },
}
