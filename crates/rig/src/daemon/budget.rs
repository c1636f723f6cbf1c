//! The division of `[rig] memory`.

use netrig_aggregate::{BYTES_PER_FLOW, ToldConnections};
use netrig_probes::flow::FlowSizes;
use netrig_probes::tcp::TcpSizes;

/// What each part gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Kernel tables and outboxes, at most.
    pub(crate) kernel_bytes: u64,
    /// Connections: their table in the kernel, at most.
    pub(crate) tcp_kernel_bytes: u64,
    /// Latency: its distributions in the kernel, at most.
    pub(crate) latency_kernel_bytes: u64,
    /// Drops: their groups and flows in the kernel, at most.
    pub(crate) drop_kernel_bytes: u64,
    /// Bursts: their rings in the kernel, at most.
    pub(crate) burst_kernel_bytes: u64,
    /// Flows remembered in user space, at most.
    pub(crate) flows_capacity: usize,
}

/// What the drain remembers of each slot, bytes.
const REMEMBERED_BYTES: u64 = 16;
const FLOWS_MIN: u64 = 4096;
/// The TCP probe's table has one in so many bytes.
const TCP_SHARE: u64 = 8;
/// The latency probe's distributions have one in so many.
const LATENCY_SHARE: u64 = 16;
/// What is dropped has one in so many.
const DROP_SHARE: u64 = 32;
/// Fine buckets have one in so many.
const BURST_SHARE: u64 = 16;

/// Which probes beside that of flows share in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharers {
    pub(crate) tcp: bool,
    pub(crate) latency: bool,
    pub(crate) drop: bool,
    pub(crate) burst: bool,
}

impl Budget {
    /// Half to the flow probe's tables, and where they are on an eighth to the TCP probe's, a sixteenth each to latency's and
    /// bursts', half of that to drops'. Of the rest the memory of what was told of every place is taken first; what remains remembers flows.
    pub(crate) fn of(memory_bytes: u64, cpus: u32, sharers: Sharers) -> Self {
        let kernel_bytes = memory_bytes / 2;
        let sizes = FlowSizes::within(kernel_bytes, cpus);
        let slots = u64::from(sizes.cpus) * u64::from(sizes.slots4 + sizes.slots6);
        let share = |on: bool, one_in: u64| if on { memory_bytes / one_in } else { 0 };
        let tcp_kernel_bytes = share(sharers.tcp, TCP_SHARE);
        let latency_kernel_bytes = share(sharers.latency, LATENCY_SHARE);
        let drop_kernel_bytes = share(sharers.drop, DROP_SHARE);
        let burst_kernel_bytes = share(sharers.burst, BURST_SHARE);
        let kernel_all =
            kernel_bytes + tcp_kernel_bytes + latency_kernel_bytes + drop_kernel_bytes + burst_kernel_bytes;
        let places = u64::from(TcpSizes::within(tcp_kernel_bytes, cpus).slots);
        let told = slots * REMEMBERED_BYTES + places * ToldConnections::BYTES_PER_PLACE as u64;
        let rest = (memory_bytes - kernel_all).saturating_sub(told);
        let flows = (rest / BYTES_PER_FLOW as u64).max(FLOWS_MIN);
        let flows_capacity = usize::try_from(flows).unwrap_or(usize::MAX);
        Self {
            kernel_bytes,
            tcp_kernel_bytes,
            latency_kernel_bytes,
            drop_kernel_bytes,
            burst_kernel_bytes,
            flows_capacity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_no_more_than_the_budget() {
        for mib in [16_u64, 64, 512, 4096] {
            let memory = mib << 20;
            let budget = Budget::of(memory, 4, Sharers { tcp: true, latency: true, drop: true, burst: true });
            let sizes = FlowSizes::within(budget.kernel_bytes, 4);
            let slots = u64::from(sizes.cpus) * u64::from(sizes.slots4 + sizes.slots6);
            let all = sizes.bytes()
                + budget.tcp_kernel_bytes
                + budget.latency_kernel_bytes
                + budget.drop_kernel_bytes
                + budget.burst_kernel_bytes
                + slots * REMEMBERED_BYTES
                + (budget.flows_capacity * BYTES_PER_FLOW) as u64;
            assert!(all <= memory, "{mib} MiB: {all} of {memory}");
        }
    }
}
