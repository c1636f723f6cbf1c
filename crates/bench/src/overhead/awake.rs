//! CPUs that wait awake.
//!
//! A virtual CPU that has nothing to do is given back to the hypervisor, and is woken by way of it, which takes longer than what is
//! measured here. Whether a transfer's ends come to that depends on who wakes whom, so that a tool that keeps the CPUs busy makes
//! it faster. While this is held no CPU sleeps: what is measured then is work. (Elsewhere it is the deep states of real CPUs that are
//! kept away so.)

use std::fs::OpenOptions;
use std::io::{self, Write};

/// Linux keeps to this as long as the file stays open.
const REQUEST: &str = "/dev/cpu_dma_latency";
/// So long may a CPU take to be back, microseconds.
const LATENCY_US: i32 = 0;

/// The request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Awake {
    _request: std::fs::File,
}

impl Awake {
    /// # Errors
    /// What keeps this kernel from it.
    pub(crate) fn hold() -> io::Result<Self> {
        let mut request = OpenOptions::new().write(true).open(REQUEST)?;
        request.write_all(&LATENCY_US.to_ne_bytes())?;
        Ok(Self { _request: request })
    }

    /// Whether it can be had.
    pub(crate) fn is_possible() -> bool {
        Self::hold().is_ok()
    }
}
