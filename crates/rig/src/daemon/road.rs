//! From kernel to records: probe, drain, aggregator and ledger, in the order in which a window needs them.

use super::budget::{Budget, Sharers};
use super::connections::{Connections, Names};
use super::drops::Drops;
use super::ledger::{self, Baselines, Reading};
use super::looping::window_ns;
use super::policy::Policies;
use super::storing::{CHUNK_ROWS, Storing};
use super::watching::{Watched, Watching, targets};
use netrig_aggregate::{AddressNames, AggregateConfig, Aggregator, Ledger};
use netrig_config::{Config, Hook};
use netrig_drain::{Drain, Pass};
use netrig_host::Counters;
use netrig_model::{Direction, FlowDelta, FlowRecord, InterfaceId, KernelCounts, LedgerRecord, Timestamp};
use netrig_probes::TickClock;
use netrig_probes::burst::BurstOptions;
use netrig_probes::flow::{FlowHook, FlowOptions, FlowProbe, FlowSizes};
use netrig_probes::payload::PayloadOptions;
use std::collections::BTreeMap;
use std::mem;
use std::os::fd::AsFd;

/// From kernel to records.
pub(super) struct Road {
    pub(super) probe: FlowProbe,
    pub(super) clock: TickClock,
    pub(super) drain: Drain,
    pub(super) aggregator: Aggregator,
    pub(super) ledger: Ledger,
    pub(super) baselines: Baselines,
    pub(super) kernel_at_start: BTreeMap<(InterfaceId, Direction), KernelCounts>,
    /// Interfaces that have gone in the open window: it still tells of them.
    leaving: Vec<Watched>,
    /// Names of all interfaces ever watched, for records of those that are gone.
    pub(super) names: BTreeMap<InterfaceId, String>,
    pub(super) sizes: FlowSizes,
    /// The largest rate at which flows have been sampled since the tables were read.
    sampling_max: u32,
    /// Taken from the outboxes while a disk was waited for, until there is time to add them.
    late: Vec<FlowDelta>,
}

/// Deltas taken while a disk is waited for, at most: what comes after that may find the outboxes full, and is counted.
const LATE_MAX: usize = 32_768;

impl Road {
    /// Loads the programs; attaches nothing.
    pub(super) fn lay(config: &Config, host: &str, connections: Option<&Connections>) -> anyhow::Result<Self> {
        let (options, budget) = probe_options(config);
        let senders = connections.map(|c| c.probe.other_sockets()).transpose()?;
        let probe = FlowProbe::load_with(&options, senders.as_ref().map(AsFd::as_fd))?;
        drop(senders);
        let clock = probe.clock()?;
        let aggregator = Aggregator::new(AggregateConfig {
            window_ns: window_ns(config),
            idle_timeout_ns: i64::try_from(config.rig.idle_timeout.as_nanos()).unwrap_or(i64::MAX),
            flows_capacity: budget.flows_capacity,
            host: Some(host.to_owned()),
            netns: netrig_host::netns_inode().ok(),
            sampling_rate: config.flow.sampling,
        });
        Ok(Self {
            clock,
            drain: Drain::new(probe.memory()),
            probe,
            aggregator,
            ledger: Ledger::new(Some(host.to_owned())),
            baselines: Baselines::default(),
            kernel_at_start: BTreeMap::new(),
            leaving: Vec::new(),
            names: BTreeMap::new(),
            sizes: options.sizes,
            sampling_max: config.flow.sampling,
            late: Vec::new(),
        })
    }

    /// Brings what is attached in line with the choice of interfaces.
    pub(super) fn settle(&mut self, watching: &mut Watching, outlet: Outlet<'_>) -> anyhow::Result<()> {
        let before = netrig_host::counters()?;
        let let_go = watching.settle(&mut self.probe)?;
        let after = netrig_host::counters()?;
        if !let_go.is_empty() {
            self.scan(outlet);
        }
        self.leaving.extend(let_go);
        for watched in watching.watched() {
            if self.leaving.iter().any(|gone| gone.id == watched.id) {
                // So many came and went in one window that a number is used again already.
                self.close_books();
            }
            self.names.insert(watched.id, watched.name.clone());
            if self.baselines.has(watched.id) {
                continue;
            }
            self.baselines.begin(watched, (&before, &after));
            for way in Direction::BOTH {
                let counts = after.get(&(watched.ifindex, way)).copied().unwrap_or_default();
                self.kernel_at_start.insert((watched.id, way), counts);
            }
        }
        Ok(())
    }

    /// Closes the books of interfaces that are gone, after their last window was told.
    fn close_books(&mut self) {
        for gone in mem::take(&mut self.leaving) {
            self.baselines.forget(gone.id, &self.drain, &self.aggregator);
            self.ledger.forget(gone.id);
            self.kernel_at_start.retain(|(id, _), _| *id != gone.id);
        }
    }

    /// From now on one packet in so many is added to its flow.
    pub(super) fn sample(&self, one_in: u32) {
        if one_in != self.probe.sampling() {
            self.probe.set_sampling(one_in);
        }
    }

    /// What is read next was counted at any rate there has been since the last whole reading.
    fn follow_sampling(&mut self) {
        let now = self.probe.sampling();
        if now > self.sampling_max {
            self.sampling_max = now;
            self.aggregator.set_sampling_rate(now);
        }
    }

    /// Everything has been read: what comes now is counted at the rate that holds now.
    fn settle_sampling(&mut self) {
        let now = self.probe.sampling();
        if now != self.sampling_max {
            self.sampling_max = now;
            self.aggregator.set_sampling_rate(now);
        }
    }

    /// Takes what lies in the outboxes.
    pub(super) fn outboxes(&mut self, outlet: Outlet<'_>) -> u64 {
        self.follow_sampling();
        let Self { drain, clock, aggregator, names, .. } = self;
        drain.outboxes(clock, &mut |d| take(aggregator, names, outlet, d)).deltas
    }

    /// Takes what every flow gained.
    pub(super) fn scan(&mut self, outlet: Outlet<'_>) -> u64 {
        if let Err(error) = self.probe.sync_clock(&mut self.clock) {
            tracing::debug!(%error, "The table's clock could not be read; times go on from the last reading.");
        }
        self.follow_sampling();
        let mut pass = Pass::default();
        let mut late = 0;
        while self.drain.part(&mut pass, &self.clock, &mut |d| self.aggregator.add(d)) {
            if self.aggregator.is_crowded() {
                late += self.tell_crowd(outlet);
            }
        }
        self.settle_sampling();
        pass.stats.deltas + late
    }

    /// Tells the flows that had to make room for others at once, ahead of the window's close: one reading of the tables can bring more
    /// of them than memory is meant for. Returns how many deltas were taken meanwhile.
    fn tell_crowd(&mut self, outlet: Outlet<'_>) -> u64 {
        let Self { drain, clock, aggregator, names, late, .. } = self;
        tell_crowd(aggregator, names, outlet, &mut || relieve(drain, clock, late));
        self.add_late()
    }

    /// What was taken meanwhile belongs to the window that is open now; should it crowd that, the next turn sees to it. Returns how much
    /// it was.
    fn add_late(&mut self) -> u64 {
        let many = self.late.len() as u64;
        for delta in self.late.drain(..) {
            self.aggregator.add(&delta);
        }
        many
    }

    /// Keeps the kernel's outboxes from filling while others wait for the disk.
    pub(super) fn relieve(&mut self) {
        relieve(&mut self.drain, &self.clock, &mut self.late);
    }

    /// Takes what every flow gained for the last time in a window. What was dropped of it is looked at right afterwards.
    pub(super) fn take_last(&mut self, outlet: Outlet<'_>, watching: Option<&Watching>) -> LastTaken {
        let mut watched: Vec<_> = watching.map(|w| w.watched().cloned().collect()).unwrap_or_default();
        watched.extend(self.leaving.iter().cloned());
        let kernel_before = counters();
        let before = ledger::read_seen(&self.baselines, &self.drain, watched.iter());
        let deltas = self.scan(outlet);
        let after = ledger::read_seen(&self.baselines, &self.drain, watched.iter());
        LastTaken { watched, kernel_before, before, after, kernel_after: counters(), deltas }
    }

    /// Tells a window: its records go to the store chunk by chunk, its ledger is returned.
    /// Between chunks and while the disk is slow, the kernel's outboxes are emptied all the same, and `beside` is called.
    pub(super) fn tell(
        &mut self,
        outlet: Outlet<'_>,
        (taken, last): (&LastTaken, bool),
        beside: &mut dyn FnMut(),
    ) -> (Vec<LedgerRecord>, u64) {
        let window = outlet.window;
        {
            let Self { aggregator, drain, clock, names, late, .. } = self;
            let mut chunks = Chunks::new(outlet);
            let mut meanwhile = || {
                relieve(drain, clock, late);
                beside();
            };
            let world = outlet.world(names);
            aggregator.close_window(window.1, last, &world, &mut |record| chunks.push(record, &mut meanwhile));
            chunks.finish(&mut meanwhile);
        }
        let LastTaken { watched, kernel_before, before, after, kernel_after, deltas } = taken;
        let reading = Reading { kernel_before, before, after, kernel_after };
        let mut inputs = Vec::new();
        for each in watched {
            for way in Direction::BOTH {
                let told_overflow = self.ledger.overflow(each.id, way);
                // A policy stands in front of what is received.
                let removed = outlet.policies.filter(|_| way == Direction::Ingress);
                let removed = removed.and_then(|policies| policies.removed(each.ifindex));
                inputs.push(ledger::input(
                    &reading,
                    (each, way),
                    &self.baselines,
                    &self.aggregator,
                    (told_overflow, removed),
                ));
            }
        }
        let deltas = deltas + self.add_late();
        let rows = self.ledger.close_window(window, &inputs);
        self.close_books();
        (rows, deltas)
    }
}

/// What a window's last reading brought, for its ledger.
pub(super) struct LastTaken {
    watched: Vec<Watched>,
    kernel_before: Counters,
    before: ledger::Seen,
    after: ledger::Seen,
    kernel_after: Counters,
    deltas: u64,
}

/// Where records go: to the store, as part of a window.
#[derive(Clone, Copy)]
pub(super) struct Outlet<'a> {
    pub(super) storing: Option<&'a Storing>,
    pub(super) window: (Timestamp, Timestamp),
    pub(super) connections: Option<&'a Connections>,
    pub(super) drops: Option<&'a Drops>,
    pub(super) addresses: Option<&'a AddressNames>,
    pub(super) policies: Option<&'a Policies>,
}

impl<'a> Outlet<'a> {
    fn world(&self, interfaces: &'a BTreeMap<InterfaceId, String>) -> Names<'a> {
        Names { interfaces, connections: self.connections, drops: self.drops, addresses: self.addresses }
    }
}

/// Adds a delta; where that crowds out others, they are told at once.
fn take(aggregator: &mut Aggregator, names: &BTreeMap<InterfaceId, String>, outlet: Outlet<'_>, delta: &FlowDelta) {
    aggregator.add(delta);
    if aggregator.is_crowded() {
        tell_crowd(aggregator, names, outlet, &mut || ());
    }
}

fn tell_crowd(
    aggregator: &mut Aggregator,
    names: &BTreeMap<InterfaceId, String>,
    outlet: Outlet<'_>,
    meanwhile: &mut dyn FnMut(),
) {
    let mut chunks = Chunks::new(outlet);
    let world = outlet.world(names);
    aggregator.tell_evicted(outlet.window.0, &world, &mut |record| chunks.push(record, meanwhile));
    chunks.finish(meanwhile);
}

fn relieve(drain: &mut Drain, clock: &TickClock, late: &mut Vec<FlowDelta>) {
    if late.len() < LATE_MAX {
        drain.outboxes(clock, &mut |d| late.push(*d));
    }
}

/// Records on their way to the store, some thousands at a time.
struct Chunks<'a> {
    outlet: Outlet<'a>,
    rows: Vec<FlowRecord>,
}

impl<'a> Chunks<'a> {
    fn new(outlet: Outlet<'a>) -> Self {
        Self { outlet, rows: Vec::new() }
    }

    fn push(&mut self, record: FlowRecord, meanwhile: &mut dyn FnMut()) {
        if self.outlet.storing.is_none() {
            return;
        }
        self.rows.push(record);
        if self.rows.len() == CHUNK_ROWS {
            self.send(meanwhile);
        }
    }

    fn send(&mut self, meanwhile: &mut dyn FnMut()) {
        if let Some(storing) = self.outlet.storing {
            storing.rows(self.outlet.window, mem::take(&mut self.rows), meanwhile);
        }
        meanwhile();
    }

    fn finish(mut self, meanwhile: &mut dyn FnMut()) {
        self.send(meanwhile);
    }
}

/// How the flow probe is to be loaded under a configuration, and how the memory budget divides.
pub(crate) fn probe_options(config: &Config) -> (FlowOptions, Budget) {
    let cpus = FlowOptions::live(0).sizes.cpus;
    let sharers = Sharers {
        tcp: config.tcp.enabled,
        latency: config.latency.enabled,
        drop: config.drop.enabled,
        recorder: if config.recorder.enabled && config.flow.enabled { config.recorder.memory.0 } else { 0 },
        payload: config.payload.enabled && config.flow.enabled,
        burst: (config.burst.enabled && config.flow.enabled).then(|| bucket_ns(config)),
    };
    let budget = Budget::of(config.rig.memory.0, cpus, sharers);
    let mut options = FlowOptions::live(budget.kernel_bytes);
    options.tunnels = config.flow.tunnels;
    options.sampling = config.flow.sampling;
    options.numbers_rest = config.rig.window * 2;
    options.hook = match config.flow.hook {
        Hook::Tcx => FlowHook::Tc,
        Hook::Xdp => FlowHook::Xdp,
    };
    if let Some(bucket_ns) = sharers.burst {
        // Without the namespace's number nothing that TCP sends again is taken for a watched interface's.
        let netns = netrig_host::netns_inode().ok().and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0);
        options.burst = BurstOptions::within(budget.burst_kernel_bytes, bucket_ns, netns, burst_ifaces(config));
    }
    options.payload = (budget.payload_kernel_bytes > 0).then(|| PayloadOptions {
        dns_ports: config.payload.dns_ports.clone(),
        copy_octets: u32::try_from(config.payload.copy.0).unwrap_or(u32::MAX),
        ring_octets: budget.payload_kernel_bytes / u64::from(cpus),
    });
    (options, budget)
}

/// Length of a fine bucket.
pub(crate) fn bucket_ns(config: &Config) -> u64 {
    u64::try_from(config.burst.bucket.as_nanos()).unwrap_or(u64::MAX)
}

/// How many interfaces there should be rings for: those that are chosen now, and some that may come.
fn burst_ifaces(config: &Config) -> u32 {
    const IFACES_MIN: u32 = 4;
    let chosen = targets(&config.rig.interfaces).map_or(0, |(chosen, _)| chosen.len());
    u32::try_from(chosen).unwrap_or(u32::MAX).max(IFACES_MIN)
}

fn counters() -> Counters {
    netrig_host::counters().unwrap_or_else(|error| {
        tracing::warn!(%error, "This window's ledger has no kernel counters to compare with.");
        Counters::default()
    })
}
