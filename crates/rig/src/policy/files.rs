//! The files of named sets, read again only when they have changed. A set that cannot be read any more stays as it was.

use netrig_policy::{SetError, SetFile, SetSource};
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A file as it was read last.
#[derive(Debug)]
struct Known {
    /// Of the version that was looked at last, good or not; none: it was not there.
    looked_at: Option<Stamp>,
    /// The last one that was good.
    set: Arc<SetFile>,
    /// Why a later one is not in use.
    problem: Option<String>,
}

/// Files in the folder of one policy.
#[derive(Debug)]
pub(crate) struct SetFiles {
    folder: PathBuf,
    known: BTreeMap<String, Known>,
}

impl SetFiles {
    /// Of the policy in `file`.
    pub(crate) fn beside(file: &Path) -> Self {
        Self { folder: file.parent().map(Path::to_owned).unwrap_or_default(), known: BTreeMap::new() }
    }

    fn stamp(&self, path: &str) -> Option<Stamp> {
        fs::metadata(self.folder.join(path)).ok().map(|metadata| Stamp::of(&metadata))
    }

    /// Whether a file is another than when it was looked at last.
    pub(crate) fn have_changed(&self) -> bool {
        self.known.iter().any(|(path, known)| self.stamp(path) != known.looked_at)
    }

    /// Sets that are not what their files are now, a sentence each.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.known.iter().filter_map(|(path, known)| {
            let problem = known.problem.as_ref()?;
            Some(format!("the set file {path} {problem}; its last good version stays in force"))
        })
    }

    fn read(&self, path: &str) -> Result<Arc<SetFile>, SetError> {
        let file = self.folder.join(path);
        let metadata = fs::metadata(&file)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file").into());
        }
        Ok(Arc::new(SetFile::parse(&fs::read(&file)?)?))
    }
}

impl SetSource for SetFiles {
    fn load(&mut self, path: &str) -> Result<Arc<SetFile>, SetError> {
        let stamp = self.stamp(path);
        if let Some(known) = self.known.get(path)
            && known.looked_at == stamp
        {
            return Ok(Arc::clone(&known.set));
        }
        match (self.read(path), self.known.get_mut(path)) {
            (Ok(set), _) => {
                let known = Known { looked_at: stamp, set: Arc::clone(&set), problem: None };
                self.known.insert(path.to_owned(), known);
                Ok(set)
            }
            (Err(error), Some(known)) => {
                known.looked_at = stamp;
                known.problem = Some(first_line(&error));
                Ok(Arc::clone(&known.set))
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn first_line(error: &SetError) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_end_matches([':', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_vanishes_or_breaks_stays_as_it_was_and_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let feed = folder.path().join("feed.txt");
        fs::write(&feed, "10.0.0.0/8\n").expect("write");
        let mut files = SetFiles::beside(&folder.path().join("policy.toml"));
        let first = files.load("feed.txt").expect("it is there");
        assert!(!files.have_changed() && files.problems().next().is_none());
        assert!(Arc::ptr_eq(&first, &files.load("feed.txt").expect("it is there")), "read once");

        fs::write(&feed, "10.0.0.0/8\nno address\n").expect("write");
        assert!(files.have_changed());
        assert_eq!(files.load("feed.txt").expect("the last good one"), first);
        assert!(!files.have_changed(), "what is broken is looked at once");
        assert!(files.problems().next().is_some_and(|problem| problem.contains("feed.txt")));

        fs::remove_file(&feed).expect("remove");
        assert!(files.have_changed());
        assert_eq!(files.load("feed.txt").expect("the last good one"), first);

        fs::write(&feed, "192.0.2.1\n").expect("write");
        assert!(files.have_changed());
        assert_ne!(files.load("feed.txt").expect("the new one"), first);
        assert!(files.problems().next().is_none());
    }

    #[test]
    fn a_set_that_was_never_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(SetFiles::beside(&folder.path().join("policy.toml")).load("feed.txt").is_err());
    }
}
