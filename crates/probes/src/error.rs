//! What can go wrong between user space and the kernel, with what to do about it.

use std::io;
use std::path::PathBuf;

/// An error of a probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The kernel refused to load the programs.
    #[error("the kernel did not load the {probe} probe: {reason}{advice}")]
    Load {
        /// Which probe.
        probe: &'static str,
        /// The kernel's words, or the verifier's last ones.
        reason: String,
        /// What to do, beginning with a separator; may be empty.
        advice: String,
    },
    /// A ring of events could not be read.
    #[error("cannot read the ring `{name}`: {reason}")]
    Ring {
        /// Its name in C.
        name: &'static str,
        /// libbpf's words.
        reason: String,
    },
    /// The object file in this binary lacks something: a bug.
    #[error("the compiled kernel object has no {what} `{name}`: this is a bug in netrig")]
    Missing {
        /// `map` or `program`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A map could not be mapped into memory.
    #[error("cannot map the kernel table `{name}` ({bytes} bytes) into memory: {source}")]
    Map {
        /// Which.
        name: String,
        /// How long.
        bytes: usize,
        /// The kernel's word.
        source: io::Error,
    },
    /// A program could not be attached to an interface.
    #[error("cannot attach to {iface} at {hook}: {source}{advice}")]
    Attach {
        /// Interface name.
        iface: String,
        /// Which hook was tried.
        hook: &'static str,
        /// The kernel's word.
        source: io::Error,
        /// Why, as far as it is known, and what to do about it, beginning with a separator; may be empty.
        advice: String,
    },
    /// A tracepoint without which the probe is nothing.
    #[error("cannot attach to the tracepoint {tracepoint}: {source}")]
    Tracepoint {
        /// Which.
        tracepoint: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
    /// An iterator broke off.
    #[error("cannot walk over this host's sockets: {source}")]
    Walk {
        /// The kernel's word.
        source: io::Error,
    },
    /// A test run failed.
    #[error("test run of `{program}` failed: {source}")]
    TestRun {
        /// Which program.
        program: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
    /// A policy could not be pinned, or what is pinned not be had.
    #[error("cannot {what} {}: {reason}", path.display())]
    Pin {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's words, and what to do about it.
        reason: String,
    },
    /// One cannot go on with what is pinned.
    #[error("the policy pinned at {} {why}: `netrig policy remove` takes it off", dir.display())]
    Pinned {
        /// Where.
        dir: PathBuf,
        /// What is wrong with it, as a verb's phrase.
        why: String,
    },
    /// More hooks than a capture's table has room for.
    #[error(
        "no room to capture at {iface}: all {capacity} places for hooks of interfaces are taken (name fewer by -i)"
    )]
    CaptureFull {
        /// The one too many.
        iface: String,
        /// How many there is room for.
        capacity: u32,
    },
    /// More interfaces than the flight recorder has rings for.
    #[error(
        "no ring to record {iface}: all {capacity} are taken; memory is divided among interfaces when the rig starts, so a restart gives it one"
    )]
    RingsFull {
        /// The one too many.
        iface: String,
        /// How many rings there are.
        capacity: u32,
    },
    /// More interfaces than the tables were sized for.
    #[error("no room to watch {iface}: all {capacity} places for interfaces are taken (raise [rig] memory)")]
    InterfacesFull {
        /// The one too many.
        iface: String,
        /// How many there is room for.
        capacity: u32,
    },
}

impl ProbeError {
    /// A hook's refusal, of which nothing is known but its number.
    pub(crate) fn attach(iface: &str, hook: &'static str, source: io::Error) -> Self {
        let advice = attach_advice(&source).to_owned();
        Self::Attach { iface: iface.to_owned(), hook, source, advice }
    }
}

/// What to do about a refusal, judged by its error number; begins with a separator.
#[must_use]
pub(crate) fn load_advice(errno: Option<i32>) -> String {
    match errno {
        Some(libc::EPERM) => "; netrig needs root, or the capabilities CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON".into(),
        Some(libc::ENOMEM) => "; the budget does not fit into the kernel's memory: lower [rig] memory".into(),
        Some(libc::ENOSYS) => "; this kernel was built without BPF".into(),
        _ => String::new(),
    }
}

/// What to do when a hook is refused; begins with a separator.
fn attach_advice(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => {
            "; another program holds this hook (`bpftool net show` names it): take that one off"
        }
        Some(libc::EPERM) => "; netrig needs root, or the capabilities CAP_BPF and CAP_NET_ADMIN",
        Some(libc::ENODEV) => "; the interface has gone",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_hook_says_what_to_do() {
        let source = io::Error::from_raw_os_error(libc::EBUSY);
        let error = ProbeError::attach("eth0", "tcx", source);
        assert!(error.to_string().contains("bpftool net show"), "{error}");
    }
}
