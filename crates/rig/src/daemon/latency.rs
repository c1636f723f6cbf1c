//! The latency probe's road: from distributions in kernel memory to a window's records.

use super::road::probe_options;
use super::storing::{CONNECTION_CHUNK_ROWS, Storing};
use netrig_aggregate::LatencyTeller;
use netrig_config::Config;
use netrig_drain::latency::{Latencies, LatencyReading};
use netrig_host::{Cgroups, container_of};
use netrig_model::{LatencyRecord, LatencyService, LatencyStatus, ProbeState, ProbeStatus, Timestamp};
use netrig_probes::latency::{LatencyOptions, LatencyProbe};
use netrig_probes::meter::Parts;
use netrig_probes::wire::latency_gate;
use std::cell::RefCell;
use std::io;
use std::mem::offset_of;
use std::time::{Duration, Instant};

/// `enum latency_place`: those that are always there.
const PLACES_FIXED: u64 = 2;
/// A slow connection's place rests for longer than this before it is handed on: by then its last messages have been seen,
/// however long windows are.
const LOOK_SPAN: Duration = Duration::from_secs(5);

/// Fewer messages a second are what a host at rest has, too.
const STIRRING_MESSAGES: f64 = 100.0;

/// From stages to records.
pub(super) struct Latency {
    probe: LatencyProbe,
    latencies: Latencies,
    teller: LatencyTeller,
    cgroups: RefCell<Cgroups>,
    begun: Instant,
    looked: Instant,
    sampling: u32,
}

/// How the latency probe is to be loaded under a configuration.
pub(crate) fn latency_options(config: &Config) -> anyhow::Result<LatencyOptions> {
    Ok(options(config, &Cgroups::find()?))
}

fn options(config: &Config, cgroups: &Cgroups) -> LatencyOptions {
    let bytes = probe_options(config).1.latency_kernel_bytes;
    LatencyOptions {
        sampling: config.latency.sampling,
        slow_ns: nanoseconds(config.latency.slow),
        receive_stamps: config.latency.receive_stamps,
        ..LatencyOptions::live(bytes, cgroups.mount().map(Into::into))
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Latency {
    /// Loads the programs; attaches nothing.
    pub(super) fn lay(config: &Config, host: &str) -> anyhow::Result<Self> {
        let cgroups = Cgroups::find()?;
        let probe = LatencyProbe::load(&options(config, &cgroups))?;
        Ok(Self {
            latencies: Latencies::new(probe.memory()),
            teller: LatencyTeller::new(Some(host.to_owned())),
            cgroups: RefCell::new(cgroups),
            begun: Instant::now(),
            looked: Instant::now(),
            sampling: config.latency.sampling,
            probe,
        })
    }

    /// Attaches, and gives connections that are open already what the probe needs.
    pub(super) fn attach(&mut self) -> anyhow::Result<()> {
        self.probe.attach()?;
        if let Err(error) = self.probe.walk_here() {
            tracing::warn!(%error, "Latency of connections older than the rig may be missing.");
        }
        let namespaces = netrig_host::network_namespaces().unwrap_or_default();
        let own = netrig_host::netns_inode().ok();
        for other in namespaces.found.iter().filter(|each| Some(each.inode) != own) {
            if let Err(error) = self.probe.walk_namespace(&other.path) {
                tracing::debug!(namespace = %other.path.display(), %error, "Could not walk over a namespace's sockets.");
            }
        }
        for missing in self.probe.missing() {
            tracing::warn!(what = missing.what, why = %missing.why, "The latency probe does without a part.");
        }
        // What came while it was being attached belongs to the first window all the same.
        self.probe.turn();
        Ok(())
    }

    /// How long until a slice begins or ends.
    pub(super) fn until_due(&self, now: Instant) -> Duration {
        self.probe.until_due(now)
    }

    /// Clocks and slices. Where the host `stirs`, more frames come than at rest, and the next slice need not wait any longer.
    pub(super) fn turn(&mut self, stirs: bool) {
        if stirs {
            self.probe.stir();
        }
        self.probe.turn();
        if self.looked.elapsed() >= LOOK_SPAN {
            self.look();
        }
    }

    /// Whether more messages come than to a host at rest: frames of interfaces that are not watched are not counted, and may bring them.
    pub(super) fn stirs(&self) -> bool {
        self.probe.is_attached() && self.probe.messages_rate() > STIRRING_MESSAGES
    }

    /// 1 message in this many is looked at from now on.
    pub(super) fn set_sampling(&mut self, sampling: u32) {
        if self.sampling != sampling {
            self.sampling = sampling;
            self.probe.set_sampling(sampling);
        }
    }

    /// Takes its programs off, and attaches them again; what has been counted stays.
    pub(super) fn switch(&mut self, on: bool) {
        if on == self.probe.is_attached() {
            return;
        }
        if !on {
            self.probe.detach();
        } else if let Err(error) = self.attach() {
            tracing::error!(error = %format_args!("{error:#}"), "The latency probe could not be attached again.");
        }
    }

    /// Its programs and maps.
    pub(super) fn parts(&self) -> io::Result<Parts> {
        self.probe.parts()
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        self.set_sampling(config.latency.sampling);
        self.probe.set_slow(nanoseconds(config.latency.slow));
    }

    /// Takes in what has been counted, for a picture.
    pub(super) fn look(&mut self) {
        self.latencies.scan();
        self.looked = Instant::now();
    }

    fn named(&self, readings: impl Iterator<Item = LatencyReading>) -> Vec<LatencyService> {
        let mut cgroups = self.cgroups.borrow_mut();
        let now_ns = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut services = Vec::new();
        for reading in readings {
            let mut service = reading.service;
            service.cgroup = cgroups.path(reading.cgroup_id, now_ns).map(str::to_owned);
            service.container = service.cgroup.as_deref().and_then(container_of);
            services.push(service);
        }
        services
    }

    /// A window is over: its records go to the store.
    pub(super) fn close(
        &mut self,
        outlet: Option<&Storing>,
        window: (Timestamp, Timestamp),
        meanwhile: &mut dyn FnMut(),
    ) {
        self.look();
        let gone = self.latencies.take_gone();
        let services = self.named(gone.into_iter().chain(self.latencies.all()));
        let records = self.teller.close(services, window, self.sampling);
        let Some(storing) = outlet else { return };
        for chunk in records.chunks(CONNECTION_CHUNK_ROWS) {
            storing.latency_rows(window, chunk.to_vec(), meanwhile);
        }
        storing.close_latency(window, meanwhile);
    }

    /// The records of the open window as they stand.
    pub(super) fn open(&mut self, window: (Timestamp, Timestamp)) -> Vec<LatencyRecord> {
        self.look();
        let services = self.named(self.latencies.gone().cloned().chain(self.latencies.all()));
        self.teller.open(&services, window, self.sampling)
    }

    /// Everything there is to show, as of the last look.
    pub(super) fn status(&self) -> LatencyStatus {
        let memory = self.probe.memory();
        let places_max = u64::from(memory.sizes.places);
        LatencyStatus {
            sampling_rate: self.sampling,
            unseen: self.probe.unseen(),
            services: self.named(self.latencies.all()),
            // Several CPUs at once may have asked for the last one.
            places: (memory.gate.load(offset_of!(latency_gate, places) / 8) + PLACES_FIXED).min(places_max),
            places_max,
            bytes: memory.sizes.bytes(),
        }
    }

    /// How the probe fares.
    pub(super) fn probe_status(&self) -> ProbeStatus {
        let status = |state, detail| ProbeStatus { name: "latency".into(), state, detail };
        if !self.probe.is_attached() {
            return status(ProbeState::Failed, "starting: nothing is attached yet".to_owned());
        }
        let missing: Vec<_> = self.probe.missing().iter().map(|part| format!("{} ({})", part.what, part.why)).collect();
        if missing.is_empty() {
            let places = self.probe.memory().sizes.places;
            let spells = if self.probe.has_spells() { ", by spells, for many come" } else { "" };
            let detail = format!("1 message in {}{spells}, room for {places} services", self.sampling);
            return status(ProbeState::Running, detail);
        }
        status(ProbeState::Degraded, format!("without {}", missing.join("; without ")))
    }
}
