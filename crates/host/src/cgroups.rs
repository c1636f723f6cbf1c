//! Control groups by the kernel's ids.
//!
//! The kernel knows a cgroup by a number of 64 bits, which is the inode of its folder on the cgroup2 mount and is never
//! given twice. What the rig hears of a socket is that number; people want the path. So the tree is walked: when a number is
//! met that is not known, and not more than once a second.

use crate::error::HostError;
use crate::mounts::{MOUNTINFO, Mount, parse_mounts};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The least time between two walks.
const WALK_INTERVAL_NS: u64 = 1_000_000_000;
/// The most cgroups that are known at once: at some 200 bytes each, a few megabytes.
const KNOWN_MAX: usize = 16_384;
/// The most removed ones that are remembered.
const REMOVED_MAX: usize = 4_096;
/// How long removed ones are remembered: records come after a container's end, the latest a window and a minute later.
const REMOVED_FOR_NS: u64 = 600 * 1_000_000_000;
/// The most numbers that are remembered as unknown to a walk.
const UNKNOWN_MAX: usize = 16_384;

/// Paths of control groups by the kernel's ids.
#[derive(Debug)]
pub struct Cgroups {
    mount: Option<CgroupMount>,
    known: HashMap<u64, Known>,
    /// Numbers that a walk did not find. None is given twice, and a cgroup is older than its sockets: no later walk will.
    unknown: HashSet<u64>,
    walked_ns: Option<u64>,
    status: CgroupsStatus,
}

/// How the resolver fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CgroupsStatus {
    /// Cgroups whose path is known, removed ones included.
    pub known: usize,
    /// Of these, removed ones that are remembered.
    pub removed: usize,
    /// Cgroups that the latest walk had no room for; their sockets have no cgroup in the records.
    pub turned_away: u64,
    /// Walks over the tree.
    pub walks: u64,
}

#[derive(Debug)]
struct Known {
    path: Box<str>,
    /// When a walk first missed it.
    removed_ns: Option<u64>,
}

/// Where the tree can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CgroupMount {
    point: PathBuf,
    /// Path of the cgroup that is mounted there: empty for the root.
    prefix: String,
}

impl Cgroups {
    /// Finds where cgroup v2 is mounted; where it is not, the resolver knows nothing and [`Cgroups::mount`] is none.
    ///
    /// # Errors
    /// When `/proc` is not there.
    pub fn find() -> Result<Self, HostError> {
        let text = fs::read_to_string(MOUNTINFO).map_err(|source| HostError::File { path: MOUNTINFO, source })?;
        Ok(Self::on(cgroup_mount(&text)))
    }

    fn on(mount: Option<CgroupMount>) -> Self {
        let (known, unknown) = (HashMap::new(), HashSet::new());
        Self { mount, known, unknown, walked_ns: None, status: CgroupsStatus::default() }
    }

    /// Where cgroup v2 is mounted.
    #[must_use]
    pub fn mount(&self) -> Option<&Path> {
        self.mount.as_ref().map(|mount| mount.point.as_path())
    }

    /// The path of a cgroup, such as `/system.slice/nginx.service`, also for a while after it was removed; the root is
    /// `/`. None while it is not known: a number that has just come up may have to wait for the next walk, a second later.
    ///
    /// `now_ns` is any clock that does not go backwards.
    pub fn path(&mut self, id: u64, now_ns: u64) -> Option<&str> {
        if !self.known.contains_key(&id) && self.may_walk_for(id, now_ns) {
            self.walk(now_ns);
            if !self.known.contains_key(&id) {
                self.remember_unknown(id);
            }
        }
        self.known.get(&id).map(|known| &*known.path)
    }

    /// How the resolver fares.
    #[must_use]
    pub fn status(&self) -> CgroupsStatus {
        self.status
    }

    fn may_walk_for(&self, id: u64, now_ns: u64) -> bool {
        let rested = self.walked_ns.is_none_or(|walked_ns| now_ns.saturating_sub(walked_ns) >= WALK_INTERVAL_NS);
        id != 0 && rested && !self.unknown.contains(&id)
    }

    fn remember_unknown(&mut self, id: u64) {
        if self.unknown.len() >= UNKNOWN_MAX {
            // Forgetting all costs a walk a second at most, for those that come again.
            self.unknown.clear();
        }
        self.unknown.insert(id);
    }

    fn walk(&mut self, now_ns: u64) {
        let Some(mount) = &self.mount else { return };
        let walk = walk(mount, KNOWN_MAX);
        self.walked_ns = Some(now_ns);
        for (id, known) in &mut self.known {
            if !walk.paths.contains_key(id) {
                known.removed_ns.get_or_insert(now_ns);
            }
        }
        for (id, path) in walk.paths {
            self.known.insert(id, Known { path, removed_ns: None });
        }
        let removed = self.forget_removed(now_ns);
        let walks = self.status.walks + 1;
        self.status = CgroupsStatus { known: self.known.len(), removed, turned_away: walk.turned_away, walks };
    }

    /// Forgets those removed long ago, and the oldest beyond the bound; returns how many removed ones are left.
    fn forget_removed(&mut self, now_ns: u64) -> usize {
        let is_fresh = |removed_ns: u64| now_ns.saturating_sub(removed_ns) <= REMOVED_FOR_NS;
        self.known.retain(|_, known| known.removed_ns.is_none_or(is_fresh));
        let mut removed: Vec<_> = self.known.iter().filter_map(|(id, known)| Some((known.removed_ns?, *id))).collect();
        let excess = removed.len().saturating_sub(REMOVED_MAX);
        if excess > 0 {
            removed.sort_unstable();
            for (_, id) in removed.drain(..excess) {
                self.known.remove(&id);
            }
        }
        removed.len()
    }
}

/// The mount that shows most of the tree: of the root if there is one. In a v1/v2 hybrid it is at
/// `/sys/fs/cgroup/unified`, and v1's mounts are of another type.
fn cgroup_mount(mountinfo: &str) -> Option<CgroupMount> {
    let candidates = parse_mounts(mountinfo).filter(|mount| mount.kind == "cgroup2");
    let Mount { root, point, .. } = candidates.min_by_key(|mount| mount.root.len())?;
    Some(CgroupMount { point, prefix: root.trim_end_matches('/').to_owned() })
}

struct Walk {
    paths: HashMap<u64, Box<str>>,
    turned_away: u64,
}

/// Everything below a mount, level by level, so that a bound leaves out the deepest. What goes away meanwhile is left out.
fn walk(mount: &CgroupMount, max: usize) -> Walk {
    let mut walk = Walk { paths: HashMap::new(), turned_away: 0 };
    let Ok(root) = fs::metadata(&mount.point) else { return walk };
    let root_path = if mount.prefix.is_empty() { "/" } else { mount.prefix.as_str() };
    walk.paths.insert(root.ino(), root_path.into());
    let mut folders = VecDeque::from([(mount.point.clone(), mount.prefix.clone())]);
    while let Some((folder, path)) = folders.pop_front() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if walk.paths.len() >= max {
                walk.turned_away += 1;
                continue;
            }
            let below = format!("{path}/{}", entry.file_name().to_string_lossy());
            walk.paths.insert(entry.ino(), below.as_str().into());
            // Two links are its name and its own ".": nothing below, and no need to read its fifty files' names.
            if entry.metadata().is_ok_and(|meta| meta.nlink() != 2) {
                folders.push_back((entry.path(), below));
            }
        }
    }
    walk
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SECOND: u64 = 1_000_000_000;

    fn tree(folders: &[&str]) -> (tempfile::TempDir, Cgroups) {
        let root = tempfile::tempdir().expect("a folder");
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).expect("create");
            fs::write(root.path().join(folder).join("cgroup.procs"), "").expect("write");
        }
        let mount = CgroupMount { point: root.path().to_owned(), prefix: String::new() };
        (root, Cgroups::on(Some(mount)))
    }

    fn id(root: &tempfile::TempDir, folder: &str) -> u64 {
        fs::metadata(root.path().join(folder)).expect("the folder").ino()
    }

    #[test]
    fn the_mount_is_found_on_pure_v2_hybrid_and_absent_on_v1() {
        let v1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                  35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let hybrid = format!("{v1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
        let pure =
            "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
        let part = "90 22 0:26 /system.slice/a /mnt/part rw - cgroup2 cgroup2 rw\n";
        let point = |text: &str| cgroup_mount(text).map(|mount| (mount.point.display().to_string(), mount.prefix));
        assert_eq!(point(v1), None);
        assert_eq!(point(&hybrid), Some(("/sys/fs/cgroup/unified".to_owned(), String::new())));
        assert_eq!(point(pure), Some(("/sys/fs/cgroup".to_owned(), String::new())));
        assert_eq!(point(&format!("{part}{pure}")), point(pure), "the whole tree before a part of it");
        assert_eq!(point(part), Some(("/mnt/part".to_owned(), "/system.slice/a".to_owned())));
    }

    #[test]
    fn without_a_mount_nothing_is_known_and_callers_can_say_so() {
        let mut cgroups = Cgroups::on(None);
        assert_eq!(cgroups.mount(), None);
        assert_eq!(cgroups.path(1, 0), None);
    }

    #[test]
    fn ids_are_the_inodes_of_folders() {
        let (root, mut cgroups) = tree(&["system.slice/nginx.service/worker", "init.scope"]);
        assert_eq!(cgroups.path(id(&root, "."), 0), Some("/"));
        assert_eq!(cgroups.path(id(&root, "init.scope"), 0), Some("/init.scope"));
        let deep = id(&root, "system.slice/nginx.service/worker");
        assert_eq!(cgroups.path(deep, 0), Some("/system.slice/nginx.service/worker"));
        assert_eq!(cgroups.status(), CgroupsStatus { known: 5, removed: 0, turned_away: 0, walks: 1 });
    }

    #[test]
    fn a_mount_of_a_part_of_the_tree_tells_whole_paths() {
        let (root, _) = tree(&["inner"]);
        let mut cgroups =
            Cgroups::on(Some(CgroupMount { point: root.path().to_owned(), prefix: "/docker/ab".to_owned() }));
        assert_eq!(cgroups.path(id(&root, "inner"), 0), Some("/docker/ab/inner"));
        assert_eq!(cgroups.path(id(&root, "."), 0), Some("/docker/ab"));
    }

    #[test]
    fn the_tree_is_walked_for_new_ids_only_and_not_twice_in_a_second() {
        let (root, mut cgroups) = tree(&["a"]);
        assert_eq!(cgroups.path(id(&root, "a"), 0), Some("/a"));
        fs::create_dir(root.path().join("b")).expect("create");
        let b = id(&root, "b");
        assert_eq!(cgroups.path(b, SECOND / 2), None, "half a second after a walk there is none");
        assert_eq!(cgroups.path(b, SECOND), Some("/b"));
        for second in 1..100 {
            assert_eq!(cgroups.path(u64::MAX, second * SECOND * 2), None);
            assert_eq!(cgroups.path(0, second * SECOND * 2), None, "no cgroup has this number");
        }
        assert_eq!(cgroups.status().walks, 3, "a number that one walk did not find is not looked for again");
    }

    #[test]
    fn a_removed_cgroup_is_remembered_for_a_while() {
        let (root, mut cgroups) = tree(&["stays", "goes"]);
        let goes = id(&root, "goes");
        assert_eq!(cgroups.path(goes, 0), Some("/goes"));
        fs::remove_dir_all(root.path().join("goes")).expect("remove");
        let mut unknown = u64::MAX;
        let mut at = |cgroups: &mut Cgroups, now_ns| {
            unknown -= 1;
            cgroups.path(unknown, now_ns).map(str::to_owned);
            cgroups.path(goes, now_ns).map(str::to_owned)
        };
        assert_eq!(at(&mut cgroups, SECOND).as_deref(), Some("/goes"));
        assert_eq!(cgroups.status().removed, 1);
        assert_eq!(at(&mut cgroups, SECOND + REMOVED_FOR_NS).as_deref(), Some("/goes"));
        assert_eq!(at(&mut cgroups, 3 * SECOND + REMOVED_FOR_NS), None);
        assert_eq!(cgroups.path(id(&root, "stays"), 0), Some("/stays"));
        assert_eq!(cgroups.status().removed, 0);
    }

    #[test]
    fn of_too_many_removed_ones_the_oldest_are_forgotten() {
        let (root, mut cgroups) = tree(&[]);
        for n in 0..REMOVED_MAX as u64 + 10 {
            cgroups.known.insert(u64::MAX / 2 + n, Known { path: "/old".into(), removed_ns: Some(n) });
        }
        assert_eq!(cgroups.path(id(&root, "."), SECOND), Some("/"));
        assert_eq!(cgroups.status().removed, REMOVED_MAX);
        assert_eq!(cgroups.path(u64::MAX / 2 + 9, SECOND), None);
        assert_eq!(cgroups.path(u64::MAX / 2 + 10, SECOND), Some("/old"));
    }

    #[test]
    fn a_bound_leaves_out_the_deepest_and_counts_them() {
        let (root, _) = tree(&["a/deep/deeper", "b", "c"]);
        let mount = CgroupMount { point: root.path().to_owned(), prefix: String::new() };
        let walk = walk(&mount, 4);
        let paths: BTreeMap<_, _> = walk.paths.iter().map(|(id, path)| (&**path, *id)).collect();
        assert_eq!(paths.into_keys().collect::<Vec<_>>(), ["/", "/a", "/b", "/c"]);
        assert_eq!(walk.turned_away, 1, "what is below one that was turned away is not looked at");
    }
}
