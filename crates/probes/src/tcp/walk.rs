//! Walks over all sockets, by the kernel's iterators: their programs write what they meet into the shared memory.

use super::TcpProbe;
use crate::ProbeError;
use crate::wire::tcp_ends;
use libbpf_rs::Iter;
use std::io::Read;
use std::mem::offset_of;

/// What a walk goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The sockets of the network namespace that the calling thread is in, those without a process too.
    Namespace,
    /// The files of all processes, in all namespaces.
    Files,
}

/// An iterator writes nothing to its reader; each read lets it go on for a while.
const READ_BYTES: usize = 64;

impl TcpProbe {
    /// Begins a walk: its number is written to every socket that its parts meet.
    pub fn begin_walk(&self) -> u64 {
        let word = offset_of!(tcp_ends, walk) / 8;
        let number = self.memory.ends.load(word) + 1;
        self.memory.ends.publish(word, number);
        number
    }

    /// Goes over one scope. First by `listeners_only`, so that which side an older connection is can be told by them.
    ///
    /// # Errors
    /// What the kernel says of the iterator; an iterator that could not be attached is no error here, see
    /// [`TcpProbe::missing`].
    pub fn walk(&self, scope: Scope, listeners_only: bool) -> Result<(), ProbeError> {
        let Some((_, link)) = self.walks.iter().find(|(each, _)| *each == scope) else { return Ok(()) };
        self.memory.ends.publish(offset_of!(tcp_ends, listeners_only) / 8, listeners_only.into());
        let failed = |source| ProbeError::Walk { source };
        let mut iterator = Iter::new(link).map_err(|e| failed(std::io::Error::other(format!("{e:#}"))))?;
        let mut nothing = [0; READ_BYTES];
        loop {
            match iterator.read(&mut nothing) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // The iterator has used up its turn without a word to write; it goes on.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}
