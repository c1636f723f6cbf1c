//! The kernel's own run-time statistics of BPF programs, which cost 75 ns and more a run: off while measuring.

use anyhow::{Context, Result};

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Off until this is dropped.
pub(crate) struct StatisticsOff {
    were: String,
}

impl StatisticsOff {
    pub(crate) fn new() -> Result<Self> {
        let were = std::fs::read_to_string(SWITCH).with_context(|| format!("cannot read {SWITCH}"))?.trim().to_owned();
        if were != "0" {
            std::fs::write(SWITCH, "0").with_context(|| format!("cannot write {SWITCH}"))?;
        }
        Ok(Self { were })
    }
}

impl Drop for StatisticsOff {
    fn drop(&mut self) {
        if self.were != "0" {
            // Whoever wanted them gets them back; if that fails there is nobody left to tell.
            let _ = std::fs::write(SWITCH, &self.were);
        }
    }
}
