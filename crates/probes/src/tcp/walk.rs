//! Walks over all sockets, by the kernel's iterators: their programs write what they meet into the shared memory.

use super::TcpProbe;
use crate::ProbeError;
use crate::wire::tcp_ends;
use libbpf_rs::libbpf_sys;
use std::fs::File;
use std::io::{self, Read};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd};
use std::path::Path;

/// What a walk goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The sockets of the network namespace that the calling thread is in, those without a process too.
    Namespace,
    /// The files of all processes, in all namespaces.
    Files,
}

const READ_BYTES: usize = 64;

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
        let link = link.as_fd();
        // A thread of its own: a thread's namespace is its own, and this one must not come back in the wrong one.
        let walked = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    enter(&File::open(namespace)?)?;
                    go_over(iterate(link)?, listeners_only)
                })
                .join()
        });
        match walked {
            Ok(walked) => walked.map_err(|source| ProbeError::Walk { source }),
            Err(_) => Err(ProbeError::Walk { source: io::Error::other("the thread that walked has panicked") }),
        }
    }

    /// Goes over one scope. First by `listeners_only`, so that which side an older connection is can be told by them.
    ///
    /// # Errors
    /// What the kernel says of the iterator; an iterator that could not be attached is no error here, see
    /// [`TcpProbe::missing`].
    pub fn walk(&self, scope: Scope, listeners_only: bool) -> Result<(), ProbeError> {
        let Some((_, link)) = self.walks.iter().find(|(each, _)| *each == scope) else { return Ok(()) };
        self.memory.ends.publish(offset_of!(tcp_ends, listeners_only) / 8, listeners_only.into());
        iterate(link.as_fd()).and_then(|it| go_over(it, listeners_only)).map_err(|source| ProbeError::Walk { source })
    }
}

#[expect(unsafe_code, reason = "libbpf-rs begins an iterator only from a link that no other thread may use")]
fn iterate(link: BorrowedFd<'_>) -> io::Result<File> {
    // SAFETY: the link is open; the call has no other effect on this process.
    let fd = unsafe { libbpf_sys::bpf_iter_create(link.as_raw_fd()) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

#[expect(unsafe_code, reason = "the standard library has no setns")]
fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open; the call changes the calling thread's network namespace only.
    let done = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// To the end, or to the end of the listeners, which come first. The programs write nothing to the reader; each read lets
/// the iterator go on for a while.
fn go_over(mut iterator: File, listeners_only: bool) -> io::Result<()> {
    let mut nothing = [0; READ_BYTES];
    loop {
        match iterator.read(&mut nothing) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && listeners_only => return Ok(()),
            // It has used up its turn without a word to write.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
