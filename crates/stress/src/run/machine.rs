//! Where it runs, and when.

use crate::StressError;
use crate::report::model::Machine;
use netrig_model::Timestamp;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// This host.
pub(super) fn this() -> Result<Machine, StressError> {
    let read = |path: &str| fs::read_to_string(path).map_err(StressError::doing(format!("read {path}")));
    let kibibytes = read("/proc/meminfo")?
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(Machine {
        host: read("/proc/sys/kernel/hostname")?.trim().to_owned(),
        kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32),
        memory_bytes: kibibytes.unwrap_or(0) * 1024,
    })
}

/// Now, as reports have it.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    serde_json::to_value(now).ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
}
