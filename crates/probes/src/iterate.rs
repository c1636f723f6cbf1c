//! The kernel's iterators: reading one to its end runs its program for everything it goes over.

use libbpf_rs::libbpf_sys;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::path::Path;

const READ_BYTES: usize = 64;

/// To the end, or, where the program stops after them, to the end of the listeners, which come first. The programs write
/// nothing to the reader; each read lets the iterator go on for a while.
pub(crate) fn run(link: BorrowedFd<'_>, stops_early: bool) -> io::Result<()> {
    go_over(begin(link)?, stops_early)
}

/// The same in another network namespace, which can be entered by the file `namespace`. Needs the right to (CAP_SYS_ADMIN).
pub(crate) fn run_inside(namespace: &Path, link: BorrowedFd<'_>, stops_early: bool) -> io::Result<()> {
    // A thread of its own: a thread's namespace is its own, and this one must not come back in the wrong one.
    let walked = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                enter(&File::open(namespace)?)?;
                run(link, stops_early)
            })
            .join()
    });
    walked.unwrap_or_else(|_| Err(io::Error::other("the thread that walked has panicked")))
}

#[expect(unsafe_code, reason = "libbpf-rs begins an iterator only from a link that no other thread may use")]
fn begin(link: BorrowedFd<'_>) -> io::Result<File> {
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

fn go_over(mut iterator: File, stops_early: bool) -> io::Result<()> {
    let mut nothing = [0; READ_BYTES];
    loop {
        match iterator.read(&mut nothing) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && stops_early => return Ok(()),
            // It has used up its turn without a word to write.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
