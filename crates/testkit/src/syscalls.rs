//! The system calls that the standard library lacks: all `unsafe` of this crate.

use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Moves the calling thread into the network namespace that `path` stands for.
pub(crate) fn enter_namespace(path: &Path) {
    let file = File::open(path).unwrap_or_else(|e| panic!("cannot open {}: {e}", path.display()));
    // SAFETY: setns takes two integers and touches no memory; the descriptor is open for the whole call. It changes the
    // calling thread only, which was made for this and ends after it.
    #[expect(unsafe_code, reason = "the standard library cannot enter a namespace")]
    let result = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "cannot enter {}: {}", path.display(), io::Error::last_os_error());
}

/// Makes a TUN device in the calling thread's network namespace: what is sent to it can be read from the descriptor, whole IP
/// packets, and what is written to that arrives there. It goes with the descriptor.
pub(crate) fn open_tun(name: &str) -> OwnedFd {
    const TUN: &str = "/dev/net/tun";
    let mut options = std::fs::OpenOptions::new();
    let open = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(TUN);
    let file = open.unwrap_or_else(|e| panic!("cannot open {TUN}: {e}"));
    // struct ifreq: 16 bytes of name, then the flags, in 40 bytes.
    let mut request = [0u8; 40];
    assert!(name.len() < 16, "{name} is too long for an interface");
    request[..name.len()].copy_from_slice(name.as_bytes());
    let flags = i16::try_from(libc::IFF_TUN | libc::IFF_NO_PI).expect("two small flags");
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes a struct ifreq, which is 40 bytes; the array is as long and outlives the call.
    #[expect(unsafe_code, reason = "the standard library has no ioctl")]
    let result = unsafe { libc::ioctl(file.as_raw_fd(), c_ulong::from(libc::TUNSETIFF as u32), request.as_mut_ptr()) };
    assert_eq!(result, 0, "cannot make the TUN device {name}: {}", io::Error::last_os_error());
    file.into()
}

/// Sends a frame as it is by an interface of the calling thread's network namespace.
#[expect(unsafe_code, reason = "the standard library has no packet sockets")]
pub(crate) fn send_frame(iface: &str, frame: &[u8]) {
    let name = std::ffi::CString::new(iface).expect("an interface's name");
    // SAFETY: a string that ends with zero and outlives the call; then a socket that is owned from here on.
    let (index, socket) = unsafe {
        let raw = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        assert!(raw >= 0, "cannot open a packet socket: {}", io::Error::last_os_error());
        (libc::if_nametoindex(name.as_ptr()), OwnedFd::from_raw_fd(raw))
    };
    // SAFETY: plain integers, for which zero is valid.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    to.sll_ifindex = index.cast_signed();
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the frame and the address outlive the call, which only reads them, no further than their lengths.
    let sent = unsafe {
        let address = (&raw const to).cast();
        libc::sendto(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0, address, length)
    };
    assert_eq!(sent, frame.len().cast_signed(), "cannot send by {iface}: {}", io::Error::last_os_error());
}

/// What `getsockopt(TCP_INFO)` says, as many bytes as the kernel has.
pub(crate) fn tcp_info(socket: impl AsFd) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; 512];
    let mut length = libc::socklen_t::try_from(bytes.len()).expect("half a kilobyte");
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `length` bytes to the buffer, which has as many, and the real number to `length`.
    #[expect(unsafe_code, reason = "the standard library does not have this option")]
    let result =
        unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, bytes.as_mut_ptr().cast(), &raw mut length) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    bytes.truncate(length as usize);
    Ok(bytes)
}

/// Lets the calling thread go before others where it may: a relay that waits for a processor is late.
pub(crate) fn go_first() {
    const NICEST: c_int = -20;
    // SAFETY: setpriority takes three integers and touches no memory. 0 is the calling thread.
    #[expect(unsafe_code, reason = "the standard library knows no priorities")]
    // Without the right to it, it is as late as others.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICEST) };
}

/// Lets the calling thread run on one processor only.
pub(crate) fn pin_to_cpu(cpu: usize) {
    const WORD_BITS: usize = u64::BITS as usize;
    let mut mask = [0u64; 16];
    mask[cpu / WORD_BITS] |= 1 << (cpu % WORD_BITS);
    // SAFETY: sched_setaffinity reads as many bytes as it is told the mask has, and the array has them. 0 is the calling thread.
    #[expect(unsafe_code, reason = "the standard library knows no processors")]
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&mask), mask.as_ptr().cast()) };
    assert_eq!(result, 0, "cannot run on CPU {cpu}: {}", io::Error::last_os_error());
}

/// Moves at most `bytes` from one descriptor to another, of which one is a pipe, without a copy. 0 at the end of what is read.
pub(crate) fn splice(from: impl AsFd, to: impl AsFd, bytes: usize) -> io::Result<usize> {
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    // SAFETY: without offsets splice takes integers only; both descriptors are open for the whole call.
    #[expect(unsafe_code, reason = "the standard library does not offer it")]
    let moved = unsafe { libc::splice(from, std::ptr::null_mut(), to, std::ptr::null_mut(), bytes, 0) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

/// Sends at most `bytes` of a file, from its beginning, to a socket.
pub(crate) fn send_file(socket: impl AsFd, file: &File, bytes: usize) -> io::Result<usize> {
    let mut offset: libc::off_t = 0;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads and writes one off_t, which outlives the call; both descriptors are open for the whole of it.
    #[expect(unsafe_code, reason = "the standard library does not offer it")]
    let sent = unsafe { libc::sendfile(socket, file.as_raw_fd(), &raw mut offset, bytes) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
