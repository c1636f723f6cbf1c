//! The few system calls the bench makes itself.
#![expect(unsafe_code, reason = "pinning, clocks, test runs and mapped arrays have no safe form here")]

use anyhow::{Context, Result, bail};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::AtomicU64;

/// Binds the calling thread to one CPU.
pub(crate) fn pin_to(cpu: usize) -> Result<()> {
    // SAFETY: a cpu_set_t is plain bits, for which zero is valid; it lives for the whole call.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result != 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("cannot run on CPU {cpu}"));
    }
    Ok(())
}

/// CPU time of the calling thread, in nanoseconds: what others do on this CPU meanwhile is not in it.
pub(crate) fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec, which lives for the whole call. This clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Runs a program `repeat` times on a packet, on this CPU.
pub(crate) fn test_run(
    program: RawFd,
    packet: &[u8],
    context: Option<&mut [u8]>,
    repeat: u32,
    flags: u32,
) -> Result<()> {
    // SAFETY: zero is valid for every field of the options, and means "not given".
    let mut options: libbpf_sys::bpf_test_run_opts = unsafe { std::mem::zeroed() };
    options.sz = size_of_val(&options) as _;
    options.data_in = packet.as_ptr().cast();
    options.data_size_in = u32::try_from(packet.len())?;
    if let Some(context) = context {
        options.ctx_in = context.as_ptr().cast();
        options.ctx_size_in = u32::try_from(context.len())?;
    }
    options.repeat = i32::try_from(repeat)?;
    options.flags = flags;
    // SAFETY: the options point at a packet and a context that outlive the call; the kernel only reads them.
    let result = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &raw mut options) };
    if result != 0 {
        bail!("test run of {repeat} packets failed: {}", io::Error::from_raw_os_error(-result));
    }
    Ok(())
}

/// An array map's memory as 64-bit words.
pub(crate) struct Mapped {
    at: *mut AtomicU64,
    words: usize,
}

// SAFETY: shared memory of atomics.
unsafe impl Send for Mapped {}
// SAFETY: shared memory of atomics.
unsafe impl Sync for Mapped {}

impl Mapped {
    pub(crate) fn new(fd: BorrowedFd<'_>, bytes: usize) -> Result<Self> {
        let bytes = bytes.next_multiple_of(4096);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error())
                .with_context(|| format!("cannot map {bytes} bytes of a kernel array"));
        }
        Ok(Self { at: at.cast(), words: bytes / 8 })
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, as long as said, and lives as long as self.
        unsafe { std::slice::from_raw_parts(self.at, self.words) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: exactly what new() mapped; no slice of it outlives self.
        unsafe { libc::munmap(self.at.cast(), self.words * 8) };
    }
}

/// Instructions the verifier walked to accept a program.
pub(crate) fn verified_instructions(program: BorrowedFd<'_>) -> Result<u32> {
    // SAFETY: zero is valid for every field, and asks for no arrays.
    let mut info: libbpf_sys::bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut bytes = size_of_val(&info) as u32;
    // SAFETY: the kernel writes at most `bytes` to the info, which lives for the whole call.
    let result = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut bytes) };
    if result != 0 {
        bail!("the kernel tells nothing of a program: {}", io::Error::from_raw_os_error(-result));
    }
    Ok(info.verified_insns)
}

/// A descriptor borrowed from whoever owns it.
pub(crate) fn borrow_fd<T>(fd: RawFd, _owner: &T) -> BorrowedFd<'_> {
    // SAFETY: the caller names the owner, which keeps the descriptor open for the borrow's lifetime.
    unsafe { BorrowedFd::borrow_raw(fd) }
}
