//! The reading end of one ring, in place: a packet is copied once, to where it goes.
//!
//! libbpf's own reader hands over what comes as it comes, from one ring after the other. Packets are wanted in the order of their
//! times, so who reads has to see the next of each ring before it takes one.

use libbpf_rs::MapHandle;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Of a record's first word, the kernel's UAPI (`linux/bpf.h`): still being written, and not to be read.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER_OCTETS: u64 = 8;

/// One ring. Its memory: a page that the reader writes its end to, a page with the writer's end, and the records, twice in a row,
/// so that each lies in one piece.
#[derive(Debug)]
pub(super) struct Reader {
    consumer: Mapping,
    producer: Mapping,
    page: usize,
    mask: u64,
    /// The reader's end.
    at: u64,
}

impl Reader {
    pub(super) fn of(ring: &MapHandle, octets: u32) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let map = |offset, bytes, writable| Mapping::of(ring.as_fd().as_raw_fd(), offset, bytes, writable);
        Ok(Self {
            consumer: map(0, page, true)?,
            producer: map(page, page + 2 * octets as usize, false)?,
            page,
            mask: u64::from(octets) - 1,
            at: 0,
        })
    }

    /// The next record, if there is one; what was given up by its writer is passed over.
    pub(super) fn peek(&mut self) -> Option<&[u8]> {
        loop {
            let written = self.producer.end().load(Ordering::Acquire);
            if self.at >= written {
                return None;
            }
            let word = self.producer.header(self.place()).load(Ordering::Acquire);
            if word & BUSY != 0 {
                return None;
            }
            if word & DISCARDED == 0 {
                return Some(self.producer.octets(self.place() + HEADER_OCTETS as usize, word as usize));
            }
            self.pass(word);
        }
    }

    /// Gives the next record's room back.
    pub(super) fn advance(&mut self) {
        let word = self.producer.header(self.place()).load(Ordering::Relaxed);
        self.pass(word);
    }

    fn place(&self) -> usize {
        self.page + (self.at & self.mask) as usize
    }

    fn pass(&mut self, word: u32) {
        let octets = u64::from(word & !(BUSY | DISCARDED));
        self.at += (octets + HEADER_OCTETS).next_multiple_of(8);
        self.consumer.end().store(self.at, Ordering::Release);
    }
}

#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: memory that is shared with the kernel; ends and headers are reached through atomics, records only by their one reader.
#[expect(unsafe_code, reason = "a mapping may be used from another thread than the one that made it")]
unsafe impl Send for Mapping {}

impl Mapping {
    #[expect(unsafe_code, reason = "mmap has no safe form")]
    fn of(fd: i32, offset: usize, bytes: usize, writable: bool) -> io::Result<Self> {
        let rights = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: a fresh mapping at an address of the kernel's choice; the fd is a ring, checked by the kernel.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, rights, libc::MAP_SHARED, fd, offset) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(at.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, bytes })
    }

    /// The page's first word: how far its side has come.
    #[expect(unsafe_code, reason = "a word of a mapping becomes an atomic")]
    fn end(&self) -> &AtomicU64 {
        // SAFETY: pages are aligned and longer than that; the kernel reads and writes the word as a whole.
        unsafe { self.start.cast().as_ref() }
    }

    /// A record's first word.
    #[expect(unsafe_code, reason = "a word of a mapping becomes an atomic")]
    fn header(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.bytes, "a ring's record begins outside of it");
        // SAFETY: within the mapping and aligned; the kernel writes the word as a whole.
        unsafe { self.start.add(at).cast().as_ref() }
    }

    /// A record that its writer has handed over.
    #[expect(unsafe_code, reason = "a part of a mapping becomes a slice")]
    fn octets(&self, at: usize, count: usize) -> &[u8] {
        assert!(at + count <= self.bytes, "a ring's record ends outside of it");
        // SAFETY: within the mapping. The kernel writes there again only once the reader's end has passed it, and who holds
        // this slice holds the reader.
        unsafe { std::slice::from_raw_parts(self.start.add(at).as_ptr(), count) }
    }
}

impl Drop for Mapping {
    #[expect(unsafe_code, reason = "munmap has no safe form")]
    fn drop(&mut self) {
        // SAFETY: exactly what of() made, and nobody can hold a slice of it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
