//! A ring of events, read without waiting.

use crate::ProbeError;
use crate::object::{self, map};
use libbpf_rs::{AsRawLibbpf, Object, RingBuffer, RingBufferBuilder};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

/// The reading end of a ring whose events are all one `T`, a plain C struct of `wire.h`'s.
pub(crate) struct Ring<T> {
    name: &'static str,
    ring: RingBuffer<'static>,
    read: Arc<Mutex<Vec<T>>>,
    /// Octets that lay there when it was last emptied, and that it has room for.
    waited: u64,
    capacity: u64,
}

impl<T: Copy + Send + 'static> Ring<T> {
    /// Of the ring called `name` in C.
    pub(crate) fn of(object: &Object, name: &'static str) -> Result<Self, ProbeError> {
        Self::of_all(&[object], name)
    }

    /// Of the rings that are called `name` in each of these objects, which are read as one; how full it was is told of the first.
    pub(crate) fn of_all(objects: &[&Object], name: &'static str) -> Result<Self, ProbeError> {
        let failed = |source: libbpf_rs::Error| ProbeError::Ring { name, reason: format!("{source:#}") };
        let read = Arc::new(Mutex::new(Vec::new()));
        let maps = objects.iter().map(|object| map(object, name)).collect::<Result<Vec<_>, _>>()?;
        let mut builder = RingBufferBuilder::new();
        for map in &maps {
            let into = Arc::clone(&read);
            let take = move |bytes: &[u8]| {
                if let (Some(event), Ok(mut read)) = (object::from_bytes(bytes), into.lock()) {
                    read.push(event);
                }
                0
            };
            builder.add(map, take).map_err(failed)?;
        }
        // The builder borrows the maps for their descriptors alone, which libbpf has taken over by now.
        let ring = builder.build().map_err(failed)?;
        let capacity = octets(&ring)[1];
        Ok(Self { name, ring, read, waited: 0, capacity })
    }

    /// Waits until somebody is woken by what lies there, or `limit` has passed; what lies there is let go. Whether there was something.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<bool, ProbeError> {
        let polled = self.ring.poll_raw(limit);
        if let Ok(mut read) = self.read.lock() {
            read.clear();
        }
        if polled >= 0 || polled == -libc::EINTR {
            return Ok(polled > 0);
        }
        let reason = io::Error::from_raw_os_error(-polled).to_string();
        Err(ProbeError::Ring { name: self.name, reason })
    }

    /// Hands over what lies in the ring; tells how many.
    pub(crate) fn take(&mut self, take: &mut dyn FnMut(&T)) -> Result<u64, ProbeError> {
        let failed = |source: libbpf_rs::Error| ProbeError::Ring { name: self.name, reason: format!("{source:#}") };
        self.waited = octets(&self.ring)[0];
        self.ring.consume().map_err(failed)?;
        let Ok(mut read) = self.read.lock() else { return Ok(0) };
        let count = read.len() as u64;
        read.drain(..).for_each(|event| take(&event));
        Ok(count)
    }

    /// Octets that lay in the ring when it was last emptied, and that it has room for.
    pub(crate) fn waited(&self) -> (u64, u64) {
        (self.waited, self.capacity)
    }
}

/// Octets that lie in the first ring of these, and that it has room for: two loads of memory that it shares with the kernel.
#[expect(unsafe_code, reason = "libbpf tells how full a ring is by its C interface alone")]
fn octets(rings: &RingBuffer<'_>) -> [u64; 2] {
    // SAFETY: the rings live as long as they are borrowed, and so does the first of them, which only these functions read; a ring that
    // is not there is asked nothing.
    unsafe {
        let ring = libbpf_sys::ring_buffer__ring(rings.as_libbpf_object().as_ptr(), 0);
        if ring.is_null() {
            return [0; 2];
        }
        [libbpf_sys::ring__avail_data_size(ring) as u64, libbpf_sys::ring__size(ring) as u64]
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({})", self.name)
    }
}
