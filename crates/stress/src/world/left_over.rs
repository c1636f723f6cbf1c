//! What is left: of killed runs, which the next one removes, and of this one, which its report tells.

use super::namespace::{NETNS_DIR, delete};
use super::{PREFIX, folder};
use libbpf_rs::query::{LinkInfoIter, ProgInfoIter};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The kernel lets go of programs a while after who held them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Removes the namespaces, processes, mounts and folders of runs whose process is no more.
pub(super) fn remove_orphans() {
    for name in names_in(Path::new(NETNS_DIR)).filter(|name| is_orphan(name)) {
        delete(&name);
    }
    let folders = std::env::temp_dir();
    for name in names_in(&folders).filter(|name| is_orphan(name)) {
        folder::remove(&folders.join(name));
    }
}

fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// Whether a name is one of ours whose maker is gone.
fn is_orphan(name: &str) -> bool {
    maker(name).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

/// The id of the process that made something, by its name.
fn maker(name: &str) -> Option<u32> {
    let pid = name.strip_prefix(PREFIX)?;
    pid.split_once('-').map_or(pid, |(pid, _)| pid).parse().ok()
}

/// Namespaces, folders, mounts and processes that are still there, a sentence each.
pub(super) fn of_this_run(namespaces: &[String], folder: &Path) -> Vec<String> {
    let mut left = Vec::new();
    let there: BTreeSet<String> = names_in(Path::new(NETNS_DIR)).collect();
    left.extend(namespaces.iter().filter(|name| there.contains(*name)).map(|name| format!("the namespace {name}")));
    left.extend(folder::mounts_below(folder).into_iter().map(|place| format!("a mount at {place}")));
    if folder.exists() {
        left.push(format!("the folder {}", folder.display()));
    }
    let mark = folder.display().to_string();
    for pid in names_in(Path::new("/proc")).filter(|name| name.bytes().all(|octet| octet.is_ascii_digit())) {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if pid != std::process::id().to_string() && String::from_utf8_lossy(&words).contains(&mark) {
            left.push(format!("the process {pid}"));
        }
    }
    left
}

/// Ids of the kernel's programs and links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BpfObjects {
    programs: BTreeSet<u32>,
    links: BTreeSet<u32>,
}

impl BpfObjects {
    /// Waits until the kernel has let go of them, and says of which it has not.
    pub(crate) fn left(&self) -> Vec<String> {
        let begun = Instant::now();
        loop {
            // Not at once: while the kernel clears an array of programs, each look at it takes a reference that may stay.
            std::thread::sleep(Duration::from_millis(500));
            let alive = self.alive();
            if alive == Self::default() || begun.elapsed() > PATIENCE {
                let programs = alive.programs.iter().map(|id| format!("the kernel's program {id}"));
                return programs.chain(alive.links.iter().map(|id| format!("the kernel's link {id}"))).collect();
            }
        }
    }

    fn alive(&self) -> Self {
        if *self == Self::default() {
            return Self::default();
        }
        let programs: BTreeSet<u32> = ProgInfoIter::default().map(|info| info.id).collect();
        let links: BTreeSet<u32> = LinkInfoIter::default().map(|info| info.id).collect();
        Self {
            programs: self.programs.intersection(&programs).copied().collect(),
            links: self.links.intersection(&links).copied().collect(),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.programs.extend(other.programs);
        self.links.extend(other.links);
    }
}

/// What a process holds descriptors of.
pub(crate) fn bpf_objects_of(pid: u32) -> BpfObjects {
    let mut objects = BpfObjects::default();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
        // A descriptor may be closed between the listing and the reading.
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        for (word, number) in text.lines().filter_map(|line| line.split_once(':')) {
            let Ok(id) = number.trim().parse() else { continue };
            match word {
                "prog_id" => objects.programs.insert(id),
                "link_id" => objects.links.insert(id),
                _ => false,
            };
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_carries_the_id_of_a_process_that_is_gone_is_an_orphan() {
        let own = std::process::id();
        assert!(!is_orphan(&format!("{PREFIX}{own}")));
        assert!(!is_orphan(&format!("{PREFIX}{own}-left")));
        assert!(is_orphan(&format!("{PREFIX}4294967295-left")));
        assert!(is_orphan(&format!("{PREFIX}4294967295")));
        assert!(!is_orphan("netrig-stress-of-somebody"));
        assert!(!is_orphan("netrig-test-4294967295-left"));
    }

    #[test]
    fn what_is_there_is_told() {
        let folder = std::env::temp_dir();
        assert_eq!(of_this_run(&[], &folder.join("netrig-stress-never-made")), Vec::<String>::new());
        let left = of_this_run(&[], &folder);
        assert!(left.iter().any(|sentence| sentence.starts_with("the folder")), "{left:?}");
    }
}
