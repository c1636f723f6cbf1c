//! The kernel's own run-time statistics of BPF programs, which cost 75 ns and more a run: off while measuring.

use anyhow::{Context, Result};

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Off, or on, until this is dropped.
pub(crate) struct Statistics {
    were: String,
    are: &'static str,
}

impl Statistics {
    pub(crate) fn off() -> Result<Self> {
        Self::switch("0")
    }

    pub(crate) fn on() -> Result<Self> {
        Self::switch("1")
    }

    fn switch(are: &'static str) -> Result<Self> {
        let were = std::fs::read_to_string(SWITCH).with_context(|| format!("cannot read {SWITCH}"))?.trim().to_owned();
        if were != are {
            std::fs::write(SWITCH, are).with_context(|| format!("cannot write {SWITCH}"))?;
        }
        Ok(Self { were, are })
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        if self.were != self.are {
            // Whoever wanted them gets them back; if that fails there is nobody left to tell.
            let _ = std::fs::write(SWITCH, &self.were);
        }
    }
}
