//! The loop: drain, aggregate, close windows, answer.

use super::Request;
use super::budget::Budget;
use super::ledger::{self, Baselines, Reading};
use super::live::Handle;
use super::rights::Needs;
use super::snapshot::{self, Sources, now};
use super::storing::{CHUNK_ROWS, Storing};
use super::watching::Watching;
use netrig_aggregate::{AggregateConfig, Aggregator, Ledger};
use netrig_config::{Config, ConfigErrors, Hook};
use netrig_drain::Drain;
use netrig_host::Counters;
use netrig_model::{
    Direction, FlowDelta, FlowRecord, InterfaceId, KernelCounts, LedgerRecord, ProbeState, ProbeStatus, Snapshot,
    Timestamp,
};
use netrig_probes::flow::{FlowHook, FlowOptions, FlowProbe, FlowSizes, TickClock};
use netrig_serve::OpenFlows;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long the loop rests: outboxes have room for what a busy host's churn puts into them meanwhile.
const REST_CALM: Duration = Duration::from_millis(20);
const REST_CHURN: Duration = Duration::from_millis(2);
/// How often the rig looks at its own cost.
const COST_SPAN: Duration = Duration::from_secs(60);

/// Everything the loop owns. Fields are dropped in order: programs come off the interfaces before the store closes.
pub(crate) struct Loop {
    road: Option<Road>,
    watching: Option<Watching>,
    storing: Option<Storing>,
    config: Config,
    host: String,
    started: Timestamp,
    window_end: Timestamp,
    last_ledger: Vec<LedgerRecord>,
    scans: u64,
    deltas: u64,
    cost: (Instant, u64),
}

/// From kernel to records. Absent when the flow probe is off.
struct Road {
    probe: FlowProbe,
    clock: TickClock,
    drain: Drain,
    aggregator: Aggregator,
    ledger: Ledger,
    baselines: Baselines,
    kernel_at_start: BTreeMap<(InterfaceId, Direction), KernelCounts>,
    /// Names of all interfaces ever watched, for records of those that are gone.
    names: BTreeMap<InterfaceId, String>,
    sizes: FlowSizes,
}

impl Loop {
    /// Opens the store and loads the programs; attaches nothing yet.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Self> {
        let host = config.rig.host.clone().unwrap_or_else(netrig_host::host_name);
        let watching = if config.flow.enabled { Some(Watching::start(&config.rig.interfaces)?) } else { None };
        let storing = if config.store.enabled { Some(open_store(config)?) } else { None };
        let road = if config.flow.enabled { Some(Road::lay(config, &host)?) } else { None };
        let started = now();
        Ok(Self {
            road,
            watching,
            storing,
            window_end: next_window_end(started, config),
            config: config.clone(),
            host,
            started,
            last_ledger: Vec::new(),
            scans: 0,
            deltas: 0,
            cost: (Instant::now(), snapshot::process_cpu_ns()),
        })
    }

    /// Which rights the loop goes on needing.
    pub(crate) fn needs_rights(&self) -> Needs {
        if self.watching.is_some() { Needs::HotPlug } else { Needs::Nothing }
    }

    /// Attaches to the interfaces chosen now.
    pub(crate) fn attach(&mut self) -> anyhow::Result<()> {
        let (Some(road), Some(watching)) = (&mut self.road, &mut self.watching) else { return Ok(()) };
        road.settle(watching)
    }

    /// Runs until asked to stop; tells everything then.
    pub(crate) fn run(
        &mut self,
        inbox: &Receiver<Request>,
        live: &Handle,
        reload: &dyn Fn() -> Result<Config, ConfigErrors>,
    ) {
        let mut rest = REST_CALM;
        loop {
            match inbox.recv_timeout(rest) {
                Ok(Request::Snapshot(answer)) => {
                    self.scan();
                    let picture = Arc::new(self.snapshot());
                    live.show(Arc::clone(&picture));
                    let _ = answer.send(picture);
                }
                Ok(Request::OpenFlows(answer)) => {
                    let _ = answer.send(self.open_flows());
                }
                Ok(Request::Reload) => self.reload(reload),
                Ok(Request::Stop(why)) => {
                    tracing::info!(signal = why, "Stopping; telling what is still open.");
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            rest = self.turn(live);
        }
        self.close_window(now(), true);
    }

    /// One turn: outboxes, hot-plug, the window's end. Returns how long to rest.
    fn turn(&mut self, live: &Handle) -> Duration {
        let mut busy = false;
        if let Some(road) = &mut self.road {
            let records = road.outboxes();
            self.deltas += records;
            busy = records > u64::from(road.sizes.outbox4 / 16);
            if let Some(watching) = &mut self.watching
                && watching.take_events()
                && let Err(error) = road.settle(watching)
            {
                tracing::warn!(%error, "Cannot follow the host's interfaces; trying again at the next change.");
            }
        }
        self.tell_early();
        let time = now();
        if time >= self.window_end {
            self.close_window(self.window_end, false);
            self.window_end = next_window_end(time, &self.config);
            live.show(Arc::new(self.snapshot()));
        } else if self.window_end.0 - time.0 > 2 * window_ns(&self.config) {
            // The clock was set back: windows go on from where it is now.
            self.window_end = next_window_end(time, &self.config);
        }
        self.look_at_cost();
        if busy { REST_CHURN } else { REST_CALM }
    }

    fn scan(&mut self) {
        if let Some(road) = &mut self.road {
            self.scans += 1;
            self.deltas += road.scan();
        }
    }

    /// Flows that made room for others are told before the window closes, so that memory stays within its budget.
    fn tell_early(&mut self) {
        let Some(road) = &mut self.road else { return };
        if !road.aggregator.is_crowded() {
            return;
        }
        let window = (self.window_end.plus_ns(-window_ns(&self.config)), self.window_end);
        let names = &road.names;
        let mut chunks = Chunks::new(self.storing.as_ref(), window);
        road.aggregator.tell_evicted(window.0, &|id| names.get(&id).cloned(), &mut |r| chunks.push(r, &mut || ()));
        chunks.finish(&mut || ());
    }

    fn close_window(&mut self, end: Timestamp, last: bool) {
        let window = (self.window_end.plus_ns(-window_ns(&self.config)), end.min(self.window_end));
        let Some(road) = &mut self.road else { return };
        let (rows, deltas) = road.close(window, last, self.storing.as_ref(), self.watching.as_ref());
        self.scans += 1;
        self.deltas += deltas;
        for row in &rows {
            warn_of(row);
        }
        if let Some(storing) = &self.storing {
            storing.close(window, rows.clone(), &mut || ());
        }
        self.last_ledger = rows;
    }

    fn open_flows(&mut self) -> Option<OpenFlows> {
        self.scan();
        let start = self.window_end.plus_ns(-window_ns(&self.config));
        let (mut records, mut stored_before) = (Vec::new(), start);
        if let Some(storing) = &self.storing {
            let (pending, first) = storing.pending(start)?;
            stored_before = first;
            records.extend(pending.iter().flat_map(|rows| rows.iter().cloned()));
        }
        if let Some(road) = &mut self.road {
            let names = &road.names;
            // The loop may be a moment late in closing a window: what is open belongs to it until it is closed.
            let at = now().min(self.window_end.plus_ns(-1));
            road.aggregator.open_window(at, &|id| names.get(&id).cloned(), &mut |r| records.push(r));
        }
        Some(OpenFlows { records, stored_before })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut picture = Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host.clone(),
            kernel: netrig_host::kernel_release(),
            started: self.started,
            taken: now(),
            window_ns: window_ns(&self.config),
            probes: vec![self.probe_status()],
            store: self.storing.as_ref().map(Storing::status),
            ledger: self.last_ledger.clone(),
            ..Snapshot::default()
        };
        let (Some(road), Some(watching)) = (&self.road, &self.watching) else { return picture };
        let kernel = netrig_host::counters().unwrap_or_default();
        let sources = Sources {
            drain: &road.drain,
            aggregator: &road.aggregator,
            ledger: &road.ledger,
            baselines: &road.baselines,
            kernel: &kernel,
            kernel_at_start: &road.kernel_at_start,
        };
        for watched in watching.watched() {
            picture.interfaces.extend(Direction::BOTH.map(|way| snapshot::interface(&sources, watched, way)));
        }
        picture.tables = snapshot::tables(&road.drain, &road.sizes);
        picture.drain = snapshot::drain(&road.aggregator, self.scans, self.deltas);
        picture.transports = snapshot::transports(&road.aggregator, &road.names);
        picture
    }

    fn probe_status(&self) -> ProbeStatus {
        match &self.watching {
            Some(watching) => watching.status(),
            None => ProbeStatus {
                name: "flow".into(),
                state: ProbeState::Off,
                detail: "switched off by [flow] enabled = false".into(),
            },
        }
    }

    fn reload(&mut self, read: &dyn Fn() -> Result<Config, ConfigErrors>) {
        let new = match read() {
            Ok(new) => new,
            Err(errors) => {
                tracing::error!(%errors, "The configuration is not taken over; the rig goes on with the old one.");
                return;
            }
        };
        let restart = Config::changed_requires_restart(&self.config, &new);
        if !restart.is_empty() {
            tracing::warn!(keys = ?restart, "These settings take effect at the next start.");
        }
        if let (Some(road), Some(watching)) = (&mut self.road, &mut self.watching) {
            let taken = watching.choose(&new.rig.interfaces).and_then(|()| road.settle(watching));
            if let Err(error) = taken {
                tracing::error!(%error, "The choice of interfaces is not taken over.");
            }
        }
        if let Some(storing) = &self.storing {
            storing.limit(new.store.retain, new.store.budget.0);
        }
        self.config.store.retain = new.store.retain;
        self.config.store.budget = new.store.budget;
        self.config.rig.interfaces = new.rig.interfaces;
        self.config.rig.cpu = new.rig.cpu;
        tracing::info!("Read the configuration again.");
    }

    fn look_at_cost(&mut self) {
        let (since, cpu_ns) = self.cost;
        if since.elapsed() < COST_SPAN {
            return;
        }
        let cpu_now_ns = snapshot::process_cpu_ns();
        let share = cpu_now_ns.saturating_sub(cpu_ns) as f64 / since.elapsed().as_nanos() as f64;
        if share > self.config.rig.cpu.fraction() {
            tracing::warn!(
                percent_of_a_core = %format_args!("{:.2}", share * 100.0),
                "The rig's user space costs more than [rig] cpu allows."
            );
        }
        self.cost = (Instant::now(), cpu_now_ns);
    }
}

impl Road {
    fn lay(config: &Config, host: &str) -> anyhow::Result<Self> {
        let (options, budget) = probe_options(config);
        let probe = FlowProbe::load(&options)?;
        let clock = probe.clock()?;
        let aggregator = Aggregator::new(AggregateConfig {
            window_ns: window_ns(config),
            idle_timeout_ns: i64::try_from(config.rig.idle_timeout.as_nanos()).unwrap_or(i64::MAX),
            flows_capacity: budget.flows_capacity,
            host: Some(host.to_owned()),
            netns: netrig_host::netns_inode().ok(),
            sampling_rate: 1,
        });
        Ok(Self {
            clock,
            drain: Drain::new(probe.memory()),
            probe,
            aggregator,
            ledger: Ledger::new(Some(host.to_owned())),
            baselines: Baselines::default(),
            kernel_at_start: BTreeMap::new(),
            names: BTreeMap::new(),
            sizes: options.sizes,
        })
    }

    /// Brings what is attached in line with the choice of interfaces.
    fn settle(&mut self, watching: &mut Watching) -> anyhow::Result<()> {
        let before = netrig_host::counters()?;
        let let_go = watching.settle(&mut self.probe)?;
        let after = netrig_host::counters()?;
        if !let_go.is_empty() {
            self.scan();
        }
        for gone in let_go {
            self.baselines.forget(gone.id, &self.drain, &self.aggregator);
            self.ledger.forget(gone.id);
            self.kernel_at_start.retain(|(id, _), _| *id != gone.id);
        }
        for watched in watching.watched() {
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

    fn outboxes(&mut self) -> u64 {
        let aggregator = &mut self.aggregator;
        self.drain.outboxes(&self.clock, &mut |d| aggregator.add(d)).deltas
    }

    fn scan(&mut self) -> u64 {
        if let Err(error) = self.probe.sync_clock(&mut self.clock) {
            tracing::debug!(%error, "The table's clock could not be read; times go on from the last reading.");
        }
        let aggregator = &mut self.aggregator;
        self.drain.scan(&self.clock, &mut |d| aggregator.add(d)).deltas
    }

    /// Tells a window: its records go to the store chunk by chunk, its ledger is returned.
    fn close(
        &mut self,
        window: (Timestamp, Timestamp),
        last: bool,
        storing: Option<&Storing>,
        watching: Option<&Watching>,
    ) -> (Vec<LedgerRecord>, u64) {
        let watched: Vec<_> = watching.map(|w| w.watched().cloned().collect()).unwrap_or_default();
        let kernel_before = counters();
        let before = ledger::read_seen(&self.baselines, &self.drain, watched.iter());
        let mut deltas = self.scan();
        let after = ledger::read_seen(&self.baselines, &self.drain, watched.iter());
        let kernel_after = counters();
        let mut late: Vec<FlowDelta> = Vec::new();
        {
            let Self { aggregator, drain, clock, names, .. } = self;
            let mut chunks = Chunks::new(storing, window);
            // While the disk is slow, the kernel's outboxes are emptied all the same.
            let mut meanwhile = || {
                drain.outboxes(clock, &mut |d| late.push(*d));
            };
            let name = |id: InterfaceId| names.get(&id).cloned();
            aggregator.close_window(window.1, last, &name, &mut |record| chunks.push(record, &mut meanwhile));
            chunks.finish(&mut meanwhile);
        }
        let reading =
            Reading { kernel_before: &kernel_before, before: &before, after: &after, kernel_after: &kernel_after };
        let mut inputs = Vec::new();
        for each in &watched {
            for way in Direction::BOTH {
                inputs.push(ledger::input(&reading, (each, way), &self.baselines, &self.aggregator));
            }
        }
        deltas += late.len() as u64;
        for delta in &late {
            self.aggregator.add(delta);
        }
        (self.ledger.close_window(window, &inputs), deltas)
    }
}

/// Records on their way to the store, some thousands at a time.
struct Chunks<'a> {
    storing: Option<&'a Storing>,
    window: (Timestamp, Timestamp),
    rows: Vec<FlowRecord>,
}

impl<'a> Chunks<'a> {
    fn new(storing: Option<&'a Storing>, window: (Timestamp, Timestamp)) -> Self {
        Self { storing, window, rows: Vec::new() }
    }

    fn push(&mut self, record: FlowRecord, meanwhile: &mut dyn FnMut()) {
        if self.storing.is_none() {
            return;
        }
        self.rows.push(record);
        if self.rows.len() == CHUNK_ROWS {
            self.send(meanwhile);
        }
    }

    fn send(&mut self, meanwhile: &mut dyn FnMut()) {
        if let Some(storing) = self.storing {
            storing.rows(self.window, mem::take(&mut self.rows), meanwhile);
        }
    }

    fn finish(mut self, meanwhile: &mut dyn FnMut()) {
        self.send(meanwhile);
    }
}

/// How the flow probe is to be loaded under a configuration, and how the memory budget divides.
pub(crate) fn probe_options(config: &Config) -> (FlowOptions, Budget) {
    let cpus = FlowOptions::live(0).sizes.cpus;
    let budget = Budget::of(config.rig.memory.0, cpus);
    let mut options = FlowOptions::live(budget.kernel_bytes);
    options.tunnels = config.flow.tunnels;
    options.hook = match config.flow.hook {
        Hook::Tcx => FlowHook::Tc,
        Hook::Xdp => FlowHook::Xdp,
    };
    (options, budget)
}

fn open_store(config: &Config) -> anyhow::Result<Storing> {
    let store = netrig_store::StoreConfig {
        dir: config.store.dir.clone(),
        retain: config.store.retain,
        budget_bytes: config.store.budget.0,
    };
    Storing::start(store)
}

fn counters() -> Counters {
    netrig_host::counters().unwrap_or_else(|error| {
        tracing::warn!(%error, "This window's ledger has no kernel counters to compare with.");
        Counters::default()
    })
}

fn window_ns(config: &Config) -> i64 {
    i64::try_from(config.rig.window.as_nanos()).unwrap_or(i64::MAX)
}

fn next_window_end(time: Timestamp, config: &Config) -> Timestamp {
    time.window_start(window_ns(config)).plus_ns(window_ns(config))
}

fn warn_of(row: &LedgerRecord) {
    if row.imbalance_packets != 0 || row.imbalance_bytes != 0 {
        tracing::error!(
            iface = row.iface.as_deref().unwrap_or("?"),
            direction = row.direction.map_or("?", Direction::as_str),
            packets = row.imbalance_packets,
            bytes = row.imbalance_bytes,
            "The ledger does not balance: this is a bug in netrig."
        );
    }
}
