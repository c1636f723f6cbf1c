//! The loop: drain, aggregate, close windows, answer.

use super::Request;
use super::connections::Names;
use super::cost::{Around, Cost};
use super::live::Handle;
use super::open::open;
use super::probes::{Named, Probes};
use super::requests::Requests;
use super::rights::Needs;
use super::road::{Outlet, Road};
use super::snapshot::{self, Sources, now};
use super::storing::{Limits, Storing};
use super::watching::{Watched, Watching};
use netrig_config::{Config, ConfigErrors};
use netrig_model::{Direction, LedgerRecord, ProbeState, ProbeStatus, Snapshot, Timestamp};
use netrig_serve::{OpenBursts, OpenConnections, OpenDrops, OpenFlows, OpenLatency, OpenPolicyEvents, OpenRequests};
use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long the loop rests: outboxes have room for what a busy host's churn puts into them meanwhile.
const REST_CALM: Duration = Duration::from_millis(20);
const REST_CHURN: Duration = Duration::from_millis(2);

/// Everything the loop owns. Fields are dropped in order: programs come off the interfaces before the store closes.
pub(crate) struct Loop {
    probes: Probes,
    road: Option<Road>,
    watching: Option<Watching>,
    /// Those under watch now.
    named: Vec<Named>,
    storing: Option<Storing>,
    config: Config,
    host: String,
    started: Timestamp,
    window_end: Timestamp,
    last_ledger: Vec<LedgerRecord>,
    scans: u64,
    deltas: u64,
    cost: Cost,
}

impl Loop {
    /// Opens the store and loads the programs; attaches nothing yet.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Self> {
        let host = config.rig.host.clone().unwrap_or_else(netrig_host::host_name);
        let watching = if config.flow.enabled { Some(Watching::start(&config.rig.interfaces)?) } else { None };
        let storing = if config.store.enabled { Some(open_store(config)?) } else { None };
        let started = now();
        let mut probes = Probes::lay(config, &host, started);
        let road = if config.flow.enabled { Some(Road::lay(config, &host, probes.connections.get())?) } else { None };
        probes.lay_on(road.as_ref(), config, &host);
        let cost = Cost::start(config, &probes, road.as_ref());
        Ok(Self {
            probes,
            road,
            watching,
            named: Vec::new(),
            storing,
            window_end: next_window_end(started, config),
            config: config.clone(),
            host,
            started,
            last_ledger: Vec::new(),
            scans: 0,
            deltas: 0,
            cost,
        })
    }

    /// Which rights the loop goes on needing.
    pub(crate) fn needs_rights(&self) -> Needs {
        match &self.watching {
            Some(_) => Needs::HotPlug,
            None if self.probes.attach_in_slices() => Needs::Slices,
            None => Needs::Nothing,
        }
    }

    /// Attaches to the interfaces chosen now.
    pub(crate) fn attach(&mut self) -> anyhow::Result<()> {
        self.probes.attach();
        self.settle()?;
        let (cost, around) = self.around();
        cost.begin(&around);
        Ok(())
    }

    /// Brings what is attached in line with what is chosen and there.
    fn settle(&mut self) -> anyhow::Result<()> {
        let (Some(road), Some(watching)) = (&mut self.road, &mut self.watching) else { return Ok(()) };
        let outlet = outlet(&self.config, self.storing.as_ref(), &self.probes, self.window_end);
        let settled = road.settle(watching, outlet);
        let named = |each: &Watched| (each.id, each.ifindex, each.name.clone());
        self.named = watching.watched().map(named).collect();
        self.probes.follow(&self.named);
        settled
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
                    self.probes.look();
                    let picture = Arc::new(self.snapshot());
                    live.show(Arc::clone(&picture));
                    let _ = answer.send(picture);
                }
                Ok(Request::OpenFlows(answer)) => {
                    let _ = answer.send(self.open_flows());
                }
                Ok(Request::OpenConnections(answer)) => {
                    let _ = answer.send(self.open_connections());
                }
                Ok(Request::OpenLatency(answer)) => {
                    let _ = answer.send(self.open_latency());
                }
                Ok(Request::OpenDrops(answer)) => {
                    let _ = answer.send(self.open_drops());
                }
                Ok(Request::OpenBursts(answer)) => {
                    let _ = answer.send(self.open_bursts());
                }
                Ok(Request::OpenRequests(answer)) => {
                    let _ = answer.send(self.open_requests());
                }
                Ok(Request::OpenPolicyEvents(answer)) => {
                    let _ = answer.send(self.open_policy_events());
                }
                Ok(Request::Dump) => self.dump(),
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
        let mut busy = self.probes.turn(self.storing.as_ref(), self.road.as_ref(), &self.named);
        let outlet = outlet(&self.config, self.storing.as_ref(), &self.probes, self.window_end);
        if let Some(road) = &mut self.road {
            let records = road.outboxes(outlet);
            self.deltas += records;
            busy |= records > u64::from(road.sizes.outbox4 / 16);
        }
        if self.watching.as_mut().is_some_and(Watching::take_events)
            && let Err(error) = self.settle()
        {
            tracing::warn!(%error, "Cannot follow the host's interfaces; trying again at the next change.");
        }
        let time = now();
        if time >= self.window_end {
            self.close_window(self.window_end, false);
            self.window_end = next_window_end(time, &self.config);
            live.show(Arc::new(self.snapshot()));
        } else if self.window_end.0 - time.0 > 2 * window_ns(&self.config) {
            // The clock was set back: windows go on from where it is now.
            self.window_end = next_window_end(time, &self.config);
        }
        let (cost, around) = self.around();
        cost.turn(around);
        if busy { REST_CHURN } else { REST_CALM }
    }

    /// The cost, and what it is the cost of.
    fn around(&mut self) -> (&mut Cost, Around<'_>) {
        let Self { cost, config, probes, road, named, .. } = self;
        (cost, Around { config, probes, road: road.as_mut(), named })
    }

    fn dump(&self) {
        match self.probes.recorder.get() {
            Some(recorder) => recorder.dump_by_signal(),
            None => tracing::warn!("SIGUSR1 asks the flight recorder to write, and it does not run."),
        }
    }

    fn scan(&mut self) {
        let outlet = outlet(&self.config, self.storing.as_ref(), &self.probes, self.window_end);
        if let Some(road) = &mut self.road {
            self.scans += 1;
            self.deltas += road.scan(outlet);
        }
    }

    fn close_window(&mut self, end: Timestamp, last: bool) {
        let window = (self.window_start(), end.min(self.window_end));
        let before = outlet(&self.config, self.storing.as_ref(), &self.probes, self.window_end);
        let taken = self.road.as_mut().map(|road| road.take_last(Outlet { window, ..before }, self.watching.as_ref()));
        self.probes.close(self.storing.as_ref(), window, last);
        let after = outlet(&self.config, self.storing.as_ref(), &self.probes, self.window_end);
        let mut rows = Vec::new();
        if let (Some(road), Some(taken)) = (&mut self.road, taken) {
            let (ledger, deltas) = road.tell(Outlet { window, ..after }, &taken, last);
            self.scans += 1;
            self.deltas += deltas;
            rows = ledger;
        }
        self.probes.after_window();
        for row in &rows {
            warn_of(row);
        }
        if let Some(storing) = &self.storing {
            storing.close(window, rows.clone(), &mut || ());
        }
        self.last_ledger = rows;
    }

    fn open_flows(&mut self) -> Option<OpenFlows> {
        if let Some(connections) = self.probes.connections.get_mut() {
            connections.look_at_open();
        }
        self.scan();
        if let Some(drops) = self.probes.drops.get_mut() {
            drops.look();
        }
        // The loop may be a moment late in closing a window: what is open belongs to it until it is closed.
        let at = now().min(self.window_end.plus_ns(-1));
        open(self.storing.as_ref(), Storing::pending, self.window_start(), |records| {
            let Some(road) = &mut self.road else { return };
            let Probes { connections, drops, requests, .. } = &self.probes;
            let addresses = requests.get().map(Requests::names);
            let world =
                Names { interfaces: &road.names, connections: connections.get(), drops: drops.get(), addresses };
            road.aggregator.open_window(at, &world, &mut |record| records.push(record));
        })
    }

    fn open_connections(&mut self) -> Option<OpenConnections> {
        let Some(connections) = self.probes.connections.get_mut() else {
            return Some(OpenConnections { records: Vec::new(), stored_before: now() });
        };
        let (of_window, start) = connections.open(self.probes.requests.get().map(Requests::names));
        open(self.storing.as_ref(), Storing::pending_connections, start, |records| records.extend(of_window))
    }

    fn open_latency(&mut self) -> Option<OpenLatency> {
        let window = self.window_so_far();
        open(self.storing.as_ref(), Storing::pending_latency, window.0, |records| {
            if let Some(latency) = self.probes.latency.get_mut() {
                records.extend(latency.open(window));
            }
        })
    }

    fn open_drops(&mut self) -> Option<OpenDrops> {
        let window = self.window_so_far();
        open(self.storing.as_ref(), Storing::pending_drops, window.0, |records| {
            let Probes { connections, drops, .. } = &mut self.probes;
            let Some(drops) = drops.get_mut() else { return };
            if let Some(connections) = connections.get_mut() {
                connections.look_at_open();
            }
            records.extend(drops.open(window, connections.get()));
        })
    }

    fn open_bursts(&mut self) -> Option<OpenBursts> {
        let window = self.window_so_far();
        open(self.storing.as_ref(), Storing::pending_bursts, window.0, |records| {
            if let Some(bursts) = self.probes.bursts.get_mut() {
                records.extend(bursts.open(window, self.probes.connections.get()));
            }
        })
    }

    fn open_requests(&mut self) -> Option<OpenRequests> {
        let window = self.window_so_far();
        open(self.storing.as_ref(), Storing::pending_requests, window.0, |records| {
            let Probes { connections, requests, .. } = &mut self.probes;
            let Some(requests) = requests.get_mut() else { return };
            if let Some(connections) = connections.get_mut() {
                connections.look_at_open();
            }
            records.extend(requests.open(window, connections.get()));
        })
    }

    fn open_policy_events(&mut self) -> Option<OpenPolicyEvents> {
        let window = self.window_so_far();
        open(self.storing.as_ref(), Storing::pending_policy_events, window.0, |records| {
            if let Some(policies) = self.probes.policies.get() {
                records.extend(policies.open(window));
            }
        })
    }

    fn window_start(&self) -> Timestamp {
        self.window_end.plus_ns(-window_ns(&self.config))
    }

    /// The open window up to now. A clock that was set back must not make it end before it begins.
    fn window_so_far(&self) -> (Timestamp, Timestamp) {
        let start = self.window_start();
        (start, now().min(self.window_end).max(start.plus_ns(1)))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut picture = Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host.clone(),
            kernel: netrig_host::kernel_release(),
            started: self.started,
            taken: now(),
            window_ns: window_ns(&self.config),
            probes: iter::once(self.flow_status()).chain(self.probes.statuses()).collect(),
            store: self.storing.as_ref().map(Storing::status),
            ledger: self.last_ledger.clone(),
            overhead: Some(self.cost.status(&self.config)),
            ..Snapshot::default()
        };
        self.probes.fill(&mut picture);
        let (Some(road), Some(watching)) = (&self.road, &self.watching) else { return picture };
        let kernel = netrig_host::counters().unwrap_or_default();
        let sources = Sources {
            drain: &road.drain,
            aggregator: &road.aggregator,
            ledger: &road.ledger,
            baselines: &road.baselines,
            policies: self.probes.policies.get(),
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

    fn flow_status(&self) -> ProbeStatus {
        match &self.watching {
            Some(watching) => {
                let mut status = watching.status();
                let sampling = self.road.as_ref().map_or(1, |road| road.probe.sampling());
                if sampling > 1 {
                    status.detail.push_str(&format!("; 1 packet in {sampling} is added to its flow"));
                }
                status
            }
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
        let chosen = self.watching.as_mut().map_or(Ok(()), |watching| watching.choose(&new.rig.interfaces));
        if let Err(error) = chosen.and_then(|()| self.settle()) {
            tracing::error!(%error, "The choice of interfaces is not taken over.");
        }
        if let Some(storing) = &self.storing {
            storing.limit(Limits::of(&new.store));
        }
        self.config.flow.sampling = new.flow.sampling;
        self.config.latency.sampling = new.latency.sampling;
        self.config.latency.slow = new.latency.slow;
        self.config.drop.examples = new.drop.examples;
        self.config.burst.link_share = new.burst.link_share;
        self.config.burst.times_mean = new.burst.times_mean;
        self.config.burst.min_bytes = new.burst.min_bytes;
        self.config.payload.slow = new.payload.slow;
        self.config.payload.records = new.payload.records;
        self.config.store.retain = new.store.retain;
        self.config.store.budget = new.store.budget;
        self.config.recorder = netrig_config::RecorderConfig {
            enabled: self.config.recorder.enabled,
            memory: self.config.recorder.memory,
            snaplen: self.config.recorder.snaplen,
            ..new.recorder
        };
        self.config.policy.file = new.policy.file;
        self.config.rig.interfaces = new.rig.interfaces;
        self.config.rig.cpu = new.rig.cpu;
        self.probes.reload(&self.config);
        let (cost, mut around) = self.around();
        cost.apply(&mut around);
        tracing::info!("Read the configuration again.");
    }
}

/// The open window's.
fn outlet<'a>(config: &Config, storing: Option<&'a Storing>, probes: &'a Probes, window_end: Timestamp) -> Outlet<'a> {
    Outlet {
        storing,
        window: (window_end.plus_ns(-window_ns(config)), window_end),
        connections: probes.connections.get(),
        drops: probes.drops.get(),
        addresses: probes.requests.get().map(Requests::names),
        policies: probes.policies.get(),
    }
}

fn open_store(config: &Config) -> anyhow::Result<Storing> {
    let store = netrig_store::StoreConfig {
        dir: config.store.dir.clone(),
        retain: config.store.retain,
        budget_bytes: config.store.budget.0,
    };
    Storing::start(store, Limits::of(&config.store))
}

pub(super) fn window_ns(config: &Config) -> i64 {
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
