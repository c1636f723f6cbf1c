//! The reading end of one ring, in place: a packet is copied once, to where it goes.

use super::record::Captured;
use crate::wire::{capture_ends, capture_record};
use crate::{ProbeError, SharedWords};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{fmt, io};

/// After so many octets the writer is told that there is room again: telling it for each packet would have both sides wait for the same
/// cache line all the time.
const TELL_OCTETS: u64 = 1 << 14;

const HEAD_OCTETS: usize = size_of::<capture_record>();
const TIME_OCTETS: usize = 8;

/// One ring.
pub(super) struct Reader {
    memory: Arc<Memory>,
    ends: Arc<SharedWords>,
    ring: usize,
    /// Octets, a power of two.
    size: u64,
    /// How far it has read, where the record behind that ends, how far the writer knows of that, and how far the writer was when it was
    /// last looked at.
    at: u64,
    next: u64,
    told: u64,
    written: u64,
}

impl Reader {
    pub(super) fn of(memory: &Arc<Memory>, ends: &Arc<SharedWords>, ring: usize, size: u64) -> Self {
        let (memory, ends) = (Arc::clone(memory), Arc::clone(ends));
        Self { memory, ends, ring, size, at: 0, next: 0, told: 0, written: 0 }
    }

    /// The next record, if there is one, and what follows it up to 8 octets.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<&[u8]> {
        loop {
            if self.at >= self.written {
                self.written = self.end(offset_of!(capture_ends, head)).load(Ordering::Acquire);
            }
            if self.at >= self.written {
                return None;
            }
            let place = self.place();
            if Captured::time_of(self.memory.octets(place, TIME_OCTETS)) != 0 {
                let room = Captured::room_of(self.memory.octets(place, HEAD_OCTETS));
                self.next = self.at + room as u64;
                return Some(self.memory.octets(place, room));
            }
            // It goes on at the ring's start.
            self.at += self.size - (self.at & (self.size - 1));
        }
    }

    /// Gives the room of the record back that was looked at last; the writer is told now and then.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.at = self.next.max(self.at);
        if self.at - self.told >= TELL_OCTETS {
            self.tell();
        }
    }

    /// Tells the writer how much room there is.
    pub(super) fn tell(&mut self) {
        self.told = self.at;
        self.end(offset_of!(capture_ends, tail)).store(self.at, Ordering::Release);
    }

    fn end(&self, offset: usize) -> &std::sync::atomic::AtomicU64 {
        &self.ends.words()[(self.ring * size_of::<capture_ends>() + offset) / 8]
    }

    fn place(&self) -> usize {
        self.ring * self.size as usize + (self.at & (self.size - 1)) as usize
    }
}

/// The rings' memory. Programs write to it; whoever reads a record has seen its writer's end pass it.
pub(super) struct Memory {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: memory that is shared with the kernel and never written from here; what is read of it has an end's release before it.
#[expect(unsafe_code, reason = "a mapping may be used from another thread than the one that made it")]
unsafe impl Send for Memory {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a mapping may be used from another thread than the one that made it")]
unsafe impl Sync for Memory {}

impl Memory {
    #[expect(unsafe_code, reason = "mmap has no safe form")]
    pub(super) fn map(fd: impl AsFd, name: &str, bytes: usize) -> Result<Self, ProbeError> {
        let failed = |source| ProbeError::Map { name: name.to_owned(), bytes, source };
        let (fd, null) = (fd.as_fd().as_raw_fd(), std::ptr::null_mut());
        // SAFETY: a fresh mapping at an address of the kernel's choice; the fd is a map, checked by the kernel.
        let at = unsafe { libc::mmap(null, bytes, libc::PROT_READ, libc::MAP_SHARED, fd, 0) };
        if at == libc::MAP_FAILED {
            return Err(failed(io::Error::last_os_error()));
        }
        let start = NonNull::new(at.cast()).ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
        Ok(Self { start, bytes })
    }

    #[inline]
    #[expect(unsafe_code, reason = "a part of a mapping becomes a slice")]
    fn octets(&self, at: usize, count: usize) -> &[u8] {
        assert!(at + count <= self.bytes, "a ring's record ends outside of its memory");
        // SAFETY: within the mapping. Of what a reader looks at, the writer has said that it is whole, and it writes there again only
        // once that reader has told it that it is done; only a reader's own record is ever looked into.
        unsafe { std::slice::from_raw_parts(self.start.add(at).as_ptr(), count) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} octets)", self.bytes)
    }
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "munmap has no safe form")]
    fn drop(&mut self) {
        // SAFETY: exactly what map() made, and nobody can hold a slice of it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
