//! A network namespace of the run's own.

use super::{PREFIX, command};
use crate::StressError;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// Where `ip` keeps them.
pub(super) const NETNS_DIR: &str = "/run/netns";

/// A network namespace, deleted when dropped.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(super) fn make(label: &str) -> Result<Self, StressError> {
        let name = format!("{PREFIX}{}-{label}", std::process::id());
        command::run("ip", &["netns", "add", &name])?;
        Ok(Self { name })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs a program inside to its end.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Result<String, StressError> {
        let all: Vec<&str> = ["netns", "exec", &self.name, program].into_iter().chain(args.iter().copied()).collect();
        command::run("ip", &all)
    }

    /// Runs lines of `ip` inside, in one process.
    pub(super) fn ip_batch(&self, lines: &str) -> Result<(), StressError> {
        command::run_with_input("ip", &["-n", &self.name, "-batch", "-"], lines).map(drop)
    }

    pub(crate) fn tc(&self, line: &str) -> Result<String, StressError> {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(line.split_whitespace()).collect();
        command::run("tc", &words)
    }

    /// Sets one of its own settings below `/proc/sys`.
    pub(super) fn set(&self, name: &str, value: &str) -> Result<(), StressError> {
        let path = Path::new("/proc/sys").join(name);
        self.inside(|| std::fs::write(&path, value).map_err(StressError::doing(format!("set {name} to {value}"))))
    }

    /// A way in for threads, which does not keep it.
    pub(crate) fn door(&self) -> Door {
        Door(self.name.clone())
    }

    /// Runs `work` in a thread inside, and returns its result.
    pub(crate) fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, StressError> + Send,
    ) -> Result<T, StressError> {
        self.door().inside(work)
    }
}

/// A way into a namespace by its name.
#[derive(Clone, Debug)]
pub(crate) struct Door(String);

impl Door {
    /// Moves the calling thread into the namespace, for good: its sockets, netlink and `/proc/thread-self/net` are those
    /// of the namespace then. For threads of one's own only.
    pub(crate) fn enter(&self) -> Result<(), StressError> {
        let moved = move_into_link_name_space(self.open()?.as_fd(), Some(LinkNameSpaceType::Network));
        moved.map_err(|errno| StressError::doing(self.doing())(errno.into()))
    }

    /// The file that stands for it.
    pub(crate) fn open(&self) -> Result<File, StressError> {
        File::open(Path::new(NETNS_DIR).join(&self.0)).map_err(StressError::doing(self.doing()))
    }

    fn doing(&self) -> String {
        format!("enter the network namespace {}", self.0)
    }

    /// Runs `work` in a thread inside, and returns its result.
    pub(crate) fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, StressError> + Send,
    ) -> Result<T, StressError> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// Ends what still runs in a namespace of a stress, and deletes it. What does not go is found by whoever looks for what is left.
pub(super) fn delete(name: &str) {
    let pids = command::run("ip", &["netns", "pids", name]).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|word| word.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    let _ = command::run("ip", &["netns", "delete", name]);
}
