//! A run's report as data: what is written as JSON, read back to be compared, and made into words and charts.
//!
//! Units are in the names. What is not known is `None`, never 0: a rig that did not answer has not seen nothing.

use netrig_model::Direction;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the rig.
    pub version: String,
    /// The scenario's name, or the path of its file.
    pub scenario: String,
    /// What its randomness came from: the same seed makes the same packets.
    pub seed: u64,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// How long traffic was made, seconds.
    pub duration_s: f64,
    /// Where.
    pub machine: Machine,
    /// Packets a second that were asked for; `None`: as many as there is room for, or as sockets send by themselves.
    pub rate_asked_pps: Option<u64>,
    /// The rig's configuration, TOML.
    pub rig_config: String,
    /// What became of the packets.
    pub traffic: Traffic,
    /// The rig's account of each interface and direction.
    pub ledger: Vec<LedgerRow>,
    /// What was lost or left out, by name.
    pub losses: Vec<Loss>,
    /// The run, second by second.
    pub samples: Vec<Sample>,
    /// What the traffic of somebody else felt of it; `None`: it was not measured.
    pub victim: Option<Victim>,
    /// What broke first, or would.
    pub bottleneck: Bottleneck,
    /// The highest rate without loss, where it was looked for.
    pub limit: Option<Limit>,
    /// What the run left on the host, a sentence each; empty as it should be.
    pub left_behind: Vec<String>,
}

/// The host that it ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// Processors at work.
    pub cpus: u32,
    /// Memory.
    pub memory_bytes: u64,
}

/// What became of the packets of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// What the plan wanted; `None` where it wanted no number.
    pub offered_packets: Option<u64>,
    /// What the generators handed to the kernel.
    pub sent_packets: u64,
    /// What passed the rig's hooks.
    pub seen_packets: Option<u64>,
    /// What its records tell of.
    pub told_packets: Option<u64>,
    /// What it counted as not told, by name: see [`Report::losses`].
    pub lost_packets: Option<u64>,
    /// What nobody can name the fate of: anything but 0 is a bug of the rig.
    pub unaccounted_packets: Option<u64>,
}

/// The rig's account of one interface in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Its name.
    pub iface: String,
    /// Seen from the interface.
    pub direction: Direction,
    /// What passed the hook.
    pub seen_packets: u64,
    /// Its octets.
    pub seen_bytes: u64,
    /// What records tell of.
    pub told_packets: u64,
    /// What belonged to evicted flows that found the outbox full.
    pub overflow_packets: u64,
    /// What is not IP.
    pub not_ip_packets: u64,
    /// What sampling left out.
    pub sampled_out_packets: u64,
    /// What sampled packets stand for beyond themselves: among those told, never seen as such.
    pub extrapolated_packets: u64,
    /// What a policy took before the hook; `None` where no policy is asked.
    pub policy_packets: Option<u64>,
    /// seen − (told + overflow + not IP + sampled out − extrapolated): anything but 0 is a bug.
    pub imbalance_packets: i64,
    /// What the kernel's counter of the interface says beyond what passed the hook and what is explained; `None` where
    /// that counter could not be read.
    pub unaccounted_packets: Option<u64>,
}

/// The stations at which a run can come to its limit, in the order of the packets' way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// What makes the packets: the rig was not the limit.
    Generator,
    /// The interface and its queues, before any hook.
    Driver,
    /// The kernel programs: time per packet.
    Probe,
    /// The tables of flows and connections: memory.
    Table,
    /// Outboxes and rings between the kernel and user space.
    Ring,
    /// The rig's process: how fast it reads and aggregates.
    Drain,
    /// Records on disk.
    Store,
    /// Nothing came near its limit.
    #[default]
    None,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 8] =
        [Self::Generator, Self::Driver, Self::Probe, Self::Table, Self::Ring, Self::Drain, Self::Store, Self::None];

    /// The word, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Driver => "driver",
            Self::Probe => "probe",
            Self::Table => "table",
            Self::Ring => "ring",
            Self::Drain => "drain",
            Self::Store => "store",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was lost, or left out, at one station for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Where.
    pub stage: Stage,
    /// Why, in a few words.
    pub what: String,
    /// How many over the whole run.
    pub count: u64,
    /// Of what: `packets`, `records`, `flows`, …
    pub unit: String,
}

/// One look at everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, seconds since traffic began.
    pub at_s: f64,
    /// Packets a second that the generators sent since the look before.
    pub sent_pps: Option<f64>,
    /// That passed the rig's hooks.
    pub seen_pps: Option<f64>,
    /// That its records tell of.
    pub told_pps: Option<f64>,
    /// CPU time of the rig's process, as a share of one core.
    pub rig_cpu_share_of_core: Option<f64>,
    /// What each probe costs in the kernel.
    pub probes: Vec<ProbeCost>,
    /// How full tables are.
    pub tables: Vec<Fill>,
    /// How full outboxes and rings were at their fullest, in the latest window and the one that was open.
    pub rings: Vec<Fill>,
    /// Age of the oldest thing that the rig has not read yet, seconds.
    pub drain_lag_s: Option<f64>,
    /// Records that wait to be written.
    pub store_queue: Option<Fill>,
    /// Resident memory of the rig's process.
    pub rss_bytes: Option<u64>,
    /// Of that, what it has for itself; the rest are pages of the kernel's tables and of files that it has touched.
    pub own_bytes: Option<u64>,
    /// Memory of its maps in the kernel.
    pub kernel_bytes: Option<u64>,
    /// What its store takes on disk.
    pub store_bytes: Option<u64>,
    /// What the governor has turned down; `None` where nothing is.
    pub governor: Option<String>,
}

/// What one probe costs at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeCost {
    /// Its name.
    pub probe: String,
    /// How often its programs run.
    pub runs_per_s: f64,
    /// What one run takes.
    pub ns_per_run: f64,
    /// Both together, as a share of one core.
    pub share_of_core: f64,
}

/// How full something with a bound is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// Which.
    pub name: String,
    /// Places taken.
    pub used: Option<u64>,
    /// Places there are.
    pub capacity: Option<u64>,
    /// Entries a second that had to go to make room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evicted_per_s: Option<f64>,
    /// What found no place, since the run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

impl Fill {
    /// The share that is taken; `None` where either number is unknown, or where there is no place at all.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let (used, capacity) = (self.used?, self.capacity.filter(|places| *places > 0)?);
        Some(used as f64 / capacity as f64)
    }
}

/// Round trips of traffic that has nothing to do with the stress, without the rig and with it, in turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Victim {
    /// All rounds without the rig.
    pub off: Percentiles,
    /// All rounds with it.
    pub on: Percentiles,
    /// Each pair of turns.
    pub rounds: Vec<Round>,
    /// The median over the rounds of p99 with the rig by p99 without: 1.05 is 5 % slower.
    pub p99_ratio_median: Option<f64>,
}

/// A distribution of round trips.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many.
    pub count: u64,
    /// Half took no longer.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// 999 of 1000 took no longer.
    pub p999_us: f64,
}

/// A turn without the rig and the turn with it that followed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Without.
    pub off_p99_us: f64,
    /// With.
    pub on_p99_us: f64,
}

/// What broke first, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// Where.
    pub stage: Stage,
    /// Whether something was lost there for good, rather than that being what would happen next. What sampling left out is no
    /// loss: sums stay exact.
    #[serde(default)]
    pub broke: bool,
    /// What happens there, in a sentence.
    pub sentence: String,
    /// What moves it.
    pub setting: Option<SettingChange>,
    /// The figures that say so, a short sentence each.
    pub evidence: Vec<String>,
}

/// A key of rig.toml that would move a bottleneck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// `section.key`
    pub key: String,
    /// Its value in this run, as TOML writes it.
    pub now: String,
    /// What to try.
    pub proposal: String,
}

/// The highest rate without loss.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// `None`: there was loss at every rate that was tried.
    pub highest_pps_without_loss: Option<u64>,
    /// `None`: there was loss at none.
    pub lowest_pps_with_loss: Option<u64>,
    /// What was tried, in order.
    pub steps: Vec<LimitStep>,
}

/// One rate that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitStep {
    /// Packets a second that were asked for.
    pub pps: u64,
    /// Packets lost at it, at any station.
    pub lost_packets: u64,
    /// The first station, in the packets' order, that lost any.
    pub first_loss: Option<Stage>,
}
