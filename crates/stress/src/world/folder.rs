//! The run's folder, with a disk of its own in it where the plan wants a small one.

use super::PREFIX;
use crate::StressError;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// A folder, removed when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn make(disk_bytes: Option<u64>) -> Result<Self, StressError> {
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        std::fs::create_dir(&path).map_err(StressError::doing(format!("make the folder {}", path.display())))?;
        let folder = Self { path };
        let store = folder.store();
        std::fs::create_dir(&store).map_err(StressError::doing(format!("make the folder {}", store.display())))?;
        if let Some(bytes) = disk_bytes {
            let size = CString::new(format!("size={bytes},mode=0700")).unwrap_or_default();
            let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
            let mounted = mount("tmpfs", &store, "tmpfs", flags, Some(size.as_c_str()));
            mounted.map_err(|errno| {
                StressError::doing(format!("mount a small disk at {}", store.display()))(errno.into())
            })?;
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Unmounts what is mounted in a stress's folder, and removes it. What does not go is found by whoever looks for what is left.
pub(super) fn remove(path: &Path) {
    let disk = path.join("store");
    if mounts_below(path).is_empty() || unmount(&disk, UnmountFlags::DETACH).is_ok() {
        let _ = std::fs::remove_dir_all(path);
    }
}

/// What is mounted in a folder.
pub(super) fn mounts_below(path: &Path) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = table.lines().filter_map(|line| line.split(' ').nth(1));
    places.filter(|place| Path::new(place).starts_with(path)).map(str::to_owned).collect()
}
