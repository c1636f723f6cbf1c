//! The network namespaces of the host: containers' and those that `ip netns` made.

use crate::error::HostError;
use crate::mounts::{MOUNTINFO, parse_mounts};
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The most namespaces that are told.
const NAMESPACES_MAX: usize = 1_024;
const PROC: &str = "/proc";

/// One network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkNamespace {
    /// Its number: what `ls -l /proc/self/ns/net` shows in brackets.
    pub inode: u64,
    /// A file by which it can be entered now: a mounted one, such as `/run/netns/NAME`, which stays while it is mounted; else
    /// `/proc/PID/ns/net` of the process that has the lowest id, which goes with the process.
    pub path: PathBuf,
}

/// What [`network_namespaces`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkNamespaces {
    /// The namespaces, by inode.
    pub found: Vec<NetworkNamespace>,
    /// Processes that may not be asked for theirs: those of other users without `CAP_SYS_PTRACE`, those with more rights with it.
    pub denied_processes: usize,
    /// Namespaces beyond the bound.
    pub turned_away: usize,
}

/// Every network namespace that has a process or is mounted somewhere that this process can see.
///
/// Of a process, its main thread's namespace counts. One that is only held open by a file descriptor is not found.
///
/// # Errors
/// When `/proc` is not there.
pub fn network_namespaces() -> Result<NetworkNamespaces, HostError> {
    let mut search = Search::default();
    let mountinfo = fs::read_to_string(MOUNTINFO).map_err(|source| HostError::File { path: MOUNTINFO, source })?;
    search.mounted(&mountinfo);
    for pid in process_ids()? {
        search.process(pid);
    }
    Ok(search.finish(NAMESPACES_MAX))
}

fn process_ids() -> Result<Vec<u32>, HostError> {
    let entries = fs::read_dir(PROC).map_err(|source| HostError::File { path: PROC, source })?;
    let mut pids: Vec<u32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

#[derive(Default)]
struct Search {
    paths: HashMap<u64, PathBuf>,
    denied_processes: usize,
}

impl Search {
    fn mounted(&mut self, mountinfo: &str) {
        for mount in parse_mounts(mountinfo).filter(|mount| mount.kind == "nsfs") {
            let inode = mount.root.strip_prefix("net:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            // Another mount may cover it, and then its path leads elsewhere.
            if let Some(inode) = inode.filter(|inode| inode_at(&mount.point).ok() == Some(*inode)) {
                self.paths.entry(inode).or_insert(mount.point);
            }
        }
    }

    fn process(&mut self, pid: u32) {
        let path = PathBuf::from(format!("{PROC}/{pid}/ns/net"));
        match inode_at(&path) {
            Ok(inode) => _ = self.paths.entry(inode).or_insert(path),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => self.denied_processes += 1,
            // It is gone, or a zombie, which has none.
            Err(_) => {}
        }
    }

    fn finish(self, max: usize) -> NetworkNamespaces {
        let mut found: Vec<_> = self.paths.into_iter().map(|(inode, path)| NetworkNamespace { inode, path }).collect();
        // The lowest number is the host's: it was the first.
        found.sort_unstable_by_key(|namespace| namespace.inode);
        let turned_away = found.len().saturating_sub(max);
        found.truncate(max);
        NetworkNamespaces { found, denied_processes: self.denied_processes, turned_away }
    }
}

fn inode_at(path: &Path) -> std::io::Result<u64> {
    fs::metadata(path).map(|meta| meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_namespace_is_among_them() {
        let inode = crate::netns_inode().expect("/proc");
        let namespaces = network_namespaces().expect("/proc");
        let own = namespaces.found.iter().find(|namespace| namespace.inode == inode).expect("this process's own");
        assert_eq!(inode_at(&own.path).expect("a path that can be opened"), inode);
    }

    #[test]
    fn beyond_the_bound_they_are_counted() {
        let paths = (0..10).map(|inode| (inode, PathBuf::from("/x"))).collect();
        let namespaces = Search { paths, denied_processes: 3 }.finish(4);
        assert_eq!(namespaces.found.iter().map(|namespace| namespace.inode).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!((namespaces.turned_away, namespaces.denied_processes), (6, 3));
    }

    #[test]
    fn a_mount_that_is_no_network_namespace_or_leads_elsewhere_is_passed_over() {
        let own = crate::netns_inode().expect("/proc");
        let line = |root: &str, at: &str, kind: &str| format!("9 2 0:4 {root} {at} rw - {kind} nsfs rw\n");
        let mut search = Search::default();
        search.mounted(&line("mnt:[4026531841]", "/proc/self/ns/mnt", "nsfs"));
        search.mounted(&line("net:[1]", "/proc/self/ns/net", "nsfs"));
        search.mounted(&line(&format!("net:[{own}]"), "/proc/self/ns/net", "ext4"));
        search.mounted(&line(&format!("net:[{own}]"), "/nowhere", "nsfs"));
        assert!(search.paths.is_empty());
        search.mounted(&line(&format!("net:[{own}]"), "/proc/self/ns/net", "nsfs"));
        assert_eq!(search.paths.len(), 1);
    }
}
