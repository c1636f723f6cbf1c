//! What is left of the machine, to the part of a microsecond.
//!
//! Work that comes when it is due falls between the kernel's ticks, or on each of them, so that `/proc/stat` tells anything of it. Here a
//! thread on every CPU does nothing but look at the clock, behind everybody else (`SCHED_IDLE`): between two looks that follow on each
//! other nobody else had the CPU. All other time was somebody's: of tasks, of interrupts, of the kernel's own programs. CPUs do not sleep
//! meanwhile, so that none of what a virtual one needs for waking up is in the figures.

use super::machine::cpus;
use crate::sys;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// Two looks take some tens of nanoseconds, and the least interrupt a microsecond.
const GAP_NS: u64 = 500;

/// A CPU's time that nobody wanted, on a cache line that nobody else writes.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OfCpu(AtomicU64);

/// The threads, until it is dropped.
#[derive(Debug)]
pub(crate) struct Spare {
    spare_ns: Arc<[OfCpu]>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What had been left at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    at: Instant,
    spare_ns: u64,
}

impl Spare {
    /// One thread on each CPU.
    pub(crate) fn start() -> Result<Self> {
        let spare_ns: Arc<[OfCpu]> = (0..cpus()).map(|_| OfCpu::default()).collect();
        let mut spare = Self { spare_ns: spare_ns.clone(), stop: Arc::default(), threads: Vec::new() };
        for cpu in 0..spare_ns.len() {
            let (spare_ns, stop) = (spare_ns.clone(), spare.stop.clone());
            let look = move || {
                sys::go_last();
                // A CPU that cannot be had has nothing to spare.
                if sys::pin_to(cpu).is_ok() {
                    look(&spare_ns[cpu].0, &stop);
                }
            };
            spare.threads.push(std::thread::Builder::new().name(format!("spare-{cpu}")).spawn(look)?);
        }
        Ok(spare)
    }

    pub(crate) fn now(&self) -> Left {
        let spare_ns = self.spare_ns.iter().map(|of_cpu| of_cpu.0.load(Ordering::Relaxed)).sum();
        Left { at: Instant::now(), spare_ns }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Left {
    /// Share of the whole machine's time that was somebody's since then, 0 to 1.
    pub(crate) fn busy_since(self, earlier: Self) -> f64 {
        let all_ns = self.at.duration_since(earlier.at).as_nanos() as f64 * cpus() as f64;
        let spare_ns = self.spare_ns.saturating_sub(earlier.spare_ns) as f64;
        (1.0 - spare_ns / all_ns.max(1.0)).clamp(0.0, 1.0)
    }
}

fn look(spare_ns: &AtomicU64, stop: &AtomicBool) {
    let begun = Instant::now();
    let ns = || begun.elapsed().as_nanos() as u64;
    let (mut last_ns, mut sum_ns) = (ns(), 0);
    while !stop.load(Ordering::Relaxed) {
        let now_ns = ns();
        let gap_ns = now_ns - last_ns;
        last_ns = now_ns;
        if gap_ns < GAP_NS {
            sum_ns += gap_ns;
            spare_ns.store(sum_ns, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn work_of_known_length_is_missing_from_what_is_left() {
        let spare = Spare::start().expect("threads");
        let busy = |work: Duration, rest: Duration| {
            let (before, begun) = (spare.now(), Instant::now());
            std::thread::sleep(rest);
            let worked = sys::thread_cpu_ns();
            while sys::thread_cpu_ns() - worked < work.as_nanos() as u64 {
                std::hint::spin_loop();
            }
            (spare.now().busy_since(before), begun.elapsed())
        };
        // Others may have the machine at the same time, which makes it more; never less.
        let (share, took) = busy(Duration::from_millis(200), Duration::from_millis(50));
        let least = 0.2 / (took.as_secs_f64() * cpus() as f64);
        assert!(share >= least * 0.95, "{share} of {took:?}, {least} at least");
        assert!(share <= 1.0);
    }

    #[test]
    fn what_is_left_is_a_share_of_all_cpus() {
        let now = Instant::now();
        let left = |ms, spare_ms| Left { at: now + Duration::from_millis(ms), spare_ns: spare_ms * 1_000_000 };
        let all_ms = 100 * cpus() as u64;
        let share = left(100, 10 + all_ms * 3 / 4).busy_since(left(0, 10));
        assert!((share - 0.25).abs() < 0.02, "{share}");
        assert!(left(100, 2 * all_ms).busy_since(left(0, 0)).abs() < 1e-12, "clocks differ by a little");
    }
}
