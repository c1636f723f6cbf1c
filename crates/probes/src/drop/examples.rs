//! The ring of examples.

use crate::ProbeError;
use crate::object::{self, map};
use crate::wire::drop_example;
use libbpf_rs::{Object, RingBuffer, RingBufferBuilder};
use std::fmt;
use std::sync::{Arc, Mutex};

/// The reading end.
pub(super) struct Examples {
    ring: RingBuffer<'static>,
    read: Arc<Mutex<Vec<drop_example>>>,
}

impl Examples {
    pub(super) fn of(object: &Object) -> Result<Self, ProbeError> {
        let failed = |source: libbpf_rs::Error| ProbeError::Ring { name: "examples", reason: format!("{source:#}") };
        let read = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&read);
        let map = map(object, "examples")?;
        let mut builder = RingBufferBuilder::new();
        let take = move |bytes: &[u8]| {
            if let (Some(example), Ok(mut read)) = (object::from_bytes(bytes), into.lock()) {
                read.push(example);
            }
            0
        };
        builder.add(&map, take).map_err(failed)?;
        // The builder borrows the map for its descriptor alone, which libbpf has taken over by now.
        let ring = builder.build().map_err(failed)?;
        Ok(Self { ring, read })
    }

    pub(super) fn take(&mut self, take: &mut dyn FnMut(&drop_example)) -> Result<u64, ProbeError> {
        let failed = |source: libbpf_rs::Error| ProbeError::Ring { name: "examples", reason: format!("{source:#}") };
        self.ring.consume().map_err(failed)?;
        let Ok(mut read) = self.read.lock() else { return Ok(0) };
        let count = read.len() as u64;
        read.drain(..).for_each(|example| take(&example));
        Ok(count)
    }
}

impl fmt::Debug for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Examples")
    }
}
