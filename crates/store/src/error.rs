//! What can go wrong, told with what was tried, where, and what to do.

use parquet::errors::ParquetError;
use std::io;
use std::path::{Path, PathBuf};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes to this store.
    #[error("the store {} is already written by {holder}: stop it, or give this rig a [store] dir of its own", dir.display())]
    Locked {
        /// The store's folder.
        dir: PathBuf,
        /// Name and pid of the other process.
        holder: String,
    },
    /// Nothing where a store was looked for.
    #[error("there is no store at {}: has a rig with [store] enabled run here, and is this its [store] dir?", dir.display())]
    Missing {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// A segment that cannot be read back. Segments appear whole, so the disk or another program did this.
    #[error("the segment {} cannot be read ({detail}): move it away to go on without its rows", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Rows could not be encoded.
    #[error("cannot encode rows of {table}: {detail}")]
    Encode {
        /// The table.
        table: &'static str,
        /// Why.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, detail: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.to_string() }
    }

    /// Of a failed write of `path`: the file system's own error where there is one, for it says whether the disk is full.
    pub(crate) fn writing(table: &'static str, path: &Path, error: ParquetError) -> Self {
        if let ParquetError::External(inner) = error {
            return match inner.downcast::<io::Error>() {
                Ok(source) => Self::io("write", path, *source),
                Err(other) => Self::Encode { table, detail: other.to_string() },
            };
        }
        Self::Encode { table, detail: error.to_string() }
    }

    /// Whether there is no room left: on the disk, or in the quota.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (free space, or lower [store] budget)",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            " (give the rig the right to write there, or choose another [store] dir)"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            " (a file is in the way: choose another [store] dir)"
        }
        _ => "",
    }
}
