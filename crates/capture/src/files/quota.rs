//! Keeping a folder of dumps small.

use super::names::{DUMP_PREFIX, DUMP_SUFFIX};
use crate::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What dumps in a folder may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The most files, with the one being written.
    pub files: usize,
    /// The most octets, with those of the one being written.
    pub bytes: u64,
}

/// A dump that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its path.
    pub path: PathBuf,
    /// Its octets.
    pub bytes: u64,
}

impl Quota {
    /// Removes the oldest dumps in `folder` until the rest keep within the quota, and says which. Only files with names as
    /// [`dump_path`](crate::dump_path) makes them count and are removed, and never `current`, the one being written.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or a file not be removed.
    pub fn keep(&self, folder: &Path, current: Option<&Path>) -> Result<Vec<Removed>, Error> {
        let mut dumps = dumps(folder)?;
        let current = current.and_then(Path::file_name);
        let (mut files, mut bytes) = (dumps.len(), dumps.iter().map(|(_, _, bytes)| bytes).sum::<u64>());
        dumps.retain(|(_, path, _)| current.is_none() || path.file_name() != current);
        dumps.sort();
        let mut removed = Vec::new();
        for (_, path, octets) in dumps {
            if files <= self.files && bytes <= self.bytes {
                break;
            }
            match std::fs::remove_file(&path) {
                Ok(()) => removed.push(Removed { path, bytes: octets }),
                // Someone else was faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Quota { path, source }),
            }
            files -= 1;
            bytes -= octets;
        }
        Ok(removed)
    }
}

/// Dumps of a folder, with when they were last written and their octets.
fn dumps(folder: &Path) -> Result<Vec<(SystemTime, PathBuf, u64)>, Error> {
    let wrong = |source| Error::Quota { path: folder.to_owned(), source };
    let mut dumps = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(DUMP_PREFIX) && name.ends_with(DUMP_SUFFIX));
        // Neither follows links: one with such a name is none of ours.
        if let Ok(about) = entry.metadata()
            && is_ours
            && about.is_file()
        {
            dumps.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path(), about.len()));
        }
    }
    Ok(dumps)
}
