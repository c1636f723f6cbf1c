//! The few system calls the bench makes itself.
#![expect(unsafe_code, reason = "pinning, clocks and test runs have no safe form here")]

use anyhow::{Context, Result, bail};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

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

/// Binds the calling thread to one CPU and puts it before all else there: whoever shares a CPU also empties its caches,
/// and a program that costs cache lines pays for that.
pub(crate) fn measure_on(cpu: usize) -> Result<()> {
    pin_to(cpu)?;
    go_first();
    Ok(())
}

/// Puts the calling thread before all others.
pub(crate) fn go_first() {
    // SAFETY: three integers; with 0 for who, the calling thread alone.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
}

/// Puts the calling thread behind all others: it has the CPU while nobody else wants it.
pub(crate) fn go_last() {
    // SAFETY: a sched_param is an integer that lives for the whole call; with 0 for who, the calling thread alone.
    unsafe {
        let none: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const none);
    }
}

/// CPU time of the calling thread, in nanoseconds: what others do on this CPU meanwhile is not in it.
pub(crate) fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec, which lives for the whole call. This clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A thread's CPU time, for others to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuClock(libc::clockid_t);

impl CpuClock {
    pub(crate) fn of_this_thread() -> Result<Self> {
        let mut clock = 0;
        // SAFETY: the calling thread is alive, and the number is written to a place that outlives the call.
        let error = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error)).context("this thread's CPU time cannot be read");
        }
        Ok(Self(clock))
    }

    /// 0 when the thread has ended.
    pub(crate) fn ns(self) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes one timespec, which lives for the whole call.
        unsafe { libc::clock_gettime(self.0, &raw mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// Lets the calling thread's sleeps end when they are due, instead of a while later in company.
pub(crate) fn wake_when_due() {
    // SAFETY: integers only; it concerns the calling thread alone.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}

/// Runs a program `repeat` times on a packet, on this CPU.
pub(crate) fn test_run(program: BorrowedFd<'_>, packet: &[u8], repeat: u32, flags: u32) -> Result<()> {
    // SAFETY: zero is valid for every field of the options, and means "not given".
    let mut options: libbpf_sys::bpf_test_run_opts = unsafe { std::mem::zeroed() };
    options.sz = size_of_val(&options) as _;
    options.data_in = packet.as_ptr().cast();
    options.data_size_in = u32::try_from(packet.len())?;
    options.repeat = i32::try_from(repeat)?;
    options.flags = flags;
    // SAFETY: the options point at a packet that outlives the call; the kernel only reads it.
    let result = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    if result != 0 {
        bail!("test run of {repeat} packets failed: {}", io::Error::from_raw_os_error(-result));
    }
    Ok(())
}

/// A descriptor borrowed from whoever owns it: libbpf-rs ties a program's to a temporary instead.
pub(crate) fn borrow_fd<T>(fd: RawFd, _owner: &T) -> BorrowedFd<'_> {
    // SAFETY: the caller names the owner, which keeps the descriptor open for the borrow's lifetime.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// The kernel's index of a device in the calling thread's network namespace.
pub(crate) fn ifindex(name: &std::ffi::CStr) -> Option<u32> {
    // SAFETY: the kernel reads a string that ends with zero and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// Gives freed memory back to the kernel, so that resident memory is what is in use.
pub(crate) fn give_back_freed_memory() {
    // SAFETY: glibc's own bookkeeping, under its own lock.
    unsafe { libc::malloc_trim(0) };
}

/// Has `handler` called for every signal by which people end a program. It may do no more than store to an atomic.
pub(crate) fn on_end_signals(handler: extern "C" fn(libc::c_int)) {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler is a function that lives as long as the process, and by contract safe in a signal.
        unsafe { libc::signal(signal, handler as *const () as libc::sighandler_t) };
    }
}

/// Has a command start in this network namespace, in a process group of its own, to be killed when the calling thread ends.
pub(crate) fn start_inside(command: &mut Command, namespace: &std::path::Path) -> Result<()> {
    let file = std::fs::File::open(namespace).with_context(|| format!("cannot open {}", namespace.display()))?;
    command.process_group(0);
    let enter = move || {
        // SAFETY: the descriptor is the closure's own; both calls take integers only.
        let failed = unsafe {
            libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) != 0
                || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) != 0
        };
        if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: between fork and exec it makes system calls only, and takes no lock and no memory.
    unsafe { command.pre_exec(enter) };
    Ok(())
}

/// Sends a signal to a process group; one that is gone has nobody to hear it.
pub(crate) fn signal_group(group: u32, signal: libc::c_int) {
    let Ok(group) = libc::pid_t::try_from(group) else { return };
    // SAFETY: integers only; a group's number is never 0 or 1 here, which would mean others.
    unsafe { libc::kill(-group, signal) };
}
