//! Where a container's packets are: in a network namespace of its own, or among all others, by its control groups.

use crate::failure::Usage;
use crate::output::say;
use anyhow::Context;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The beginning of an id is enough from so many characters on.
const ID_BEGINS: usize = 6;

/// Where to look.
pub(super) struct Place {
    netns: u32,
    /// Another network namespace, by a file that leads there, and whose it is.
    elsewhere: Option<(PathBuf, String)>,
    cgroups: Option<Vec<u64>>,
}

impl Place {
    /// Here, or where a container is.
    pub(super) fn find(container: Option<&str>) -> anyhow::Result<Self> {
        let here = netrig_host::netns_inode()?;
        let netns = u32::try_from(here).unwrap_or(0);
        let Some(word) = container else { return Ok(Self { netns, elsewhere: None, cgroups: None }) };
        let found = processes_of(word)?;
        let Some(first) = found.first() else {
            let why =
                "no process of it runs on this host; it is named as in /proc/PID/cgroup, by its id or its unit's name";
            return Err(Usage(format!("--container {word}: {why}")).into());
        };
        let names: BTreeSet<&str> = found.iter().map(|process| process.container.as_str()).collect();
        if names.len() > 1 {
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Usage(format!("--container {word}: that may be one of {names}")).into());
        }
        if let Some(inside) = found.iter().find(|process| process.netns != here) {
            let path = PathBuf::from(format!("/proc/{}/ns/net", inside.pid));
            let netns = u32::try_from(inside.netns).unwrap_or(0);
            return Ok(Self { netns, elsewhere: Some((path, first.container.clone())), cgroups: None });
        }
        Ok(Self { netns, elsewhere: None, cgroups: Some(cgroups_of(&found)?) })
    }

    /// Inode of the network namespace.
    pub(super) fn netns(&self) -> u32 {
        self.netns
    }

    /// Only these control groups' packets.
    pub(super) fn cgroups(&self) -> Option<&[u64]> {
        self.cgroups.as_deref()
    }

    /// Whose namespace it is, if it is another than this process'.
    pub(super) fn elsewhere(&self) -> Option<&str> {
        self.elsewhere.as_ref().map(|(_, container)| container.as_str())
    }

    /// Does something in that namespace, on a thread of its own: this one stays where it is.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
        let Some((path, container)) = &self.elsewhere else { return work() };
        let namespace = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        say(&format!("netrig: {container} has a network namespace of its own: all that passes there is looked at"));
        let entered = std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let kind = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(namespace.as_fd(), kind)
                    .with_context(|| format!("cannot enter the network namespace {}", path.display()))?;
                work()
            });
            inside.join()
        });
        entered.unwrap_or_else(|_| anyhow::bail!("the thread that captures has panicked"))
    }
}

struct Process {
    pid: u32,
    container: String,
    cgroup: String,
    netns: u64,
}

fn processes_of(word: &str) -> anyhow::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let owner = netrig_host::owner_of_process(pid, None);
        let (Some(container), Some(cgroup)) = (owner.container, owner.cgroup) else { continue };
        let Ok(netns) = fs::metadata(entry.path().join("ns/net")) else { continue };
        if is_called(&container, word) {
            found.push(Process { pid, container, cgroup, netns: netns.ino() });
        }
    }
    Ok(found)
}

fn is_called(container: &str, word: &str) -> bool {
    container == word
        || container.strip_suffix(".service") == Some(word)
        || word.len() >= ID_BEGINS && container.starts_with(word)
}

/// The numbers of its control groups and of those within.
fn cgroups_of(processes: &[Process]) -> anyhow::Result<Vec<u64>> {
    let cgroups = netrig_host::Cgroups::find()?;
    let Some(root) = cgroups.mount() else {
        anyhow::bail!(
            "no v2 control groups are mounted, by which a container's sockets could be told (`mount -t cgroup2 none /sys/fs/cgroup`)"
        );
    };
    let paths: BTreeSet<&str> = processes.iter().map(|process| process.cgroup.as_str()).collect();
    let mut numbers = Vec::new();
    for path in paths {
        let folder = root.join(path.trim_start_matches('/'));
        let number = fs::metadata(&folder).with_context(|| format!("cannot look at {}", folder.display()))?.ino();
        numbers.push(number);
        add_within(&folder, &mut numbers);
    }
    Ok(numbers)
}

fn add_within(folder: &Path, numbers: &mut Vec<u64>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            numbers.push(entry.ino());
            add_within(&entry.path(), numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_called_by_its_name_or_the_beginning_of_its_id() {
        assert!(is_called("web", "web") && is_called("nginx.service", "nginx"));
        assert!(is_called("0123456789abcdef", "012345") && !is_called("0123456789abcdef", "01234"));
        assert!(!is_called("website", "web"));
    }

    #[test]
    fn a_container_that_is_not_there_is_said() {
        let error = Place::find(Some("no-such-container")).err().expect("there is none").to_string();
        assert!(error.starts_with("--container no-such-container: no process of it runs on this host"), "{error}");
    }
}
