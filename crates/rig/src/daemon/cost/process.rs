//! What this process takes: CPU time by thread, and memory.

use netrig_model::ThreadCost;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// CPU time of the whole process, threads that have ended included, nanoseconds.
pub(super) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)).unwrap_or(0)
}

/// Threads, and what each has taken.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// By the kernel's number.
    known: BTreeMap<u32, ThreadCost>,
    /// By name, what those took that have ended.
    ended: BTreeMap<String, u64>,
}

/// Names of ended threads that are kept apart.
const ENDED_MAX: usize = 64;
/// What others are summed under.
const OTHER: &str = "other";

impl Threads {
    /// Looks at all of them; `span_ns` has passed since the last look.
    pub(super) fn look(&mut self, span_ns: u64) {
        let Ok(tasks) = fs::read_dir("/proc/self/task") else { return };
        let mut now = BTreeMap::new();
        for task in tasks.flatten() {
            let id = task.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let (Some(id), Some(cpu_ns)) = (id, on_cpu_ns(&task.path())) else { continue };
            // A number may be another thread's by now.
            let before = self.known.get(&id).map_or(0, |known| known.cpu_ns).min(cpu_ns);
            let core_ratio = cpu_ns.saturating_sub(before) as f64 / span_ns.max(1) as f64;
            now.insert(id, ThreadCost { thread: name_of(&task.path()), cpu_ns, core_ratio });
        }
        for (id, gone) in std::mem::take(&mut self.known) {
            if now.get(&id).is_none_or(|there| there.cpu_ns < gone.cpu_ns) {
                self.keep(gone);
            }
        }
        self.known = now;
    }

    fn keep(&mut self, gone: ThreadCost) {
        let full = self.ended.len() >= ENDED_MAX && !self.ended.contains_key(&gone.thread);
        let name = if full { OTHER.to_owned() } else { gone.thread };
        *self.ended.entry(name).or_default() += gone.cpu_ns;
    }

    /// Those that took most first; of one name they are one.
    pub(super) fn costs(&self) -> Vec<ThreadCost> {
        let mut by_name: BTreeMap<&str, ThreadCost> = BTreeMap::new();
        for (name, cpu_ns) in &self.ended {
            by_name.insert(name, ThreadCost { thread: name.clone(), cpu_ns: *cpu_ns, core_ratio: 0.0 });
        }
        for each in self.known.values() {
            let sum = by_name.entry(&each.thread).or_default();
            sum.thread.clone_from(&each.thread);
            sum.cpu_ns += each.cpu_ns;
            sum.core_ratio += each.core_ratio;
        }
        let mut costs: Vec<_> = by_name.into_values().collect();
        costs.sort_by(|a, b| b.cpu_ns.cmp(&a.cpu_ns).then_with(|| a.thread.cmp(&b.thread)));
        costs
    }
}

/// From the scheduler's own count, to the nanosecond.
fn on_cpu_ns(task: &Path) -> Option<u64> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn name_of(task: &Path) -> String {
    fs::read_to_string(task.join("comm")).map(|name| name.trim_end().to_owned()).unwrap_or_default()
}

/// Resident memory, and of it what is the process' own, bytes.
pub(super) fn memory_bytes() -> (u64, u64) {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    (field("VmRSS:").unwrap_or(0) * 1024, field("RssAnon:").unwrap_or(0) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::TryRecvError;

    #[test]
    fn threads_are_found_by_name_and_their_time_grows() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let busy = std::thread::Builder::new().name("netrig-busy".into()).spawn(move || {
            let mut sum = 0_u64;
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
        });
        let mut threads = Threads::default();
        let busy_ns = |threads: &Threads| {
            threads.costs().iter().find(|each| each.thread == "netrig-busy").map_or(0, |each| each.cpu_ns)
        };
        let (mut first, process) = (0, cpu_ns());
        while first == 0 || busy_ns(&threads) == first {
            threads.look(1_000_000);
            first = if first == 0 { busy_ns(&threads) } else { first };
        }
        assert!(cpu_ns() > process);
        drop(stop);
        busy.expect("started").join().expect("ended");
        let at_least = busy_ns(&threads);
        threads.look(1_000_000);
        threads.look(1_000_000);
        assert!(busy_ns(&threads) >= at_least, "what has ended has been spent all the same");
        let (resident, own) = memory_bytes();
        assert!(resident >= own && own > 0, "{resident} {own}");
    }
}
