//! What can go wrong on the way out.

use crate::InterfaceNumber;
use std::io;
use std::path::PathBuf;

/// Why a capture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A packet or a count of an interface nobody declared.
    #[error("a packet of interface {}, but only {declared} have been declared: declare it first", interface.0)]
    UnknownInterface {
        /// The one it was said to be of.
        interface: InterfaceNumber,
        /// How many there are.
        declared: usize,
    },
    /// The reader of a pipe has gone; nothing more can be written.
    #[error("cannot write the capture after {written} octets: nobody reads it any more")]
    Closed {
        /// Octets the reader has been given.
        written: u64,
        /// What the system said: its kind is `BrokenPipe`.
        source: io::Error,
    },
    /// Octets that could not be written to something that is not a file of ours.
    #[error("cannot write the capture after {written} octets, {lost} packets are lost: {source}")]
    Write {
        /// Octets written until then.
        written: u64,
        /// Packets that were waiting and have been given up.
        lost: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Octets that could not be written to a file. What it holds is whole.
    #[error(
        "cannot write {} after {written} octets, {lost} packets are lost: {source}; the file can be read up to there: {}",
        path.display(), advice(source)
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The file's octets, all of them whole blocks.
        written: u64,
        /// Packets that were waiting and have been given up.
        lost: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A file that could not be made or opened.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path that is no place for a capture.
    #[error("will not write a capture to {}: {why}", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What it is, and what to do.
        why: &'static str,
    },
    /// A name that cannot be made of a time.
    #[error("cannot make a file name of `{pattern}`: {reason}; use conversions such as %Y%m%d-%H%M%S")]
    Name {
        /// The name as it was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder of dumps that could not be read or cleared.
    #[error("cannot keep the quota of dumps in {}: {source}", path.display())]
    Quota {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// The kind of what the system said, if it said anything: `BrokenPipe` is a reader that has gone.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Closed { source, .. }
            | Self::Write { source, .. }
            | Self::File { source, .. }
            | Self::Create { source, .. }
            | Self::Quota { source, .. } => Some(source.kind()),
            Self::UnknownInterface { .. } | Self::Refused { .. } | Self::Name { .. } => None,
        }
    }

    /// Packets that were lost with it: the one at hand is among them if it had been taken.
    #[must_use]
    pub fn lost(&self) -> u64 {
        match self {
            Self::Write { lost, .. } | Self::File { lost, .. } => *lost,
            _ => 0,
        }
    }
}

impl Error {
    /// Of something that is no file: a pipe whose reader has gone is told apart.
    pub(crate) fn of_stream(source: io::Error, written: u64, lost: u64) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed { written, source }
        } else {
            Self::Write { written, lost, source }
        }
    }
}

/// What to do about a file that cannot be written.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "make room, or bound the capture with -C and -W",
        io::ErrorKind::QuotaExceeded => "make room in the quota, or bound the capture with -C and -W",
        io::ErrorKind::FileTooLarge => "bound the files' size with -C",
        _ => "write to another place",
    }
}
