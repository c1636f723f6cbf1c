//! Processes of this build that are measured from outside.

use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;

/// This build's netrig.
pub(crate) fn netrig() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("netrig");
    if !path.is_file() {
        bail!("there is no {}: build it first, by `cargo build --release`", path.display());
    }
    Ok(path)
}

/// CPU time of all threads that a process has now, nanoseconds.
pub(crate) fn cpu_ns(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let of_task = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.into_iter().flatten().flatten().filter_map(of_task).sum()
}
