//! The kernel's file system of programs, maps and links: what lies there lives without a process.

use crate::ProbeError;
use libbpf_rs::libbpf_sys;
use std::ffi::{CStr, CString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Where every tool expects it.
const MOUNT_POINT: &CStr = c"/sys/fs/bpf";
/// `statfs` tells it by this (`linux/magic.h`).
const MAGIC: u32 = 0xcafe_4a11;

/// Makes a folder for pins. Where nothing is mounted at `/sys/fs/bpf` yet, the file system is, as iproute2 does.
pub(super) fn make_folder(dir: &Path) -> Result<(), ProbeError> {
    let failed = |what, source: io::Error| {
        let advice = match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => "; netrig needs root for it, and no name may have a dot in it",
            Some(libc::ENODEV) => "; this kernel has no such file system, so no policy can outlive the rig",
            _ => "",
        };
        ProbeError::Pin { what, path: dir.into(), reason: format!("{source}{advice}") }
    };
    let mount_point = Path::new(std::ffi::OsStr::from_bytes(MOUNT_POINT.to_bytes()));
    if dir.starts_with(mount_point) && !is_bpffs(mount_point).map_err(|e| failed("look at the file system of", e))? {
        mount().map_err(|e| failed("mount the kernel's file system of programs (bpf) for", e))?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed("make the folder", e))?;
    if !is_bpffs(dir).map_err(|e| failed("look at the file system of", e))? {
        let reason = "it is not on a file system of type bpf; choose a folder below /sys/fs/bpf";
        return Err(ProbeError::Pin { what: "pin a policy at", path: dir.into(), reason: reason.into() });
    }
    Ok(())
}

/// Whether `path` lies on it; what is not there does not.
#[expect(unsafe_code, reason = "the standard library tells no file system's type")]
fn is_bpffs(path: &Path) -> io::Result<bool> {
    let path = c_path(path)?;
    // SAFETY: of integers only, for which zeros are a value.
    let mut told: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a path that ends in a zero, and a whole structure, both alive during the call.
    if unsafe { libc::statfs(path.as_ptr(), &raw mut told) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::NotFound { Ok(false) } else { Err(error) };
    }
    Ok(told.f_type as u32 == MAGIC)
}

#[expect(unsafe_code, reason = "the standard library mounts nothing")]
fn mount() -> io::Result<()> {
    // SAFETY: texts that end in a zero, alive during the call.
    let done =
        unsafe { libc::mount(c"bpf".as_ptr(), MOUNT_POINT.as_ptr(), c"bpf".as_ptr(), 0, c"mode=0700".as_ptr().cast()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Pins a program, map or link.
#[expect(unsafe_code, reason = "libbpf-rs pins only what it has opened itself")]
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> Result<(), ProbeError> {
    let failed = |source: io::Error| ProbeError::Pin { what: "pin", path: path.into(), reason: source.to_string() };
    let c_path = c_path(path).map_err(failed)?;
    // SAFETY: an open descriptor, and a path that ends in a zero, both alive during the call.
    let done = unsafe { libbpf_sys::bpf_obj_pin(object.as_raw_fd(), c_path.as_ptr()) };
    if done < 0 { Err(failed(io::Error::from_raw_os_error(-done))) } else { Ok(()) }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
