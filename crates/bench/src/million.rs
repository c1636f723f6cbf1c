//! What it costs user space to keep up with a million live flows, and the memory of it.

use crate::cases::MILLION_LIVE;
use crate::harness::{Harness, LOOPBACK, Setup};
use crate::road::{self, Road, RoadCost};
use crate::test_runs::DRAIN_CPU;
use crate::{packet, sys};
use anyhow::Result;
use netrig_model::Direction;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Every flow has a packet in this time: a million live flows in each window.
const ROUND: Duration = Duration::from_secs(10);
const BURSTS_PER_SECOND: u32 = 100;
const FEED_CPU: usize = 0;

/// One budget's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MillionResult {
    pub(crate) budget_bytes: u64,
    /// Kernel tables and outboxes.
    pub(crate) map_bytes: u64,
    /// What this process's own memory grew by.
    pub(crate) user_bytes: u64,
    pub(crate) share_of_core: f64,
    pub(crate) overflow_packets: u64,
    pub(crate) evictions: u64,
    pub(crate) imbalance_packets: i64,
    pub(crate) road: RoadCost,
}

impl MillionResult {
    pub(crate) fn line(&self) -> String {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "{:>6.0} MiB {:>8.1} MiB {:>8.1} MiB {:>9.2} % {:>10} {:>10} {:>10} {:>9} {:>9} {:>9}",
            mib(self.budget_bytes),
            mib(self.map_bytes),
            mib(self.user_bytes),
            self.share_of_core * 100.0,
            self.road.deltas,
            self.road.records,
            self.evictions,
            self.road.flows_evicted,
            self.overflow_packets,
            self.imbalance_packets,
        )
    }
}

pub(crate) const HEAD: &str = "\
    budget  kernel tables   user memory  of a core     deltas    records  evictions  told early  overflow imbalance";

/// `budget_bytes` of memory, half of it the kernel's, and so many rounds through all flows.
pub(crate) fn measure(setup: &Setup, budget_bytes: u64, rounds: u32) -> Result<MillionResult> {
    let setup = Setup { kernel_bytes: budget_bytes / 2, ..setup.clone() };
    let mut harness = Harness::new(&setup)?;
    harness.admit_loopback()?;
    harness.set_case(&MILLION_LIVE)?;
    let map_bytes = harness.probe.memory().sizes.bytes();
    let own_before = own_bytes();
    let mut road = Road::new(&harness.probe, budget_bytes / 2)?;
    road::beside(&mut road, DRAIN_CPU, || feed(&harness, rounds))?;
    let user_bytes = own_bytes().saturating_sub(own_before);
    let ledger = road.ledger(LOOPBACK, Direction::Ingress);
    Ok(MillionResult {
        budget_bytes,
        map_bytes,
        user_bytes,
        share_of_core: road.cost().share_of_core(),
        overflow_packets: ledger.overflow_packets,
        evictions: road.evictions(),
        imbalance_packets: ledger.imbalance_packets,
        road: road.cost(),
    })
}

/// Packets in even bursts, each flow once in a round.
fn feed(harness: &Harness, rounds: u32) -> Result<()> {
    sys::pin_to(FEED_CPU)?;
    let packet = packet::udp(false);
    let bursts = ROUND.as_secs() as u32 * BURSTS_PER_SECOND * rounds;
    let packets = MILLION_LIVE.flows / (ROUND.as_secs() as u32 * BURSTS_PER_SECOND) + 1;
    let begun = Instant::now();
    for burst in 1..=bursts {
        sys::test_run(harness.program("bench_netrig4")?, &packet, packets, 0)?;
        let due = Duration::from_secs(1) * burst / BURSTS_PER_SECOND;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

/// Resident memory of this process that is its own (not the kernel's tables mapped into it).
fn own_bytes() -> u64 {
    sys::give_back_freed_memory();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}
