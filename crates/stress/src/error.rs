//! What can go wrong, in sentences: what was tried, on what, and what to do.

use std::io;
use thiserror::Error;

/// A stress run that could not be made.
#[derive(Debug, Error)]
pub enum StressError {
    /// It was asked for something that cannot be.
    #[error("{0}")]
    Asked(String),
    /// Namespaces and kernel programs are root's to make.
    #[error(
        "a stress makes network namespaces and loads kernel programs: run it as root, with CAP_SYS_ADMIN and CAP_NET_ADMIN"
    )]
    Rights,
    /// A system call.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried, and on what.
        doing: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A program that makes namespaces and interfaces.
    #[error("`{line}` failed: {said}")]
    Program {
        /// The command.
        line: String,
        /// What it said.
        said: String,
    },
    /// The kernel refuses the program that makes frames.
    #[error("cannot {doing}: {source}; frames need Linux 5.18, built with BPF and run as root")]
    Frames {
        /// What was tried.
        doing: String,
        /// What libbpf said.
        #[source]
        source: libbpf_rs::Error,
    },
    /// The rig under stress did not do what it was started for.
    #[error("{0}")]
    Rig(String),
    /// Somebody wanted it to end.
    #[error("stopped before it was done")]
    Stopped,
}

impl StressError {
    /// For `map_err`: a system call failed while this was done.
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::System { doing, source }
    }

    /// For `map_err`: libbpf failed while this was done.
    pub(crate) fn frames(doing: &'static str) -> impl FnOnce(libbpf_rs::Error) -> Self {
        move |source| Self::Frames { doing: doing.to_owned(), source }
    }
}
