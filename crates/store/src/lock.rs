//! One writer a store.

use crate::StoreError;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held as long as the writer lives; the kernel lets go of it when the process dies, however it dies.
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    pub(crate) fn acquire(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(".lock");
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|e| StoreError::io("open for writing", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(StoreError::Locked { dir: dir.to_owned(), holder });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io("lock", &path, e)),
        }
        let sign = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        match sign {
            Ok(()) => Ok(Self { _file: file }),
            // A full disk refuses the signature; the lock holds all the same, only unnamed.
            Err(e) if StoreError::io("sign", &path, std::io::Error::from(e.kind())).is_full() => {
                Ok(Self { _file: file })
            }
            Err(e) => Err(StoreError::io("write", &path, e)),
        }
    }
}

/// Who holds the lock, as the lock file tells it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok());
    let Some(pid) = pid else { return "another process".to_owned() };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{} (pid {pid})", name.trim()),
        Err(_) => format!("the process with pid {pid}"),
    }
}
