//! The division of `[rig] memory`.

use netrig_aggregate::{BYTES_PER_FLOW, ToldConnections};
use netrig_probes::burst::BurstSizes;
use netrig_probes::flow::FlowSizes;
use netrig_probes::payload::PayloadOptions;
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
    /// The flight recorder: its rings in the kernel, at most.
    pub(crate) recorder_kernel_bytes: u64,
    /// Payload: its rings in the kernel; 0 where there is no room for them.
    pub(crate) payload_kernel_bytes: u64,
    /// Payload: messages that are not whole yet, requests that wait, names of addresses.
    pub(crate) payload_bytes: u64,
    /// Flows remembered in user space, at most.
    pub(crate) flows_capacity: usize,
}

/// What the drain remembers of each slot, bytes.
const REMEMBERED_BYTES: u64 = 16;
const FLOWS_MIN: u64 = 4096;
/// The flow probe's tables have so many of sixteen bytes: where they have more, user space remembers too few flows to tell each once.
const FLOW_SIXTEENTHS: u64 = 5;
/// The TCP probe's table has one in so many bytes.
const TCP_SHARE: u64 = 8;
/// The latency probe's distributions have one in so many.
const LATENCY_SHARE: u64 = 16;
/// What is dropped has one in so many.
const DROP_SHARE: u64 = 32;
/// Fine buckets have one in so many; on hosts with many CPUs, of which each has rings of its own, what so many interfaces need at
/// least, up to a larger share.
const BURST_SHARE: u64 = 16;
const BURST_IFACES_MIN: u32 = 4;
const BURST_SHARE_MAX: u64 = 4;
/// What the flight recorder has beyond one in so many is taken first.
const RECORDER_SHARE: u64 = 16;
/// Not more than one in so many, however much it is told to have.
const RECORDER_SHARE_MAX: u64 = 2;
/// Copies of payload have one in so many, or what the rings of very many CPUs need at least, up to a larger share; what is made of
/// them has another share, if the fewest flows leave it.
const PAYLOAD_SHARE: u64 = 32;
const PAYLOAD_SHARE_MAX: u64 = 8;
const REQUESTS_SHARE: u64 = 16;

/// Which probes beside that of flows share in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharers {
    pub(crate) tcp: bool,
    pub(crate) latency: bool,
    pub(crate) drop: bool,
    /// Length of a fine bucket, nanoseconds.
    pub(crate) burst: Option<u64>,
    /// What the flight recorder is to have, bytes; 0 where it is off.
    pub(crate) recorder: u64,
    pub(crate) payload: bool,
}

impl Budget {
    /// Five sixteenths to the flow probe's tables, and where they are on an eighth to the TCP probe's, a sixteenth each to latency's
    /// and bursts', half of that to drops' and to copies of payload, and to the flight recorder what it is to have. Where bursts need
    /// more than that for many CPUs, it is taken first. Of the rest the memory of what was told of every place is taken first; what
    /// remains remembers flows, about as many as the kernel's tables have places.
    pub(crate) fn of(memory_bytes: u64, cpus: u32, sharers: Sharers) -> Self {
        let recorder_kernel_bytes = sharers.recorder.min(memory_bytes / RECORDER_SHARE_MAX);
        let recorder_share = recorder_kernel_bytes.min(memory_bytes / RECORDER_SHARE);
        let memory_bytes = memory_bytes - (recorder_kernel_bytes - recorder_share);
        let burst_kernel_bytes = sharers.burst.map_or(0, |bucket_ns| burst_bytes(memory_bytes, cpus, bucket_ns));
        let burst_share = burst_kernel_bytes.min(memory_bytes / BURST_SHARE);
        let memory_bytes = memory_bytes - (burst_kernel_bytes - burst_share);
        let share = |on: bool, one_in: u64| if on { memory_bytes / one_in } else { 0 };
        let tcp_kernel_bytes = share(sharers.tcp, TCP_SHARE);
        let latency_kernel_bytes = share(sharers.latency, LATENCY_SHARE);
        let drop_kernel_bytes = share(sharers.drop, DROP_SHARE);
        let payload_kernel_bytes = if sharers.payload { payload_kernel_bytes(memory_bytes, cpus) } else { 0 };
        let places = u64::from(TcpSizes::within(tcp_kernel_bytes, cpus).slots);
        let others = tcp_kernel_bytes
            + latency_kernel_bytes
            + drop_kernel_bytes
            + burst_share
            + recorder_share
            + payload_kernel_bytes
            + places * ToldConnections::BYTES_PER_PLACE as u64;
        let beside = memory_bytes.saturating_sub(others);
        let (kernel_bytes, rest) = flow_tables(memory_bytes / 16 * FLOW_SIXTEENTHS, cpus, beside);
        let beyond_flows = rest.saturating_sub(FLOWS_MIN * BYTES_PER_FLOW as u64);
        let payload_bytes = share(payload_kernel_bytes > 0, REQUESTS_SHARE).min(beyond_flows);
        let flows = ((rest - payload_bytes) / BYTES_PER_FLOW as u64).max(FLOWS_MIN);
        let flows_capacity = usize::try_from(flows).unwrap_or(usize::MAX);
        Self {
            kernel_bytes,
            tcp_kernel_bytes,
            latency_kernel_bytes,
            drop_kernel_bytes,
            burst_kernel_bytes,
            recorder_kernel_bytes,
            payload_kernel_bytes,
            payload_bytes,
            flows_capacity,
        }
    }
}

impl Budget {
    /// What all maps together may take.
    pub(crate) fn kernel_all_bytes(&self) -> u64 {
        self.division().iter().filter(|part| part.of_kernel).map(|part| part.bytes).sum()
    }

    /// Every part, for people.
    pub(crate) fn division(&self) -> [Part; 9] {
        let kernel = |what, bytes| Part { what, bytes, of_kernel: true };
        let own = |what, bytes| Part { what, bytes, of_kernel: false };
        [
            kernel("flow tables and outboxes", self.kernel_bytes),
            kernel("connections", self.tcp_kernel_bytes),
            kernel("latency", self.latency_kernel_bytes),
            kernel("drops", self.drop_kernel_bytes),
            kernel("bursts", self.burst_kernel_bytes),
            kernel("flight recorder", self.recorder_kernel_bytes),
            kernel("copies of payload", self.payload_kernel_bytes),
            own("requests and names", self.payload_bytes),
            own("remembered flows", self.flows_capacity as u64 * BYTES_PER_FLOW as u64),
        ]
    }
}

/// A part of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) what: &'static str,
    /// At most.
    pub(crate) bytes: u64,
    /// The kernel's, in maps; else the process' own.
    pub(crate) of_kernel: bool,
}

/// What flow tables get: as much as they should, or what very many CPUs need at least. Also what of `beside` is left by them and by
/// the memory of what was told of their slots.
fn flow_tables(should_bytes: u64, cpus: u32, beside: u64) -> (u64, u64) {
    let sizes = FlowSizes::within(should_bytes, cpus);
    let slots = u64::from(sizes.cpus) * u64::from(sizes.slots4 + sizes.slots6);
    let kernel_bytes = should_bytes.max(sizes.bytes());
    (kernel_bytes, beside.saturating_sub(kernel_bytes + slots * REMEMBERED_BYTES))
}

fn burst_bytes(memory_bytes: u64, cpus: u32, bucket_ns: u64) -> u64 {
    let least = BurstSizes::least_bytes(cpus, bucket_ns, BURST_IFACES_MIN);
    least.clamp(memory_bytes / BURST_SHARE, memory_bytes / BURST_SHARE_MAX)
}

fn payload_kernel_bytes(memory_bytes: u64, cpus: u32) -> u64 {
    let least = PayloadOptions::least_bytes(cpus);
    if least > memory_bytes / PAYLOAD_SHARE_MAX { 0 } else { least.max(memory_bytes / PAYLOAD_SHARE) }
}

/// The least `[rig] memory`, in whole MiB, in which payload has room.
pub(crate) fn memory_for_payload(cpus: u32) -> u64 {
    (PayloadOptions::least_bytes(cpus) * PAYLOAD_SHARE_MAX).next_multiple_of(1 << 20) >> 20
}

/// The least `[rig] memory`, in whole MiB, in which so many interfaces have rings of fine buckets.
pub(crate) fn memory_for_bursts(cpus: u32, bucket_ns: u64, ifaces: u32) -> u64 {
    let least = BurstSizes::least_bytes(cpus, bucket_ns, ifaces);
    let share = if ifaces <= BURST_IFACES_MIN { BURST_SHARE_MAX } else { BURST_SHARE };
    (least * share).next_multiple_of(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const ALL: Sharers = Sharers { tcp: true, latency: true, drop: true, burst: Some(MS), recorder: 0, payload: true };

    #[test]
    fn user_space_remembers_as_many_flows_as_the_kernels_tables_have_places_for_half_at_least() {
        for mib in [64_u64, 256, 1024] {
            for cpus in [2, 8, 64] {
                let budget = Budget::of(mib << 20, cpus, Sharers { recorder: 4 << 20, ..ALL });
                let sizes = FlowSizes::within(budget.kernel_bytes, cpus);
                // Each way of a flow has a place in the kernel, both together are one flow here.
                let places = (sizes.cpus * sizes.slots4) as usize;
                assert!(budget.flows_capacity >= places / 2, "{mib} MiB, {cpus} CPUs: {budget:?} {sizes:?}");
            }
        }
    }

    #[test]
    fn bursts_are_seen_on_hosts_with_many_cpus_too() {
        // CPUs, MiB of memory; MiB for bursts; of a ring milliseconds, interfaces that have one, samples.
        let table = [
            (2, 64, 4, Some((2048, 8, 4096))),
            (8, 64, 4, Some((1024, 4, 4096))),
            (16, 64, 4, Some((512, 4, 4096))),
            (64, 64, 9, Some((512, 4, 1024))),
            (128, 64, 16, Some((512, 2, 1024))),
            (2, 256, 16, Some((2048, 32, 4096))),
            (8, 256, 16, Some((2048, 8, 4096))),
            (16, 256, 16, Some((2048, 4, 4096))),
            (64, 256, 16, Some((512, 4, 4096))),
            (128, 256, 18, Some((512, 4, 1024))),
            // The least memory there can be.
            (2, 16, 1, Some((1024, 4, 4096))),
            (64, 16, 4, Some((512, 1, 1024))),
            (128, 16, 4, None),
        ];
        for (cpus, mib, burst_mib, expected) in table {
            let bytes = Budget::of(mib << 20, cpus, ALL).burst_kernel_bytes;
            assert_eq!(bytes >> 20, burst_mib, "{cpus} CPUs, {mib} MiB");
            let sizes = BurstSizes::within(bytes, cpus, MS, BURST_IFACES_MIN);
            let told = sizes.map(|sizes| (sizes.buckets, sizes.ifaces, sizes.samples));
            assert_eq!(told, expected, "{cpus} CPUs, {mib} MiB");
        }
    }

    #[test]
    fn the_memory_that_is_asked_for_is_enough() {
        for cpus in [1, 2, 8, 64, 128, 512] {
            for (bucket_ns, ifaces) in [(MS, 1), (MS, 4), (MS, 5), (MS, 40), (MS / 10, 1), (MS / 10, 7), (10 * MS, 3)] {
                let memory = memory_for_bursts(cpus, bucket_ns, ifaces);
                let budget = Budget::of(memory, cpus, Sharers { burst: Some(bucket_ns), ..ALL });
                let sizes = BurstSizes::within(budget.burst_kernel_bytes, cpus, bucket_ns, ifaces);
                let fits = sizes.is_some_and(|sizes| sizes.ifaces >= ifaces);
                // An area of a gibibyte is the kernel's own bound.
                let too_large = BurstSizes::least_bytes(cpus, bucket_ns, ifaces) > 1 << 30;
                assert!(fits || too_large, "{cpus} CPUs, {bucket_ns} ns, {ifaces}: {sizes:?} of {memory}");
            }
        }
    }

    #[test]
    fn the_parts_add_up_to_no_more_than_the_budget() {
        for mib in [16_u64, 64, 512, 4096] {
            let memory = mib << 20;
            for cpus in [4, 128] {
                for recorder in [0, 4 << 20, 1 << 30] {
                    let budget = Budget::of(memory, cpus, Sharers { recorder, ..ALL });
                    let sizes = FlowSizes::within(budget.kernel_bytes, cpus);
                    let slots = u64::from(sizes.cpus) * u64::from(sizes.slots4 + sizes.slots6);
                    let all = sizes.bytes()
                        + budget.tcp_kernel_bytes
                        + budget.latency_kernel_bytes
                        + budget.drop_kernel_bytes
                        + budget.burst_kernel_bytes
                        + budget.recorder_kernel_bytes
                        + budget.payload_kernel_bytes
                        + budget.payload_bytes
                        + slots * REMEMBERED_BYTES
                        + (budget.flows_capacity * BYTES_PER_FLOW) as u64;
                    assert!(
                        all <= memory,
                        "{mib} MiB, {cpus} CPUs, {recorder}: {all} of {memory}: {budget:?} {sizes:?}"
                    );
                }
            }
        }
    }
}
