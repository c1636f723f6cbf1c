//! What a running rig shows of itself: served as JSON, turned into metrics, drawn by the live view.

use crate::{
    BurstStatus, Direction, DropStatus, InterfaceCounts, KernelCounts, LatencyStatus, LedgerRecord, OverheadStatus,
    PayloadStatus, PolicyStatus, QueuesStatus, RecorderStatus, RemoteWriteStatus, TcpStatus, Timestamp, TrafficCounts,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole picture of the rig at one moment. All counts are since the rig started and never go backwards.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// netrig's version.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// When the rig started.
    pub started: Timestamp,
    /// When this picture was taken.
    pub taken: Timestamp,
    /// The window's length in nanoseconds.
    pub window_ns: i64,
    /// Every probe and how it fares.
    pub probes: Vec<ProbeStatus>,
    /// Every interface under watch, each direction.
    pub interfaces: Vec<InterfaceStatus>,
    /// The flow tables, by address family.
    pub tables: Vec<TableStatus>,
    /// The rings between the kernel and the rig.
    #[serde(default)]
    pub rings: Vec<RingStatus>,
    /// The drain.
    pub drain: DrainStatus,
    /// The store; absent when it is off.
    pub store: Option<StoreStatus>,
    /// The last closed window's ledger.
    pub ledger: Vec<LedgerRecord>,
    /// Told traffic by interface, direction and transport (`other` for protocols without a name), since the start.
    pub transports: Vec<(String, Direction, String, TrafficCounts)>,
    /// The host's TCP; absent when the probe is off.
    #[serde(default)]
    pub tcp: Option<TcpStatus>,
    /// Where latency comes from; absent when the probe is off.
    #[serde(default)]
    pub latency: Option<LatencyStatus>,
    /// What was dropped; absent when the probe is off.
    #[serde(default)]
    pub drops: Option<DropStatus>,
    /// Bursts; absent when the probe is off.
    #[serde(default)]
    pub bursts: Option<BurstStatus>,
    /// Queues; absent when the probe is off.
    #[serde(default)]
    pub queues: Option<QueuesStatus>,
    /// What policies do; absent when the probe is off.
    #[serde(default)]
    pub policy: Option<PolicyStatus>,
    /// The flight recorder; absent when it is off.
    #[serde(default)]
    pub recorder: Option<RecorderStatus>,
    /// Requests, and what they are read from; absent when the probe is off.
    #[serde(default)]
    pub payload: Option<PayloadStatus>,
    /// What the rig costs; absent where nothing has been measured.
    #[serde(default)]
    pub overhead: Option<OverheadStatus>,
    /// Sending metrics; absent when that is off.
    #[serde(default)]
    pub remote_write: Option<RemoteWriteStatus>,
}

/// Whether a probe does its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeState {
    /// Switched off in the configuration.
    #[default]
    Off,
    /// Attached everywhere it was asked to be.
    Running,
    /// Attached in part, or by a fallback; `detail` says which.
    Degraded,
    /// Not attached; `detail` says why and what to do.
    Failed,
}

/// One probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProbeStatus {
    /// Its name: `flow`, …
    pub name: String,
    /// How it fares.
    pub state: ProbeState,
    /// A sentence for people.
    pub detail: String,
}

/// One direction of one interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Interface name.
    pub iface: String,
    /// Kernel's index.
    pub ifindex: u32,
    /// Which way.
    pub direction: Direction,
    /// The hook that serves it: `tcx`, `clsact`, `xdp-native`, `xdp-generic`; empty once the interface is gone.
    pub hook: String,
    /// What the programs counted since attachment.
    pub counts: InterfaceCounts,
    /// Counts told in flow records.
    pub told: TrafficCounts,
    /// Counts that are not IP, by EtherType as `0x0806`.
    pub not_ip: BTreeMap<String, TrafficCounts>,
    /// The kernel's own counters, since attachment; absent where they cannot be read.
    pub kernel: Option<KernelCounts>,
    /// What a policy dropped or sent elsewhere since attachment, before the hook saw it; absent where no policy is asked.
    #[serde(default)]
    pub policy: Option<TrafficCounts>,
    /// Packets the kernel counted since attachment that no hook saw.
    pub unaccounted_packets: u64,
    /// Egress packets that passed the hook since attachment and have not left.
    pub unsent_packets: u64,
    /// Packets seen minus all fates, in the window that was furthest from 0 of the last one and those that ended within a minute before it:
    /// anything but 0 is a bug in the rig.
    #[serde(default)]
    pub imbalance_packets: i64,
}

/// One flow table (`ipv4` also holds what is not IP).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TableStatus {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// Entries in use, all CPUs.
    pub entries: u64,
    /// Slots, all CPUs.
    pub capacity: u64,
    /// Kernel memory, bytes.
    pub bytes: u64,
    /// Entries that made room for another flow, since the start.
    pub evictions: u64,
    /// Evicted entries that reached user space through the outbox.
    pub spills: u64,
    /// Evicted entries that found the outbox full and were folded into the interface's overflow.
    pub overflows: u64,
}

/// How full one kind of ring was at its fullest, in the latest window and the one that is open: of several CPUs' rings, the fullest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingStatus {
    /// `outbox`, `tcp_ends`, `payload`, `burst_samples`, `burst_buckets`, `drop_examples` or `policy_events`.
    pub ring: String,
    /// The most that waited in it to be read: records, buckets or octets.
    pub fullest: u64,
    /// How much there is room for, in the same unit.
    pub capacity: u64,
}

impl RingStatus {
    /// How full it was, from 0 to 1.
    #[must_use]
    pub fn fill(&self) -> f64 {
        if self.capacity == 0 { 0.0 } else { self.fullest as f64 / self.capacity as f64 }
    }
}

/// What draining costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DrainStatus {
    /// Passes over the tables.
    pub scans: u64,
    /// Deltas read.
    pub deltas: u64,
    /// CPU time of the drain thread, nanoseconds.
    pub cpu_ns: u64,
    /// Flows remembered in user space now.
    pub flows: u64,
    /// The most that the budget lets it remember.
    pub flows_capacity: u64,
    /// Flows told early because that bound was reached.
    pub flows_evicted: u64,
    /// Resident memory of the process, bytes.
    pub resident_bytes: u64,
}

/// How the store fares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Its folder.
    pub dir: String,
    /// Whether it takes records now.
    pub writing: bool,
    /// Why not, or what it last had to do; empty when all is well.
    pub detail: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Files on disk.
    pub files: u64,
    /// Rows written since the start.
    pub rows_written: u64,
    /// Rows given up since the start (disk full, queue full): counted, in the ledger's spirit.
    pub rows_lost: u64,
    /// Files removed for age or budget since the start.
    pub files_retired: u64,
    /// Hours of flows reduced to minutes, or of minutes to hours, since the start.
    #[serde(default)]
    pub hours_reduced: u64,
    /// Windows since the start that alone, or with what they are told beside, were larger than the budget.
    #[serde(default)]
    pub windows_over_budget: u64,
}
