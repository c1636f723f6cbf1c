//! What a process holds in the kernel.

use super::wait_for;
use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

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

    /// Waits until none of them is in the kernel any more. Not looked at at once: while a program array is being cleared, each look at it
    /// (a descriptor that is opened and closed) has the kernel take a reference that it may never give back.
    #[track_caller]
    pub(crate) fn wait_until_gone(&self) {
        std::thread::sleep(Duration::from_secs(1));
        wait_for("the kernel has let go", Duration::from_secs(10), || (self.alive() == Self::default()).then_some(()));
    }

    /// The one map among them with this name, as somebody else on the machine may open it.
    #[track_caller]
    pub(crate) fn map(&self, name: &str) -> MapHandle {
        let named = MapInfoIter::default().filter(|map| self.maps.contains(&map.id) && map.name == name);
        let ids: Vec<_> = named.map(|map| map.id).collect();
        let [id] = ids[..] else { panic!("{} maps are called {name}", ids.len()) };
        MapHandle::from_map_id(id).expect("open a map by its number")
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

/// Changes what an area of memory holds, which is the one value of its map. What kernel programs write there meanwhile may be lost.
pub(crate) fn change_area(map: &MapHandle, change: impl FnOnce(&mut [u8])) {
    let key = 0_u32.to_ne_bytes();
    let mut value = map.lookup(&key, MapFlags::ANY).expect("read the map").expect("it has a value");
    change(&mut value);
    map.update(&key, &value, MapFlags::ANY).expect("write the map");
}
