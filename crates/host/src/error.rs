//! What can go wrong in asking the host.

use std::io;
use thiserror::Error;

/// A question to the host that had no answer.
#[derive(Debug, Error)]
pub enum HostError {
    /// Netlink did not answer.
    #[error("cannot {action} by netlink: {source}")]
    Netlink {
        /// What was tried: `list interfaces`.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of `/proc` or `/sys` could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of `/proc` does not have what every kernel says there.
    #[error(
        "{path} has no number for {group} {name}: this is no kernel since Linux 5.8, or a sandbox's imitation of one"
    )]
    Missing {
        /// The file.
        path: &'static str,
        /// The line it should stand in.
        group: &'static str,
        /// What it is called there.
        name: &'static str,
    },
    /// The thread that watches interfaces could not be started.
    #[error("cannot start the thread that watches interfaces: {0}")]
    Thread(io::Error),
}

impl HostError {
    /// For `map_err`: names what was tried.
    pub(crate) fn netlink<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Netlink { action, source: source.into() }
    }
}
