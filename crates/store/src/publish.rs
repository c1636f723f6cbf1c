//! How a file comes to be: whole, or not at all.

use crate::StoreError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells drafts of this process apart: several may be under way, and of the same range.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A file under its temporary name. Dropped before it is published, it is removed.
pub(crate) struct Draft {
    temporary: PathBuf,
    published: bool,
}

impl Draft {
    /// An empty file where `target` is to be, under a name that no reader takes for a segment.
    pub(crate) fn create(target: &Path) -> Result<(Self, File), StoreError> {
        let (folder, name) = (target.parent().unwrap_or(target), target.file_name().unwrap_or_default());
        make_folder(folder)?;
        let (stem, number) = (Path::new(name).file_stem().unwrap_or_default(), DRAFTS.fetch_add(1, Ordering::Relaxed));
        let temporary = folder.join(format!(".{}-{number}.parquet.tmp", stem.to_string_lossy()));
        let file = File::create(&temporary).map_err(|e| StoreError::io("create", &temporary, e))?;
        Ok((Self { temporary, published: false }, file))
    }

    /// Whether a file name is one of ours, left behind by a writer that was killed.
    pub(crate) fn is_leftover(file_name: &str) -> bool {
        file_name.starts_with('.') && file_name.ends_with(".parquet.tmp")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Data to disk, then the name, then the name to disk: after a crash at any point between, the file is whole or absent.
    /// `target` is on the same disk; it need not be the one that the draft was begun for.
    pub(crate) fn publish(mut self, file: &File, target: &Path) -> Result<u64, StoreError> {
        file.sync_all().map_err(|e| StoreError::io("flush", &self.temporary, e))?;
        let bytes = file.metadata().map_err(|e| StoreError::io("measure", &self.temporary, e))?.len();
        let folder = target.parent().unwrap_or(target);
        make_folder(folder)?;
        fs::rename(&self.temporary, target).map_err(|e| StoreError::io("rename into place", target, e))?;
        self.published = true;
        sync_folder(folder)?;
        Ok(bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Nothing more can be done; the next writer removes what is left.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
        fs::create_dir(folder)
            .or_else(|e| if folder.is_dir() { Ok(()) } else { Err(e) })
            .map_err(|e| StoreError::io("create", folder, e))?;
        sync_folder(parent)?;
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| StoreError::io("flush", folder, e))
}
