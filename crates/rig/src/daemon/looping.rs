//! The loop: drain, aggregate, close windows, answer.

use super::Request;
use super::calm::{self, Rest, Stirring};
use super::connections::Names;
use super::cost::{Around, Cost, check_budget};
use super::latency::Latency;
use super::ledger::warn_of;
use super::live::Handle;
use super::open::open;
use super::probes::{Named, Probes, frames};
use super::requests::{Intake, Requests};
use super::rights::Needs;
use super::rings;
use super::road::{Outlet, Road};
use super::snapshot::{self, Sources, now};
use super::storing::{Limits, Storing};
use super::watching::{Watched, Watching};
use super::windows::{Window, Windows};
use netrig_config::{Config, ConfigErrors};
use netrig_export::StatusHandle;
use netrig_model::{Direction, LedgerRecord, ProbeState, ProbeStatus, Snapshot, Timestamp};
use netrig_serve::{OpenBursts, OpenConnections, OpenDrops, OpenFlows, OpenLatency, OpenPolicyEvents, OpenRequests};
use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};

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
    windows: Windows,
    last_ledger: Vec<LedgerRecord>,
    scans: u64,
    deltas: u64,
    cost: Cost,
    rest: Rest,
    sending: Option<StatusHandle>,
}

impl Loop {
    /// Opens the store and loads the programs; attaches nothing yet.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Self> {
        check_budget(config)?;
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
            windows: Windows::new(window_ns(config), started),
            config: config.clone(),
            host,
            started,
            last_ledger: Vec::new(),
            scans: 0,
            deltas: 0,
            cost,
            rest: Rest::new(),
            sending: None,
        })
    }

    /// Its pictures tell how sending fares, too.
    pub(crate) fn shows_sending(&mut self, sending: Option<StatusHandle>) {
        self.sending = sending;
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
        let outlet = outlet(self.windows.open(), self.storing.as_ref(), &self.probes);
        let settled = road.settle(watching, outlet);
        let named =
            |each: &Watched| Named { id: each.id, ifindex: each.ifindex, name: each.name.clone(), hooks: each.hooks };
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
        loop {
            let stirring = Stirring { probes: &self.probes, road: self.road.as_ref(), cost: &self.cost };
            match self.rest.until_asked(inbox, self.windows.until_end(now()), stirring) {
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
                Ok(Request::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let busy = self.turn(live);
            self.rest.turned(busy);
        }
        self.close_window(self.windows.so_far(now()), true);
    }

    /// Has the bell wake the loop, and news of interfaces too: without it, it wakes often by itself.
    pub(crate) fn listen_for_the_bell(&mut self, requests: Sender<Request>) {
        let Some(road) = &self.road else { return };
        if let Some(watching) = &self.watching {
            let wake = requests.clone();
            watching.when_there_is_news(move || drop(wake.send(Request::Wake)));
        }
        let heard = road
            .probe
            .bell(self.probes.connections.get().map(|connections| &connections.probe))
            .map_err(anyhow::Error::from);
        match heard.and_then(|bell| calm::listen(bell, requests).map_err(anyhow::Error::from)) {
            Ok(()) => self.rest.with_bell(),
            Err(error) => {
                tracing::warn!(error = %format_args!("{error:#}"), "The loop wakes often: nobody can wake it.")
            }
        }
    }

    /// One turn: outboxes, hot-plug, the window's end. Returns whether so much was found that the next should be soon.
    fn turn(&mut self, live: &Handle) -> bool {
        let stirs = self.rest.stirs(self.road.as_ref().map_or(0, |road| frames(&self.named, &road.drain)))
            || self.probes.latency.get().is_some_and(Latency::stirs);
        let mut busy = self.probes.turn(self.storing.as_ref(), self.road.as_ref(), (&self.named, stirs));
        let outlet = outlet(self.windows.open(), self.storing.as_ref(), &self.probes);
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
        if self.windows.is_over(time) {
            self.close_window(self.windows.open(), false);
            self.windows.next(time);
            if live.wants_picture() {
                // It is given to whoever asks in the next moment, and has all that they would have had looked at for them.
                self.probes.look();
                live.show(Arc::new(self.snapshot()));
            }
        }
        let (cost, around) = self.around();
        cost.turn(around, stirs);
        busy
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
        let outlet = outlet(self.windows.open(), self.storing.as_ref(), &self.probes);
        if let Some(road) = &mut self.road {
            self.scans += 1;
            self.deltas += road.scan(outlet);
        }
    }

    fn close_window(&mut self, window: Window, last: bool) {
        let before = outlet(window, self.storing.as_ref(), &self.probes);
        let taken = self.road.as_mut().map(|road| road.take_last(before, self.watching.as_ref()));
        let mut relieve = || self.road.iter_mut().for_each(Road::relieve);
        self.probes.close(self.storing.as_ref(), (window, last), &mut relieve);
        let mut rows = Vec::new();
        if let (Some(road), Some(taken)) = (&mut self.road, taken) {
            let (after, mut intake) = outlet_beside(self.storing.as_ref(), &mut self.probes, window);
            let mut beside = || intake.iter_mut().for_each(|intake| intake.relieve());
            let (ledger, deltas) = road.tell(after, (&taken, last), &mut beside);
            self.scans += 1;
            self.deltas += deltas;
            rows = ledger;
        }
        self.probes.after_window();
        rings::end_window(self.road.as_mut(), &mut self.probes);
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
        let at = self.windows.moment(now());
        open(self.storing.as_ref(), Storing::pending, self.windows.open().0, |records| {
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
        let window = self.windows.so_far(now());
        open(self.storing.as_ref(), Storing::pending_latency, window.0, |records| {
            if let Some(latency) = self.probes.latency.get_mut() {
                records.extend(latency.open(window));
            }
        })
    }

    fn open_drops(&mut self) -> Option<OpenDrops> {
        let window = self.windows.so_far(now());
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
        let window = self.windows.so_far(now());
        open(self.storing.as_ref(), Storing::pending_bursts, window.0, |records| {
            if let Some(bursts) = self.probes.bursts.get_mut() {
                records.extend(bursts.open(window, self.probes.connections.get()));
            }
        })
    }

    fn open_requests(&mut self) -> Option<OpenRequests> {
        let window = self.windows.so_far(now());
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
        let window = self.windows.so_far(now());
        open(self.storing.as_ref(), Storing::pending_policy_events, window.0, |records| {
            if let Some(policies) = self.probes.policies.get() {
                records.extend(policies.open(window));
            }
        })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let policy_bytes = self.probes.policies.get().map_or(0, |policies| policies.table_bytes());
        let mut picture = Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.host.clone(),
            kernel: netrig_host::kernel_release(),
            started: self.started,
            taken: now(),
            window_ns: self.windows.length_ns(),
            probes: iter::once(self.flow_status()).chain(self.probes.statuses()).collect(),
            store: self.storing.as_ref().map(Storing::status),
            ledger: self.last_ledger.clone(),
            overhead: Some(self.cost.status(&self.config, policy_bytes)),
            remote_write: self.sending.as_ref().map(StatusHandle::status),
            ..Snapshot::default()
        };
        self.probes.fill(&mut picture);
        picture.rings = rings::fullest(self.road.as_ref(), &self.probes);
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
        match check_budget(&new) {
            Ok(()) => self.config.rig.cpu = new.rig.cpu,
            Err(error) => tracing::error!(%error, kept = %self.config.rig.cpu, "The CPU budget is not taken over."),
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
        self.probes.reload(&self.config);
        let (cost, mut around) = self.around();
        cost.apply(&mut around);
        tracing::info!("Read the configuration again.");
    }
}

/// Where a window's records go.
fn outlet<'a>(window: Window, storing: Option<&'a Storing>, probes: &'a Probes) -> Outlet<'a> {
    Outlet {
        storing,
        window,
        connections: probes.connections.get(),
        drops: probes.drops.get(),
        addresses: probes.requests.get().map(Requests::names),
        policies: probes.policies.get(),
    }
}

/// A window's, and what has to go on while it is told.
fn outlet_beside<'a>(
    storing: Option<&'a Storing>,
    probes: &'a mut Probes,
    window: Window,
) -> (Outlet<'a>, Option<&'a mut Intake>) {
    let (intake, addresses) = probes.requests.get_mut().map(Requests::split).unzip();
    let (connections, drops, policies) = (probes.connections.get(), probes.drops.get(), probes.policies.get());
    (Outlet { storing, window, connections, drops, addresses, policies }, intake)
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
