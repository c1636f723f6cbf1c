//! How a file comes to be: whole, or not at all.

use crate::StoreError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A file under its temporary name. Dropped before it is published, it is removed.
pub(crate) struct Draft {
    target: PathBuf,
    temporary: PathBuf,
    published: bool,
}

impl Draft {
    /// An empty file beside `target`, under a name that no reader takes for a segment.
    pub(crate) fn create(target: &Path) -> Result<(Self, File), StoreError> {
        let (folder, name) = (target.parent().unwrap_or(target), target.file_name().unwrap_or_default());
        make_folder(folder)?;
        let temporary = folder.join(format!(".{}.tmp", name.to_string_lossy()));
        let file = File::create(&temporary).map_err(|e| StoreError::io("create", &temporary, e))?;
        Ok((Self { target: target.to_owned(), temporary, published: false }, file))
    }

    /// Whether a file name is one of ours, left behind by a writer that was killed.
    pub(crate) fn is_leftover(file_name: &str) -> bool {
        file_name.starts_with('.') && file_name.ends_with(".parquet.tmp")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Data to disk, then the name, then the name to disk: after a crash at any point between, the file is whole or absent.
    pub(crate) fn publish(mut self, file: &File) -> Result<u64, StoreError> {
        file.sync_all().map_err(|e| StoreError::io("flush", &self.temporary, e))?;
        let bytes = file.metadata().map_err(|e| StoreError::io("measure", &self.temporary, e))?.len();
        fs::rename(&self.temporary, &self.target).map_err(|e| StoreError::io("rename into place", &self.target, e))?;
        self.published = true;
        sync_folder(self.target.parent().unwrap_or(&self.target))?;
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
