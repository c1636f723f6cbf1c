//! Walks over all sockets, by the kernel's iterators: their programs write what they meet into the shared memory.

use super::TcpProbe;
use crate::wire::tcp_ends;
use crate::{ProbeError, iterate};
use std::mem::offset_of;
use std::os::fd::AsFd;
use std::path::Path;

/// What a walk goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The sockets of the network namespace that the calling thread is in, those without a process too.
    Namespace,
    /// The files of all processes, in all namespaces.
    Files,
}

impl TcpProbe {
    /// Begins a walk: its number is written to every socket that its parts meet.
    pub fn begin_walk(&self) -> u64 {
        let word = offset_of!(tcp_ends, walk) / 8;
        let number = self.memory.ends.load(word) + 1;
        self.memory.ends.publish(word, number);
        number
    }

    /// Goes over the sockets of another network namespace, which can be entered by the file `namespace`. Needs the right to
    /// (CAP_SYS_ADMIN).
    ///
    /// # Errors
    /// When it cannot be entered, or as for [`TcpProbe::walk`].
    pub fn walk_namespace(&self, namespace: &Path, listeners_only: bool) -> Result<(), ProbeError> {
        let Some((_, link)) = self.walks.iter().find(|(each, _)| *each == Scope::Namespace) else { return Ok(()) };
        self.memory.ends.publish(offset_of!(tcp_ends, listeners_only) / 8, listeners_only.into());
        iterate::run_inside(namespace, link.as_fd(), listeners_only).map_err(|source| ProbeError::Walk { source })
    }

    /// Goes over one scope. First by `listeners_only`, so that which side an older connection is can be told by them.
    ///
    /// # Errors
    /// What the kernel says of the iterator; an iterator that could not be attached is no error here, see
    /// [`TcpProbe::missing`].
    pub fn walk(&self, scope: Scope, listeners_only: bool) -> Result<(), ProbeError> {
        let Some((_, link)) = self.walks.iter().find(|(each, _)| *each == scope) else { return Ok(()) };
        self.memory.ends.publish(offset_of!(tcp_ends, listeners_only) / 8, listeners_only.into());
        iterate::run(link.as_fd(), listeners_only).map_err(|source| ProbeError::Walk { source })
    }
}
