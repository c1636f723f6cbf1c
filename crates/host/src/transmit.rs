//! What devices hold of what they were given to send: byte queue limits, from `/sys`.

use std::fs;
use std::path::Path;

/// One transmit queue of a device whose driver limits by octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransmitQueue {
    /// Its number.
    pub number: u32,
    /// Octets it may hold now; the kernel finds out by itself what keeps the device busy.
    pub limit_bytes: u64,
    /// Octets it holds.
    pub inflight_bytes: u64,
    /// Times nothing was completed for longer than the threshold; none before Linux 6.9, or where no threshold is set.
    pub stalls: Option<u64>,
    /// The longest stall, in the kernel's ticks.
    pub stall_ticks_max: Option<u64>,
}

/// The first `queues_max` transmit queues of an interface that have been limited; none of a device whose driver does not take
/// part, whose limit stays 0.
///
/// `/sys` shows the devices of the namespace it was mounted in. Where that is another, a device of this name there is told from
/// the one that is meant by its number.
#[must_use]
pub fn transmit_queues(iface: &str, ifindex: u32, queues_max: usize) -> Vec<TransmitQueue> {
    read(Path::new("/sys/class/net"), iface, ifindex, queues_max)
}

fn read(interfaces: &Path, iface: &str, ifindex: u32, queues_max: usize) -> Vec<TransmitQueue> {
    // Names are the kernel's and have no slash; a name from elsewhere must not lead elsewhere.
    if iface.contains('/') || iface.starts_with('.') {
        return Vec::new();
    }
    let device = interfaces.join(iface);
    if number(&device.join("ifindex")) != Some(ifindex.into()) {
        return Vec::new();
    }
    let folder = device.join("queues");
    let mut numbers: Vec<u32> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("tx-")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.truncate(queues_max);
    let each = numbers.into_iter().filter_map(|number| queue(&folder, number));
    each.filter(|queue| queue.limit_bytes > 0 || queue.inflight_bytes > 0).collect()
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn queue(folder: &Path, of_device: u32) -> Option<TransmitQueue> {
    let limits = folder.join(format!("tx-{of_device}")).join("byte_queue_limits");
    let value = |name: &str| number(&limits.join(name));
    let limit_bytes = value("limit")?;
    let watched = value("stall_thrs").is_some_and(|threshold| threshold > 0);
    Some(TransmitQueue {
        number: of_device,
        limit_bytes,
        inflight_bytes: value("inflight").unwrap_or(0),
        stalls: if watched { value("stall_cnt") } else { None },
        stall_ticks_max: if watched { value("stall_max") } else { None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = dir.path().join("eth0").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("make");
            fs::write(path, text).expect("write");
        }
        dir
    }

    #[test]
    fn limits_and_stalls_are_read_in_the_order_of_queues() {
        let host = host(&[
            ("ifindex", "7\n"),
            ("queues/tx-10/byte_queue_limits/limit", "3000\n"),
            ("queues/tx-10/byte_queue_limits/inflight", "90\n"),
            ("queues/tx-2/byte_queue_limits/limit", "1000\n"),
            ("queues/tx-2/byte_queue_limits/inflight", "0\n"),
            ("queues/tx-2/byte_queue_limits/stall_thrs", "100\n"),
            ("queues/tx-2/byte_queue_limits/stall_cnt", "4\n"),
            ("queues/tx-2/byte_queue_limits/stall_max", "120\n"),
            ("queues/tx-3/byte_queue_limits/limit", "0\n"),
            ("queues/tx-4/tx_timeout", "0\n"),
            ("queues/rx-0/rps_cpus", "0\n"),
        ]);
        let second = TransmitQueue { number: 10, limit_bytes: 3000, inflight_bytes: 90, ..TransmitQueue::default() };
        let first = TransmitQueue {
            number: 2,
            limit_bytes: 1000,
            inflight_bytes: 0,
            stalls: Some(4),
            stall_ticks_max: Some(120),
        };
        assert_eq!(read(host.path(), "eth0", 7, 9), [first, second]);
        assert_eq!(read(host.path(), "eth0", 7, 1), [first]);
        assert_eq!(read(host.path(), "eth0", 8, 9), [], "it is another namespace's");
        assert_eq!(read(host.path(), "eth1", 7, 9), []);
        assert_eq!(read(host.path(), "../eth0", 7, 9), []);
    }
}
