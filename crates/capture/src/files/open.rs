//! Opening a file for a capture, which may be done by root in a folder that others can write to.

use crate::Error;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens `path` and says whether it is a file that can be cut. A new file can be read by its owner only, as what people say
/// to each other is in it; a file that is there is emptied and keeps its rights.
pub(super) fn open(path: &Path) -> Result<(File, bool), Error> {
    let create = |source| Error::Create { path: path.to_owned(), source };
    let refused = |why| Error::Refused { path: path.to_owned(), why };
    let is_stream = names_a_stream(path);
    if !is_stream && let Ok(there) = path.symlink_metadata() {
        let kind = there.file_type();
        if kind.is_dir() {
            return Err(refused("it is a folder; name a file in it"));
        }
        if kind.is_symlink() {
            return Err(refused("it is a symbolic link; name what it leads to"));
        }
        if kind.is_block_device() || kind.is_socket() {
            return Err(refused("it is a device or a socket; name a file"));
        }
    }
    let mut options = OpenOptions::new();
    // A link that someone puts there after the look above is not followed either.
    options.write(true).create(true).mode(0o600).custom_flags(if is_stream { 0 } else { libc::O_NOFOLLOW });
    let file = options.open(path).map_err(create)?;
    let is_file = file.metadata().map_err(create)?.is_file();
    if is_file {
        file.set_len(0).map_err(create)?;
    }
    Ok((file, is_file))
}

/// The process's own open files, which the system shows as links.
fn names_a_stream(path: &Path) -> bool {
    let below = |folder: &str| path.parent() == Some(Path::new(folder));
    path == Path::new("/dev/stdout") || path == Path::new("/dev/stderr") || below("/dev/fd") || below("/proc/self/fd")
}

/// Cuts what is not whole off the end of a file.
pub(super) fn cut(file: &mut File, octets: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.set_len(octets)?;
    file.seek(SeekFrom::Start(octets)).map(|_| ())
}
