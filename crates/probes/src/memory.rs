//! A kernel array, mapped into this process.

use crate::ProbeError;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// An array map's memory as 64-bit words. The kernel writes it at any time, so every access is an atomic load or store;
/// what belongs together is for the reader to find out (see `drain`).
#[derive(Debug)]
pub struct SharedWords {
    start: NonNull<AtomicU64>,
    words: usize,
    mapped_bytes: usize,
}

// SAFETY: the memory is shared with the kernel anyway; all access goes through atomics.
#[expect(unsafe_code, reason = "shared memory of atomics may be used from any thread")]
unsafe impl Send for SharedWords {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "shared memory of atomics may be used from any thread")]
unsafe impl Sync for SharedWords {}

impl SharedWords {
    /// Maps `bytes` of the array map behind `fd`.
    ///
    /// # Errors
    /// What mmap says.
    #[expect(unsafe_code, reason = "mmap has no safe form")]
    pub(crate) fn map(fd: BorrowedFd<'_>, name: &str, bytes: usize) -> Result<Self, ProbeError> {
        let page = 4096;
        let mapped_bytes = bytes.div_ceil(page) * page;
        // SAFETY: a fresh mapping at an address of the kernel's choice; the fd is a map, checked by the kernel.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        let failed = |source| ProbeError::Map { name: name.to_owned(), bytes, source };
        if at == libc::MAP_FAILED {
            return Err(failed(io::Error::last_os_error()));
        }
        let start = NonNull::new(at.cast()).ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
        Ok(Self { start, words: bytes / 8, mapped_bytes })
    }

    /// All words.
    #[must_use]
    #[inline]
    #[expect(unsafe_code, reason = "a raw mapping becomes a slice")]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `words` long, lives as long as self, and atomics may be shared.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// A relaxed load.
    #[must_use]
    #[inline]
    pub fn load(&self, word: usize) -> u64 {
        self.words()[word].load(Ordering::Relaxed)
    }

    /// A store that publishes what came before it.
    pub fn publish(&self, word: usize, value: u64) {
        self.words()[word].store(value, Ordering::Release);
    }

    /// How many words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words == 0
    }
}

impl Drop for SharedWords {
    #[expect(unsafe_code, reason = "munmap has no safe form")]
    fn drop(&mut self) {
        // SAFETY: exactly what map() made, and nobody can hold a slice of it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.mapped_bytes) };
    }
}
