//! What this process asks of the system: open files for every segment, and little of the CPU.

/// Lifts the soft limit on open files to the hard one (a year of hours is 8,760 segments a table, the usual soft limit
/// 1,024) and gives way to other processes. Neither is worth failing for.
#[expect(unsafe_code, reason = "the standard library offers neither call")]
pub(crate) fn be_modest() {
    let mut files = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `files` is a valid rlimit that outlives both calls; setpriority takes plain numbers.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut files) == 0 {
            files.rlim_cur = files.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const files);
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, 10);
    }
}
