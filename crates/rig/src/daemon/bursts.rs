//! The burst probe's road: from fine buckets in kernel memory to a window's records.

use super::budget::memory_for_bursts;
use super::connections::{Connections, Names};
use super::probes::Named;
use super::storing::{CONNECTION_CHUNK_ROWS, Storing};
use netrig_aggregate::{BurstBounds, BurstTeller, BurstWorld};
use netrig_config::Config;
use netrig_drain::bursts::{Bursts as Buckets, SampledFlows};
use netrig_host::{link_speeds, monotonic_ns, realtime_offset_ns};
use netrig_model::{BurstRecord, BurstStatus, FlowKey, InterfaceId, ProbeState, ProbeStatus, RingStatus, Timestamp};
use netrig_probes::burst::BurstMemory;
use netrig_probes::flow::FlowMemory;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const READ_SPAN: Duration = Duration::from_millis(100);
/// How often links are asked for their speed: it changes when a cable does.
const SPEED_SPAN: Duration = Duration::from_secs(10);

/// From buckets to records.
pub(super) struct Bursts {
    buckets: Buckets,
    teller: BurstTeller,
    world: Here,
    /// The kernel's index and the name of each.
    watched: BTreeMap<InterfaceId, (u32, String)>,
    without: BTreeSet<String>,
    without_retransmits: Option<String>,
    read: Instant,
    asked_speeds: Instant,
    memory: Arc<BurstMemory>,
    on: bool,
}

/// What the teller asks when a burst is over.
struct Here {
    flows: SampledFlows,
    /// Time of day less monotonic time.
    lag_ns: i64,
}

impl Here {
    /// Two readings of two clocks scatter: within that the lag stays what it is.
    fn keep_time(&mut self) {
        const SCATTER_NS: u64 = 1_000_000;
        let lag_ns = realtime_offset_ns();
        if lag_ns.abs_diff(self.lag_ns) > SCATTER_NS {
            self.lag_ns = lag_ns;
        }
    }
}

impl BurstWorld for Here {
    fn time(&self, monotonic_ns: u64) -> Timestamp {
        Timestamp(monotonic_ns.cast_signed()).plus_ns(self.lag_ns)
    }

    fn flow(&self, number: u64) -> Option<(FlowKey, Option<u32>)> {
        self.flows.get(number)
    }
}

fn bounds(config: &Config, bucket_ns: u64) -> BurstBounds {
    BurstBounds {
        bucket_ns,
        link_share: config.burst.link_share.fraction(),
        times_mean: config.burst.times_mean,
        min_bytes: config.burst.min_bytes.0,
    }
}

impl Bursts {
    /// For the flow probe's memory, in which its programs count.
    pub(super) fn lay(config: &Config, host: &str, memory: Arc<BurstMemory>, flow: Arc<FlowMemory>) -> Self {
        let bounds = bounds(config, memory.bucket_ns);
        Self {
            buckets: Buckets::new(Arc::clone(&memory)),
            memory,
            on: true,
            teller: BurstTeller::new(Some(host.to_owned()), bounds),
            world: Here { flows: SampledFlows::new(flow), lag_ns: realtime_offset_ns() },
            watched: BTreeMap::new(),
            without: BTreeSet::new(),
            without_retransmits: None,
            read: Instant::now(),
            asked_speeds: Instant::now(),
        }
    }

    /// How full the fullest ring of samples is.
    pub(super) fn fill(&self) -> f64 {
        if self.on { self.buckets.fill() } else { 0.0 }
    }

    /// How long rings of buckets take to go round.
    pub(super) fn span(&self) -> Duration {
        Duration::from_nanos(self.buckets.bucket_ns()) * self.buckets.sizes().buckets
    }

    /// How full rings of samples and of buckets were.
    pub(super) fn fullest(&self) -> [RingStatus; 2] {
        self.buckets.fullest()
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub(super) fn end_window(&mut self) {
        self.buckets.end_window();
    }

    /// Takes what is in the short rings; what is in the long ones ten times a second at most. `without_retransmits`: why nobody counts
    /// what TCP sends again, if nobody does.
    pub(super) fn turn(&mut self, watched: &[Named], without_retransmits: Option<&str>) {
        if !self.on {
            return;
        }
        self.follow(watched);
        if self.without_retransmits.as_deref() != without_retransmits {
            self.without_retransmits = without_retransmits.map(str::to_owned);
            self.teller.set_retransmits(without_retransmits.is_none());
        }
        if self.read.elapsed() >= READ_SPAN {
            self.look();
        } else {
            self.buckets.collect(monotonic_ns());
        }
        if self.asked_speeds.elapsed() >= SPEED_SPAN {
            self.asked_speeds = Instant::now();
            let speeds = speeds();
            for (id, (ifindex, name)) in &self.watched {
                self.teller.watch(*id, name, speeds.get(ifindex).copied());
            }
        }
    }

    /// Whether traffic is counted in buckets from now on. What was is told; when it begins again, means begin anew.
    pub(super) fn switch(&mut self, on: bool) {
        if on == self.on {
            return;
        }
        self.follow(&[]);
        self.memory.switch(on);
        self.on = on;
        // Buckets of the time between are passed over.
        self.look();
    }

    /// Takes in what has been counted.
    pub(super) fn look(&mut self) {
        self.read = Instant::now();
        self.world.keep_time();
        let ifaces: Vec<_> = self.watched.keys().copied().collect();
        let Self { buckets, teller, world, .. } = self;
        buckets.read(monotonic_ns(), &ifaces, &mut |ring, read| {
            teller.feed(ring, (read.buckets, read.lost), read.samples, world);
        });
    }

    /// Brings what is looked at in line with what is watched.
    fn follow(&mut self, watched: &[Named]) {
        let is_same = |Named { id, ifindex, name, .. }: &Named| {
            self.without.contains(name)
                || self.watched.get(id).is_some_and(|(known, called)| known == ifindex && called == name)
        };
        if watched.len() == self.watched.len() + self.without.len() && watched.iter().all(is_same) {
            return;
        }
        // What those that go have counted so far is still theirs.
        self.look();
        let stays =
            |id: &InterfaceId, ifindex: u32| watched.iter().any(|each| (each.id, each.ifindex) == (*id, ifindex));
        let gone: Vec<_> = self.watched.iter().filter(|(id, known)| !stays(id, known.0)).map(|(id, _)| *id).collect();
        for id in gone {
            self.watched.remove(&id);
            self.teller.forget(id, &self.world);
        }
        self.without.clear();
        let speeds = speeds();
        for Named { id, ifindex, name, .. } in watched {
            if !self.buckets.has(*id) {
                self.without.insert(name.clone());
                continue;
            }
            self.teller.watch(*id, name, speeds.get(ifindex).copied());
            self.watched.insert(*id, (*ifindex, name.clone()));
        }
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        self.teller.set_bounds(bounds(config, self.buckets.bucket_ns()));
    }

    /// A window is over: its records go to the store. Ahead of the telling of flows, whose owners are known until then.
    pub(super) fn close(
        &mut self,
        outlet: Option<&Storing>,
        window: (Timestamp, Timestamp),
        last: bool,
        connections: Option<&Connections>,
        meanwhile: &mut dyn FnMut(),
    ) {
        self.look();
        if last {
            self.teller.finish(&self.world);
        }
        let (records, more) = self.teller.close(window, &names(connections));
        if more > 0 {
            tracing::warn!(more, "More bursts in a window than are kept; the largest are.");
        }
        let Some(storing) = outlet else { return };
        for chunk in records.chunks(CONNECTION_CHUNK_ROWS) {
            storing.burst_rows(window, chunk.to_vec(), meanwhile);
        }
        storing.close_bursts(window, meanwhile);
    }

    /// The records of the open window as they stand.
    pub(super) fn open(
        &mut self,
        window: (Timestamp, Timestamp),
        connections: Option<&Connections>,
    ) -> Vec<BurstRecord> {
        self.look();
        self.teller.open(window, &names(connections))
    }

    /// Everything there is to show, as of the last look.
    pub(super) fn status(&self) -> BurstStatus {
        BurstStatus {
            bucket_ns: self.buckets.bucket_ns(),
            interfaces: self.teller.interfaces(),
            without: self.without.iter().cloned().collect(),
            bytes: self.buckets.sizes().bytes(),
        }
    }

    /// How the probe fares.
    pub(super) fn probe_status(&self) -> ProbeStatus {
        let status = |state, detail| ProbeStatus { name: "burst".into(), state, detail };
        let mut missing = Vec::new();
        if !self.without.is_empty() {
            let names: Vec<_> = self.without.iter().map(String::as_str).collect();
            let all = u32::try_from(self.watched.len() + self.without.len()).unwrap_or(u32::MAX);
            let memory = memory_for_bursts(self.buckets.sizes().cpus, self.buckets.bucket_ns(), all) >> 20;
            missing.push(format!("rings for {}: they need [rig] memory = \"{memory}MiB\"", names.join(", ")));
        }
        missing.extend(self.without_retransmits.as_ref().map(|why| format!("retransmits ({why})")));
        if !missing.is_empty() {
            return status(ProbeState::Degraded, format!("without {}", missing.join("; without ")));
        }
        let bucket = Duration::from_nanos(self.buckets.bucket_ns());
        let interfaces = match self.watched.len() {
            1 => "1 interface".to_owned(),
            n => format!("{n} interfaces"),
        };
        status(ProbeState::Running, format!("buckets of {bucket:?} on {interfaces}"))
    }
}

/// Owners alone: bursts know their interfaces.
fn names(connections: Option<&Connections>) -> Names<'_> {
    const NONE: &BTreeMap<InterfaceId, String> = &BTreeMap::new();
    Names { interfaces: NONE, connections, drops: None, addresses: None }
}

/// By interface index; none where netlink does not answer: then bursts are told by the mean alone.
fn speeds() -> BTreeMap<u32, u64> {
    link_speeds().unwrap_or_else(|error| {
        tracing::debug!(%error, "The speed of links is not known.");
        BTreeMap::new()
    })
}
