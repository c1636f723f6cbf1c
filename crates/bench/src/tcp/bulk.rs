//! How long the probe takes to be there, and its memory for a million sockets.

use super::contenders;
use anyhow::Result;
use netrig_drain::tcp::Places;
use netrig_probes::tcp::{Scope, TcpProbe, TcpSizes};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// From nothing to the end of the first walk.
pub(crate) const START_MS_MAX: f64 = 1000.0;
/// A budget that holds a million sockets.
const MILLION_BYTES: u64 = 800 << 20;

/// One budget's figures.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StartResult {
    pub(crate) budget_bytes: u64,
    pub(crate) places: u32,
    pub(crate) load_ms: f64,
    /// Giving all places to the kernel's side.
    pub(crate) places_ms: f64,
    pub(crate) attach_ms: f64,
    pub(crate) walk_ms: f64,
    pub(crate) walked: u64,
    pub(crate) detach_ms: f64,
    /// What the kernel charges for the tables.
    pub(crate) tables_bytes: u64,
    /// What free memory lost meanwhile; others' doing is in it.
    pub(crate) available_bytes: i64,
    /// What the sizes promise: tables, and what sockets take beside them.
    pub(crate) promised_bytes: u64,
}

impl StartResult {
    pub(crate) fn start_ms(&self) -> f64 {
        self.load_ms + self.places_ms + self.attach_ms + self.walk_ms
    }
}

/// Loads, attaches and walks with the given budget, and one for a million sockets.
pub(crate) fn measure(kernel_bytes: u64, told: &mut dyn FnMut(StartResult)) -> Result<()> {
    for budget_bytes in [kernel_bytes, MILLION_BYTES] {
        told(start(budget_bytes)?);
    }
    Ok(())
}

fn start(budget_bytes: u64) -> Result<StartResult> {
    let cpus = u32::try_from(libbpf_rs::num_possible_cpus()?)?;
    let sizes = TcpSizes::within(budget_bytes, cpus);
    let options = contenders::options(sizes)?;
    let (available_before, tables_before) = (available_bytes(), tables_of_own()?);
    let mut result =
        StartResult { budget_bytes, places: sizes.slots, promised_bytes: sizes.bytes(), ..StartResult::default() };
    let mut probe = timed(&mut result.load_ms, || TcpProbe::load(&options))?;
    let places = timed(&mut result.places_ms, || Places::new(probe.memory()));
    timed(&mut result.attach_ms, || probe.attach())?;
    timed(&mut result.walk_ms, || walk(&probe))?;
    result.walked = places.open().count() as u64;
    result.tables_bytes = tables_of_own()?.saturating_sub(tables_before);
    result.available_bytes = available_before - available_bytes();
    timed(&mut result.detach_ms, || probe.detach());
    Ok(result)
}

/// The first walk: listeners first, by which the others are understood.
fn walk(probe: &TcpProbe) -> Result<()> {
    probe.begin_walk();
    for listeners_only in [true, false] {
        for scope in [Scope::Namespace, Scope::Files] {
            probe.walk(scope, listeners_only)?;
        }
    }
    Ok(())
}

fn timed<T>(ms: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *ms = begun.elapsed().as_secs_f64() * 1000.0;
    result
}

fn available_bytes() -> i64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<i64>().ok()).unwrap_or(0) * 1024
}

/// What the kernel charges for this process' maps.
fn tables_of_own() -> Result<u64> {
    let mut maps = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/fdinfo")? {
        // The one by which the folder is read is gone by now.
        let Ok(text) = std::fs::read_to_string(entry?.path()) else { continue };
        let number = |name| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        if let (Some(id), Some(bytes)) = (number("map_id:"), number("memlock:")) {
            maps.insert(id, bytes);
        }
    }
    Ok(maps.values().sum())
}
