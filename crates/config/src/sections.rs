//! The settings as the rig uses them, and their defaults.

use crate::payload::PayloadConfig;
use crate::remote_write::RemoteWriteConfig;
use crate::settings::{Reload, SETTINGS};
use crate::triggers::Trigger;
use crate::units::{ByteSize, Percent};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// All settings, each valid by itself and with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[rig]`
    pub rig: RigConfig,
    /// `[flow]`
    pub flow: FlowConfig,
    /// `[tcp]`
    pub tcp: TcpConfig,
    /// `[latency]`
    pub latency: LatencyConfig,
    /// `[drop]`
    pub drop: DropConfig,
    /// `[burst]`
    pub burst: BurstConfig,
    /// `[queue]`
    pub queue: QueueConfig,
    /// `[payload]`
    pub payload: PayloadConfig,
    /// `[policy]`
    pub policy: PolicyConfig,
    /// `[recorder]`
    pub recorder: RecorderConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[serve]`
    pub serve: ServeConfig,
    /// `[metrics]`
    pub metrics: MetricsConfig,
    /// `[remote_write]`
    pub remote_write: RemoteWriteConfig,
}

/// `[rig]`: what is watched, how often it is told, and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RigConfig {
    /// Entries that [`crate::InterfacePattern`] reads.
    pub interfaces: Vec<String>,
    /// Length of a window.
    pub window: Duration,
    /// A flow without a packet for this long is over; never shorter than the window.
    pub idle_timeout: Duration,
    /// Share of the whole machine, all CPUs together, that the rig may take before it turns things down.
    pub cpu: Percent,
    /// What flow tables, outboxes and remembered flows are sized from.
    pub memory: ByteSize,
    /// Host name in the records; `None`: what the system says.
    pub host: Option<String>,
}

impl Default for RigConfig {
    fn default() -> Self {
        Self {
            interfaces: vec!["auto".to_owned()],
            window: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            cpu: Percent::whole(1),
            memory: ByteSize::mib(64),
            host: None,
        }
    }
}

/// `[flow]`: the flow probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// Whether flows are counted.
    pub enabled: bool,
    /// Where in the kernel.
    pub hook: Hook,
    /// Whether the flows inside tunnels are told beside the tunnels.
    pub tunnels: bool,
    /// One packet in this many is added to its flow.
    pub sampling: u32,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self { enabled: true, hook: Hook::Tcx, tunnels: false, sampling: 1 }
    }
}

/// `[tcp]`: the TCP probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// Whether connections are told, and owners of sockets known.
    pub enabled: bool,
    /// Whether every read by an application is looked at.
    pub reads: bool,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self { enabled: true, reads: false }
    }
}

/// `[latency]`: the latency probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyConfig {
    /// Whether messages are timed.
    pub enabled: bool,
    /// One message in this many is timed.
    pub sampling: u32,
    /// A message slower than this flags its connection.
    pub slow: Duration,
    /// Whether the kernel is made to stamp every packet received.
    pub receive_stamps: bool,
}

impl Default for LatencyConfig {
    fn default() -> Self {
        Self { enabled: true, sampling: 64, slow: Duration::from_millis(100), receive_stamps: true }
    }
}

/// `[drop]`: the drop probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropConfig {
    /// Whether drops are counted by reason.
    pub enabled: bool,
    /// Examples of a group that are taken in a second, at most, on each CPU.
    pub examples: u32,
}

impl Default for DropConfig {
    fn default() -> Self {
        Self { enabled: true, examples: 1 }
    }
}

/// `[burst]`: the burst probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurstConfig {
    /// Whether traffic is counted in fine buckets.
    pub enabled: bool,
    /// Length of a bucket.
    pub bucket: Duration,
    /// A bucket over this share of the link's speed is a burst's.
    pub link_share: Percent,
    /// So is one over this many times the mean.
    pub times_mean: u32,
    /// Less than this is no burst.
    pub min_bytes: ByteSize,
}

impl Default for BurstConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            bucket: Duration::from_millis(1),
            link_share: Percent::whole(80),
            times_mean: 10,
            min_bytes: ByteSize(32 << 10),
        }
    }
}

/// `[queue]`: queues in front of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Whether they are looked at.
    pub enabled: bool,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// `[policy]`: rules for packets at XDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Whether the rig takes policies at all.
    pub enabled: bool,
    /// A policy that is applied at the start and at each reload; `None`: what is asked for by command alone.
    pub file: Option<PathBuf>,
    /// The socket by which policies are changed.
    pub socket: PathBuf,
    /// Where a policy lies that outlives the rig: a folder on the kernel's file system of programs.
    pub pins: PathBuf,
    /// Packets of a rule that are looked at in a second, at most, on each CPU.
    pub examples: u32,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        let (socket, pins) = ("/run/netrig/control.sock", "/sys/fs/bpf/netrig/policy");
        Self { enabled: true, file: None, socket: socket.into(), pins: pins.into(), examples: 1 }
    }
}

/// `[recorder]`: the flight recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    /// Whether the last packets are kept.
    pub enabled: bool,
    /// What the rings are sized from: a part of `[rig] memory`.
    pub memory: ByteSize,
    /// Octets of each packet that are kept, rounded up to what slots there are.
    pub snaplen: u32,
    /// Packets a second that each ring records of a flood; 0: all.
    pub rate: u32,
    /// How much of the time before a trigger is written.
    pub before: Duration,
    /// How much of the time after it.
    pub after: Duration,
    /// Folder of the files; `None`: `captures` in the store's.
    pub dir: Option<PathBuf>,
    /// So many files are kept.
    pub files: u32,
    /// They take so many bytes together.
    pub bytes: ByteSize,
    /// A trigger that has fired rests for this long.
    pub cooldown: Duration,
    /// Whether anything but a command or a signal makes it write.
    pub automatic: bool,
    /// `[[recorder.trigger]]`; empty: [`Trigger::defaults`].
    pub triggers: Vec<Trigger>,
}

impl RecorderConfig {
    /// The triggers that are looked for.
    #[must_use]
    pub fn triggers(&self) -> Vec<Trigger> {
        match self {
            Self { automatic: false, .. } => Vec::new(),
            Self { triggers, .. } if triggers.is_empty() => Trigger::defaults(),
            Self { triggers, .. } => triggers.clone(),
        }
    }
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            memory: ByteSize::mib(4),
            snaplen: 96,
            rate: 10_000,
            before: Duration::from_secs(10),
            after: Duration::from_secs(5),
            dir: None,
            files: 20,
            bytes: ByteSize::mib(256),
            cooldown: Duration::from_secs(60),
            automatic: true,
            triggers: Vec::new(),
        }
    }
}

/// Where the flow probe stands in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Traffic control: both directions, after the driver (clsact where the kernel has no tcx).
    Tcx,
    /// Before the stack: ingress only, native or else generic.
    Xdp,
}

impl Hook {
    /// All, with the words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("tcx", Self::Tcx), ("xdp", Self::Xdp)];

    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Xdp => "xdp",
        }
    }
}

/// `[store]`: records on local disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Whether records are stored.
    pub enabled: bool,
    /// Folder of the files.
    pub dir: PathBuf,
    /// Age at which files are removed.
    pub retain: Duration,
    /// Age at which the detail of flows is reduced to minutes, even where there is room.
    pub detail_retain: Duration,
    /// Bytes that the files may take together.
    pub budget: ByteSize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let week = Duration::from_secs(7 * 24 * 3600);
        Self {
            enabled: true,
            dir: PathBuf::from("/var/lib/netrig"),
            retain: week,
            detail_retain: week,
            budget: ByteSize::gib(1),
        }
    }
}

/// `[serve]`: HTTP for metrics, health, status and live records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeConfig {
    /// Whether the rig listens at all.
    pub enabled: bool,
    /// Address and port, on loopback.
    pub listen: SocketAddr,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self { enabled: true, listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9798)) }
    }
}

/// `[metrics]`: what `/metrics` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Whether `/metrics` answers.
    pub enabled: bool,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Config {
    /// Keys whose values differ, in the order of the list.
    #[must_use]
    pub fn changed(old: &Self, new: &Self) -> Vec<&'static str> {
        SETTINGS.iter().filter(|s| s.differs(old, new)).map(|s| s.path).collect()
    }

    /// Keys whose values differ and that a running rig cannot change: what a reload must ask a restart for.
    #[must_use]
    pub fn changed_requires_restart(old: &Self, new: &Self) -> Vec<&'static str> {
        let changed = SETTINGS.iter().filter(|s| s.reload == Reload::Restart && s.differs(old, new));
        changed.map(|s| s.path).collect()
    }
}
