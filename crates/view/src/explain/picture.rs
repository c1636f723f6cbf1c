//! All that was told of one service, as one process has it, in one picture.

use crate::latency::{coverage, quantile_ns};
use netrig_model::{Histogram, LatencyRecord, QueueCause, Role, Stage, Timestamp};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// What tells one picture from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PictureKey {
    /// The service, as people write it.
    pub service: String,
    /// This host's part.
    pub role: Option<Role>,
    /// Process name.
    pub process: Option<String>,
    /// Container id, or systemd unit.
    pub container: Option<String>,
    /// Path of the control group.
    pub cgroup: Option<String>,
    /// Client's address and port, where it is one connection flagged slow.
    pub slow_client: Option<SocketAddr>,
}

/// One stage of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StagePicture {
    /// The times.
    pub histogram: Histogram,
    /// Messages measured.
    pub samples: u64,
    /// Sampled messages that should have passed.
    pub eligible: u64,
    /// Those that began and whose end was not seen.
    pub censored: u64,
    /// Longest, nanoseconds.
    pub max_ns: Option<u64>,
    /// Messages that the samples stand for.
    pub messages: u64,
    /// What these took in all, nanoseconds.
    pub messages_ns: u64,
    /// 1 message in this many was looked at: every number that was told.
    pub rates: BTreeSet<u32>,
}

impl StagePicture {
    fn of(r: &LatencyRecord, histogram: Histogram) -> Self {
        // Of a slow connection every message is looked at.
        let stands_for = if r.slow_client_addr.is_some() { 1 } else { u64::from(r.sampling_rate.max(1)) };
        Self {
            histogram,
            samples: r.samples,
            eligible: r.eligible,
            censored: r.censored,
            max_ns: r.latency_ns_max,
            messages: r.samples.saturating_mul(stands_for),
            messages_ns: r.latency_ns_sum.saturating_mul(stands_for),
            rates: BTreeSet::from([r.sampling_rate]),
        }
    }

    fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram);
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.samples, other.samples);
        sum(&mut self.eligible, other.eligible);
        sum(&mut self.censored, other.censored);
        sum(&mut self.messages, other.messages);
        sum(&mut self.messages_ns, other.messages_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.rates.extend(&other.rates);
    }

    /// Sum of the times, nanoseconds.
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.histogram.sum_ns
    }

    /// Mean of those that were measured, nanoseconds.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.sum_ns() as f64 / self.samples as f64)
    }

    /// The time below which `share` (0 to 1) of the messages lie, nanoseconds.
    #[must_use]
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        quantile_ns(&self.histogram, share)
    }

    /// Of the messages that should have passed, the share that was measured.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        coverage(self.samples, self.eligible)
    }
}

/// One service as one process has it; or one slow connection of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Whose it is.
    pub key: PictureKey,
    /// `tcp` or `udp`.
    pub transport: Option<String>,
    /// The remote address, for clients.
    pub addr: Option<IpAddr>,
    /// Its port; the local one for servers.
    pub port: Option<u16>,
    /// Start of the first window.
    pub start: Timestamp,
    /// End of the last one.
    pub end: Timestamp,
    /// Stages with anything to tell.
    pub stages: BTreeMap<Stage, StagePicture>,
    /// What held messages in TCP's queue, and how long in all, nanoseconds.
    pub causes: BTreeMap<QueueCause, u64>,
    /// The longest wait in a queueing discipline, nanoseconds, and the interface it was for.
    pub iface: Option<(u64, String)>,
}

impl Picture {
    /// What one record tells; none when its distribution is not one.
    #[must_use]
    pub fn of(r: &LatencyRecord) -> Option<Self> {
        let histogram = Histogram::from_text(&r.histogram, r.latency_ns_sum)?;
        let slow_client = r.slow_client_addr.map(|ip| SocketAddr::new(ip, r.slow_client_port.unwrap_or(0)));
        Some(Self {
            key: PictureKey {
                service: r.service.clone(),
                role: r.role,
                process: r.process.clone(),
                container: r.container.clone(),
                cgroup: r.cgroup.clone(),
                slow_client,
            },
            transport: r.transport.clone(),
            addr: r.service_addr,
            port: r.service_port,
            start: r.window_start,
            end: r.window_end,
            stages: BTreeMap::from([(r.stage, StagePicture::of(r, histogram))]),
            causes: r.cause.zip(r.cause_ns_sum).into_iter().collect(),
            iface: r.iface.clone().map(|iface| (r.latency_ns_max.unwrap_or(0), iface)),
        })
    }

    /// Adds another of the same key.
    pub fn add(&mut self, other: &Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        for (stage, sums) in &other.stages {
            self.stages.entry(*stage).or_default().add(sums);
        }
        for (cause, ns) in &other.causes {
            let sum = self.causes.entry(*cause).or_default();
            *sum = sum.saturating_add(*ns);
        }
        self.iface = self.iface.take().max(other.iface.clone());
    }

    /// One stage, where anything was measured of it.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> Option<&StagePicture> {
        self.stages.get(&stage).filter(|s| s.samples > 0)
    }

    /// How many were measured of one stage.
    #[must_use]
    pub fn samples(&self, stage: Stage) -> u64 {
        self.stage(stage).map_or(0, |s| s.samples)
    }

    /// Whether it is the whole host's.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.port.is_none() && self.key.service == "host"
    }

    /// The process, and its container or unit.
    #[must_use]
    pub fn owner(&self) -> String {
        match (&self.key.process, &self.key.container) {
            (Some(process), Some(container)) => format!("{process} ({})", short_id(container)),
            (Some(process), None) => process.clone(),
            (None, Some(container)) => short_id(container).to_owned(),
            (None, None) => String::new(),
        }
    }

    /// Messages that it is about, as far as sampling lets one say.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.typical().map_or(0, |s| s.messages)
    }

    /// Of these, those that were measured.
    #[must_use]
    pub fn measured(&self) -> u64 {
        self.typical().map_or(0, |s| s.samples)
    }

    /// The stage that has as many samples as there were messages: the whole, unless it is known of few. Of other stages some
    /// are sampled twice, for what arrives and what leaves is chosen independently.
    fn typical(&self) -> Option<&StagePicture> {
        let most = self.stages.values().max_by_key(|s| s.samples)?;
        let whole = self.stage(Stage::Total).filter(|total| total.samples.saturating_mul(2) >= most.samples);
        Some(whole.unwrap_or(most))
    }

    /// What its messages took in all, as far as sampling lets one say, nanoseconds.
    fn weight_ns(&self) -> u64 {
        let parts = self.stages.iter().filter(|(stage, _)| stage.is_part_of_total(self.key.role));
        let sum = parts.fold(0u64, |sum, (_, s)| sum.saturating_add(s.messages_ns));
        self.stage(Stage::Total).map_or(sum, |total| total.messages_ns.max(sum))
    }
}

/// A container's id is as telling in twelve digits.
fn short_id(container: &str) -> &str {
    const DIGITS: usize = 12;
    let is_id = container.len() > DIGITS && container.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { &container[..DIGITS] } else { container }
}

/// Merges records into pictures while they stream by, in bounded memory.
#[derive(Debug, Default)]
pub struct Pictures {
    pictures: FxHashMap<PictureKey, Picture>,
    left_out: u64,
    unreadable: u64,
}

impl Pictures {
    /// Pictures kept at most: some 100 MB. A rig tells of some 130 services at a time, but slow connections come and go.
    pub const MAX: usize = 10_000;

    /// Takes one record.
    pub fn add(&mut self, record: &LatencyRecord) {
        let Some(picture) = Picture::of(record) else {
            self.unreadable += 1;
            return;
        };
        let full = self.pictures.len() >= Self::MAX;
        match self.pictures.get_mut(&picture.key) {
            Some(known) => known.add(&picture),
            None if full => self.left_out += 1,
            None => {
                self.pictures.insert(picture.key.clone(), picture);
            }
        }
    }

    /// Records that were left out because there were too many services and slow connections.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Records whose distribution cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The pictures, those whose messages took most time in all first; the host's own last.
    #[must_use]
    pub fn finish(mut self) -> Vec<Picture> {
        self.name_early_ones();
        let mut all: Vec<Picture> = self.pictures.into_values().collect();
        all.sort_by_cached_key(|p| (p.is_host(), Reverse(p.weight_ns()), p.key.clone()));
        all
    }

    /// Control group and container of a process are known a while later than the process. What was told of it until then is its own,
    /// if there is no other that it could be.
    fn name_early_ones(&mut self) {
        let unnamed = |key: &PictureKey| PictureKey { container: None, cgroup: None, ..key.clone() };
        let mut named: FxHashMap<PictureKey, Vec<PictureKey>> = FxHashMap::default();
        for key in self.pictures.keys().filter(|key| key.process.is_some() && unnamed(key) != **key) {
            named.entry(unnamed(key)).or_default().push(key.clone());
        }
        for (early, owners) in named {
            let [only] = owners.as_slice() else { continue };
            if let Some(picture) = self.pictures.remove(&early)
                && let Some(owner) = self.pictures.get_mut(only)
            {
                owner.add(&picture);
            }
        }
    }
}
