//! What the machine is, and how busy it is.

use super::awake::Awake;
use super::stop;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fs;
use std::time::Duration;

/// What the figures depend on.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
    pub(crate) memory_mib: u64,
    /// Whether a hypervisor has it.
    pub(crate) is_virtual: bool,
    /// Whether CPUs can be kept from sleeping where something is sent.
    pub(crate) can_wait_awake: bool,
    /// CPUs that were busy with other things before the first turn.
    pub(crate) busy_before_cores: f64,
}

impl Machine {
    /// Looks for a second at what it does by itself.
    pub(crate) fn look() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name: &str| cpuinfo.lines().find_map(|line| line.strip_prefix(name)?.split(": ").nth(1));
        let meminfo = read("/proc/meminfo");
        let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
        let before = Busy::now()?;
        stop::pause(Duration::from_secs(1))?;
        let busy = Busy::now()?.since(before);
        Ok(Self {
            cpu: field("model name").unwrap_or("unknown").trim().to_owned(),
            cpus: cpus(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_mib: memory.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024,
            is_virtual: field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            can_wait_awake: Awake::is_possible(),
            busy_before_cores: busy * cpus() as f64,
        })
    }
}

pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Ticks of all CPUs at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Busy {
    busy_ticks: u64,
    all_ticks: u64,
}

impl Busy {
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        Self::parse(&text).context("/proc/stat has no line of all CPUs")
    }

    /// Interrupts are part of it; what a hypervisor took is nobody's.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; time of guests is in the first two already.
        let [user, nice, system, idle, iowait, irq, softirq, ..] = ticks.as_slice() else { return None };
        let busy_ticks = user + nice + system + irq + softirq;
        Some(Self { busy_ticks, all_ticks: busy_ticks + idle + iowait })
    }

    /// Share of the whole machine's time, 0 to 1.
    pub(crate) fn since(self, earlier: Self) -> f64 {
        let all = self.all_ticks.saturating_sub(earlier.all_ticks);
        self.busy_ticks.saturating_sub(earlier.busy_ticks) as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_are_work_and_what_was_stolen_is_not() {
        let at = |line: &str| Busy::parse(&format!("{line}\ncpu0 1 2 3\n")).expect("a line of all CPUs");
        let (before, after) = (at("cpu  10 0 10 100 0 0 0 0 0 0"), at("cpu  20 5 20 140 10 5 20 77 3 0"));
        // 10 + 5 + 10 + 5 + 20 of as many and 50 that were idle.
        assert!((after.since(before) - 0.5).abs() < 1e-12);
        assert_eq!(Busy::parse("intr 1 2 3\n"), None);
    }
}
