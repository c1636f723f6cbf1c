//! The payload probe's road: from copies of first octets to a window's requests, and to the names of addresses.

use super::budget::memory_for_payload;
use super::connections::{Connections, Names};
use super::optional::Optional;
use super::probes::Named;
use super::road::{Road, probe_options};
use super::storing::{CONNECTION_CHUNK_ROWS, Storing};
use netrig_aggregate::{AddressBounds, AddressNames, RequestConfig, Requests as Teller};
use netrig_config::{Config, PathRule, PayloadContent};
use netrig_drain::payload::PayloadDrain;
use netrig_host::{monotonic_ns, realtime_offset_ns};
use netrig_model::{
    InterfaceId, PayloadCounts, PayloadStatus, ProbeState, ProbeStatus, Request, RequestRecord, RingStatus, Timestamp,
};
use netrig_payload::track::{Paths, Privacy, Tracker, TrackerConfig};
use netrig_probes::payload::PayloadMemory;
use netrig_probes::wire::payloads;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

/// A packet's time is taken a moment before its copy lies in its ring: so much later no earlier one comes from another CPU.
const SETTLES_NS: u64 = 2_000_000;
/// From so full a ring on the next turn should be soon: fuller than what rings the bell, for all that has come when it is heard was no flood.
const BUSY_FILL: f64 = 0.5;
/// Other rings ring the bell when a 64th of them is full; what is as urgent is so much less of them than of these.
const OF_OTHER_RINGS: f64 = payloads::BELL_PART as f64 / 64.0;
/// What a followed flow, a waiting request and a remembered name take, bytes, about.
const FLOW_BYTES: u64 = 656;
const WAITING_BYTES: u64 = 256;
const NAME_BYTES: u64 = 256;

/// Requests taken in while others wait for the disk, at most.
const WAITING_MAX: usize = 16_384;

/// From copies to records.
pub(super) struct Requests {
    intake: Intake,
    teller: Teller,
    names: AddressNames,
    watched: BTreeMap<InterfaceId, String>,
    kernel_bytes: u64,
    memory: Arc<PayloadMemory>,
    pause: Pause,
}

/// From copies to requests: all that has to go on while a window is told.
pub(super) struct Intake {
    drain: PayloadDrain,
    tracker: Tracker,
    /// What real time had beyond the monotonic clock at the start. The tracker's time goes on by that, whatever is done to the host's
    /// clock: requests under way are neither too late nor answered before they were asked.
    start_lag_ns: i64,
    /// Taken in while a window was told, for the next turn.
    waiting: Vec<Request>,
}

impl Intake {
    /// Keeps the kernel's rings from filling while others wait.
    pub(super) fn relieve(&mut self) {
        if self.waiting.len() < WAITING_MAX && self.drain.fill() > BUSY_FILL {
            let mut waiting = mem::take(&mut self.waiting);
            self.take(monotonic_ns().saturating_sub(SETTLES_NS), &mut |request| waiting.push(request));
            self.waiting = waiting;
        }
    }

    fn take(&mut self, until_ns: u64, each: &mut dyn FnMut(Request)) {
        self.waiting.drain(..).for_each(&mut *each);
        let Self { drain, tracker, start_lag_ns, .. } = self;
        drain.take(until_ns, *start_lag_ns, &mut |segment| tracker.take(segment, each));
        tracker.tick(Timestamp(until_ns.min(monotonic_ns()).cast_signed()).plus_ns(*start_lag_ns), each);
    }
}

/// While flows are sampled nothing is copied: from some packets nobody can tell what was asked and what was answered.
#[derive(Debug, Default)]
struct Pause {
    /// One packet in so many is looked at now; none: all of them.
    sampling: Option<u32>,
    /// How often that has begun.
    times: u64,
}

impl Requests {
    /// For the flow probe's memory, whose programs copy for it.
    fn lay(config: &Config, host: &str, memory: Arc<PayloadMemory>) -> Self {
        let bytes = probe_options(config).1.payload_bytes;
        let teller = RequestConfig {
            host: Some(host.to_owned()),
            netns: netrig_host::netns_inode().ok(),
            records: config.payload.records as usize,
            slow_ns: slow_ns(config),
            sampling_rate: 1,
        };
        Self {
            kernel_bytes: memory.ring_octets * u64::from(memory.cpus),
            intake: Intake {
                drain: PayloadDrain::new(Arc::clone(&memory)),
                tracker: Tracker::new(tracking(config, bytes)),
                start_lag_ns: realtime_offset_ns(),
                waiting: Vec::new(),
            },
            memory,
            teller: Teller::new(teller),
            names: AddressNames::new(address_bounds(bytes)),
            watched: BTreeMap::new(),
            pause: Pause::default(),
        }
    }

    /// Where there is a road of packets, and room.
    pub(super) fn lay_on(road: Option<&Road>, config: &Config, host: &str) -> Optional<Self> {
        let Some(road) = road.filter(|_| config.payload.enabled) else {
            let why = if config.payload.enabled {
                "the flow probe copies for it, which is off by [flow] enabled = false"
            } else {
                "switched off by [payload] enabled = false"
            };
            return Optional::off("payload", why.to_owned());
        };
        match road.probe.payload() {
            Some(memory) => Optional::lay("payload", true, || Ok(Self::lay(config, host, memory))),
            None => {
                let memory = memory_for_payload(road.sizes.cpus);
                let why = format!(
                    "its share of [rig] memory has no room for the rings of all CPUs: set memory = \"{memory}MiB\" or more"
                );
                tracing::warn!("Requests are not looked at: {why}.");
                Optional::off("payload", why)
            }
        }
    }

    /// How full the fullest ring of copies is, in the measure of other rings, whose bell is rung when a 64th is full.
    pub(super) fn fill(&self) -> f64 {
        self.intake.drain.fill() * OF_OTHER_RINGS
    }

    /// How full it was.
    pub(super) fn fullest(&self) -> RingStatus {
        self.intake.drain.fullest()
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub(super) fn end_window(&mut self) {
        self.intake.drain.end_window();
    }

    /// Takes what has been copied. True where so much lies there that the next turn should be soon.
    pub(super) fn turn(&mut self, watched: &[Named], sampling: u32) -> bool {
        self.follow_sampling(sampling);
        let is_new = |each: &&Named| self.watched.get(&each.id) != Some(&each.name);
        let new: Vec<_> = watched.iter().filter(is_new).map(|each| (each.id, each.name.clone())).collect();
        self.watched.extend(new);
        let fill = self.intake.drain.fill();
        self.take(monotonic_ns().saturating_sub(SETTLES_NS));
        fill > BUSY_FILL
    }

    /// As sampling begins, what waits for an answer is told as not known to have one, for that will not be seen.
    fn follow_sampling(&mut self, sampling: u32) {
        let paused = (sampling > 1).then_some(sampling);
        if paused.is_some() && self.pause.sampling.is_none() {
            self.pause.times += 1;
            tracing::info!(sampling, "Requests are not looked at while flows are sampled.");
            self.take(u64::MAX);
            self.finish();
        } else if paused.is_none() && self.pause.sampling.is_some() {
            tracing::info!("Requests are looked at again.");
        }
        self.pause.sampling = paused;
    }

    /// Tells all that is under way as it stands.
    fn finish(&mut self) {
        let Self { intake: Intake { tracker, start_lag_ns, .. }, teller, names, .. } = self;
        tracker.finish(&mut tell(teller, names, realtime_offset_ns() - *start_lag_ns));
    }

    fn take(&mut self, until_ns: u64) {
        let Self { intake, teller, names, .. } = self;
        intake.take(until_ns, &mut tell(teller, names, realtime_offset_ns() - intake.start_lag_ns));
    }

    /// A window is over: its records go to the store.
    pub(super) fn close(
        &mut self,
        outlet: Option<&Storing>,
        window: (Timestamp, Timestamp),
        last: bool,
        connections: Option<&Connections>,
        meanwhile: &mut dyn FnMut(),
    ) {
        if last {
            self.take(u64::MAX);
            self.finish();
        } else {
            self.take(monotonic_ns().saturating_sub(SETTLES_NS));
        }
        let Self { intake, teller, names, watched, .. } = self;
        let mut meanwhile = || {
            meanwhile();
            intake.relieve();
        };
        let world = Names { interfaces: watched, connections, drops: None, addresses: Some(names) };
        let mut rows = Vec::new();
        teller.close(window, &world, &mut |record| {
            let Some(storing) = outlet else { return };
            rows.push(record);
            if rows.len() == CONNECTION_CHUNK_ROWS {
                storing.requests(window, mem::take(&mut rows), &mut meanwhile);
            }
        });
        if let Some(storing) = outlet {
            storing.requests(window, rows, &mut meanwhile);
            storing.close_requests(window, &mut meanwhile);
        }
        names.forget(window.1);
    }

    /// The open window's records so far.
    pub(super) fn open(
        &mut self,
        window: (Timestamp, Timestamp),
        connections: Option<&Connections>,
    ) -> Vec<RequestRecord> {
        self.look();
        let world = Names { interfaces: &self.watched, connections, drops: None, addresses: Some(&self.names) };
        let mut records = Vec::new();
        self.teller.open(window, &world, &mut |record| records.push(record));
        records
    }

    /// Takes in what has been copied, for a picture.
    pub(super) fn look(&mut self) {
        self.take(monotonic_ns().saturating_sub(SETTLES_NS));
    }

    /// Whether packets are looked at from now on. What was copied is told all the same.
    pub(super) fn switch(&self, on: bool) {
        self.memory.switch(on);
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        self.intake.tracker.configure(tracking(config, probe_options(config).1.payload_bytes));
        self.teller.configure(config.payload.records as usize, slow_ns(config));
    }

    /// What has to go on while a window is told, and the names that its records get.
    pub(super) fn split(&mut self) -> (&mut Intake, &AddressNames) {
        (&mut self.intake, &self.names)
    }

    /// Names of addresses, for the records of flows and connections.
    pub(super) fn names(&self) -> &AddressNames {
        &self.names
    }

    pub(super) fn status(&self) -> PayloadStatus {
        let Intake { drain, tracker, .. } = &self.intake;
        let PayloadCounts { wanted, copied, lost, .. } = drain.counts();
        PayloadStatus {
            counts: PayloadCounts { wanted, copied, lost, ..*tracker.counts() },
            tallies: self.teller.tallies(),
            flows: tracker.flows() as u64,
            pending: tracker.pending() as u64,
            names: self.names.len() as u64,
            bytes: self.kernel_bytes + tracker.bytes() as u64 + self.teller.bytes() + self.names.bytes(),
        }
    }

    pub(super) fn probe_status(&self) -> ProbeStatus {
        let counts = self.intake.drain.counts();
        let (mut state, mut detail) = match counts.lost {
            0 => (ProbeState::Running, format!("{} packets copied", counts.copied)),
            lost => {
                (ProbeState::Degraded, format!("{} packets copied, {lost} lost: the rings were full", counts.copied))
            }
        };
        if let Some(sampling) = self.pause.sampling {
            state = ProbeState::Degraded;
            detail = format!("paused while flows are sampled, 1 packet in {sampling}; until then {detail}");
        } else if self.pause.times > 0 {
            let Pause { times, .. } = self.pause;
            detail = format!("{detail}; has paused {times} times while flows were sampled");
        }
        ProbeStatus { name: "payload".to_owned(), state, detail }
    }
}

/// What is over is told by the host's clock as it is now.
fn tell<'a>(teller: &'a mut Teller, names: &'a mut AddressNames, clock_moved_ns: i64) -> impl FnMut(Request) + 'a {
    move |mut request| {
        request.started = request.started.plus_ns(clock_moved_ns);
        names.learn(&request);
        teller.add(request);
    }
}

fn slow_ns(config: &Config) -> u64 {
    u64::try_from(config.payload.slow.as_nanos()).unwrap_or(u64::MAX)
}

/// An eighth of memory to names, the rest to what is under way.
fn address_bounds(bytes: u64) -> AddressBounds {
    let of_names = bytes / 8;
    AddressBounds { entries: (of_names / NAME_BYTES) as usize, octets: (of_names / 8) as usize }
}

pub(crate) fn tracking(config: &Config, bytes: u64) -> TrackerConfig {
    let payload = &config.payload;
    let paths = match (payload.content, payload.path) {
        (PayloadContent::Names, _) => Paths::Off,
        (PayloadContent::Full, PathRule::Cut) => Paths::Cut,
        (PayloadContent::Full, PathRule::Keep) => Paths::Keep,
        (PayloadContent::Full, PathRule::Hash) => Paths::Hash,
    };
    let key = (!payload.hash_key.is_empty()).then(|| payload.hash_key.clone().into_bytes());
    TrackerConfig {
        timeout_ns: i64::try_from(payload.timeout.as_nanos()).unwrap_or(i64::MAX),
        dns_ports: payload.dns_ports.clone(),
        privacy: Privacy { paths, key },
        flows_max: (bytes / 2 / FLOW_BYTES) as usize,
        pending_max: (bytes / 8 / WAITING_BYTES) as usize,
        octets_max: (bytes / 4) as usize,
        copy: payload.copy.0 as usize,
        remember: false,
    }
}
