//! Every CPU's receive work, from `/proc`: packets that went through its backlog or were polled, and time spent in softirqs.

use crate::error::HostError;
use std::fs;

const SOFTNET: &str = "/proc/thread-self/net/softnet_stat";
const STAT: &str = "/proc/stat";

/// One CPU's row of `softnet_stat`. All of the whole host and since boot; 32 bits, so they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftnetCounts {
    /// Which CPU.
    pub cpu: u32,
    /// Packets it received.
    pub processed: u32,
    /// Packets its backlog had no room for.
    pub dropped: u32,
    /// Times it had to stop with work left.
    pub squeezed: u32,
    /// Packets of heavy flows that were dropped ahead of a full backlog (`net.core.flow_limit_cpu_bitmap`).
    pub flow_limited: u32,
}

/// What every CPU at work received.
///
/// # Errors
/// When `/proc` is not there.
pub fn softnet_counts() -> Result<Vec<SoftnetCounts>, HostError> {
    let text = fs::read_to_string(SOFTNET).map_err(|source| HostError::File { path: SOFTNET, source })?;
    Ok(parse_softnet(&text))
}

/// Columns have no names: hexadecimal numbers of which later kernels have more. CPUs at rest are left out, so that a row's
/// number is its CPU's only where the column that says so (Linux 5.10) is missing and none is.
fn parse_softnet(text: &str) -> Vec<SoftnetCounts> {
    let mut rows = Vec::new();
    for (row, line) in (0..).zip(text.lines()) {
        let columns: Vec<u32> = line.split_whitespace().map_while(|word| u32::from_str_radix(word, 16).ok()).collect();
        let [processed, dropped, squeezed, ..] = columns[..] else { continue };
        let column = |at: usize| columns.get(at).copied();
        let flow_limited = column(10).unwrap_or(0);
        rows.push(SoftnetCounts { cpu: column(12).unwrap_or(row), processed, dropped, squeezed, flow_limited });
    }
    rows
}

/// One CPU's time since boot, in the kernel's hundredths of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftirqTime {
    /// Which CPU.
    pub cpu: u32,
    /// In softirqs.
    pub softirq: u64,
    /// In all.
    pub all: u64,
}

/// Where the time of every CPU at work went.
///
/// # Errors
/// When `/proc` is not there.
pub fn softirq_times() -> Result<Vec<SoftirqTime>, HostError> {
    let text = fs::read_to_string(STAT).map_err(|source| HostError::File { path: STAT, source })?;
    Ok(parse_stat(&text))
}

fn parse_stat(text: &str) -> Vec<SoftirqTime> {
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of the first two.
    const PARTS: usize = 8;
    const SOFTIRQ: usize = 6;
    let lines = text.lines().take_while(|line| line.starts_with("cpu"));
    let each = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let cpu = words.next()?.strip_prefix("cpu")?.parse().ok()?;
        let parts: Vec<u64> = words.take(PARTS).map_while(|word| word.parse().ok()).collect();
        let all = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
        Some(SoftirqTime { cpu, softirq: *parts.get(SOFTIRQ)?, all })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_of_old_and_new_kernels_are_read() {
        let new = "0000000a 00000001 00000002 0 0 0 0 0 0 00000000 00000007 00000000 00000004 0 0\n";
        let of_new = SoftnetCounts { cpu: 4, processed: 10, dropped: 1, squeezed: 2, flow_limited: 7 };
        assert_eq!(parse_softnet(new), [of_new]);
        let old = "0000000a 00000001 00000002 0 0 0 0 0 0 0 00000007\nffffffff 0 0 0 0 0 0 0 0 0 0\n";
        let of_old = SoftnetCounts { cpu: 0, ..of_new };
        assert_eq!(parse_softnet(old)[0], of_old);
        assert_eq!(parse_softnet(old)[1], SoftnetCounts { cpu: 1, processed: u32::MAX, ..SoftnetCounts::default() });
        assert_eq!(parse_softnet("a b\n\nx y z\n"), []);
    }

    #[test]
    fn time_in_softirqs_is_told_of_all_time() {
        let text =
            "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 10 1 20 60 2 3 4 0 5 1\ncpu7 1 2 3 4 5 6 7\nintr 5 6\ncpu8 1 1 1 1 1 1 1\n";
        let want = [SoftirqTime { cpu: 0, softirq: 4, all: 100 }, SoftirqTime { cpu: 7, softirq: 7, all: 28 }];
        assert_eq!(parse_stat(text), want);
    }

    #[test]
    fn this_host_answers() {
        let online = crate::cpus().expect("/sys").online;
        let softnet = softnet_counts().expect("/proc");
        assert_eq!(softnet.len(), online);
        assert!(softnet.iter().any(|row| row.processed > 0), "{softnet:?}");
        let times = softirq_times().expect("/proc");
        assert_eq!(times.len(), online);
        assert!(times.iter().all(|row| row.softirq <= row.all && row.all > 0), "{times:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-fcpu \n\t-]{0,200}") {
            let _ = parse_softnet(&text);
            let _ = parse_stat(&text);
        }
    }
}
