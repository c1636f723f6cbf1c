//! What a process holds in the kernel.

use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter};
use std::collections::BTreeSet;
use std::fs;

/// Ids of BPF programs, links and maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BpfObjects {
    pub(crate) programs: BTreeSet<u32>,
    pub(crate) links: BTreeSet<u32>,
    pub(crate) maps: BTreeSet<u32>,
}

impl BpfObjects {
    /// What the process has descriptors of, as the kernel tells in `/proc/PID/fdinfo`.
    pub(crate) fn of_process(pid: u32) -> Self {
        let mut objects = Self::default();
        let folder = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("list the rig's descriptors");
        for entry in folder.flatten() {
            // A descriptor may be closed between the listing and the reading.
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            for (word, number) in text.lines().filter_map(|line| line.split_once(':')) {
                let Ok(id) = number.trim().parse() else { continue };
                match word {
                    "prog_id" => objects.programs.insert(id),
                    "link_id" => objects.links.insert(id),
                    "map_id" => objects.maps.insert(id),
                    _ => false,
                };
            }
        }
        objects
    }

    /// Those that still are in the kernel.
    pub(crate) fn alive(&self) -> Self {
        Self {
            programs: ProgInfoIter::default().map(|p| p.id).filter(|id| self.programs.contains(id)).collect(),
            links: LinkInfoIter::default().map(|l| l.id).filter(|id| self.links.contains(id)).collect(),
            maps: MapInfoIter::default().map(|m| m.id).filter(|id| self.maps.contains(id)).collect(),
        }
    }
}
