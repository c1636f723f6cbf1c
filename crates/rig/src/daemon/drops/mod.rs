//! The drop probe's road: from counts in kernel memory to a window's records, and to the records of the flows that lost something.

mod counters;
mod naming;

use super::connections::{Connections, Names};
use super::probes::Named;
use super::road::probe_options;
use super::storing::{CONNECTION_CHUNK_ROWS, Storing};
use counters::Counters;
use naming::Naming;
use netrig_aggregate::{DropTeller, Dropped, EachCount, FlowEnds, SeenOn, World};
use netrig_config::Config;
use netrig_drain::drops::{Drops as Drain, sighting};
use netrig_host::{owner_of_process, realtime_offset_ns};
use netrig_model::{
    DropKey, DropRecord, DropStatus, InterfaceId, Owner, ProbeState, ProbeStatus, RingStatus, Timestamp, drop_class,
};
use netrig_probes::HighWater;
use netrig_probes::drop::{DropOptions, DropProbe};
use netrig_probes::meter::Parts;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How often CPUs are asked whether their flows can wait for the window's end, and examples are taken: the ring has room for
/// some hundreds.
const TURN_SPAN: Duration = Duration::from_millis(250);

/// From drops to records.
pub(super) struct Drops {
    probe: DropProbe,
    drain: Drain,
    teller: DropTeller,
    naming: Naming,
    counters: Counters,
    /// By the kernel's number in the rig's own network namespace.
    watched: BTreeMap<u32, InterfaceId>,
    netns: u32,
    turned: Instant,
    /// Octets of examples that waited in their ring.
    waited: HighWater,
}

/// How the drop probe is to be loaded under a configuration.
fn options(config: &Config) -> DropOptions {
    let bytes = probe_options(config).1.drop_kernel_bytes;
    DropOptions { examples_per_second: config.drop.examples, ..DropOptions::live(bytes) }
}

impl Drops {
    /// Loads the programs; attaches nothing. What the kernel only shows to the privileged is opened here.
    pub(super) fn lay(config: &Config, host: &str, senders: Option<BorrowedFd<'_>>) -> anyhow::Result<Self> {
        let probe = DropProbe::load(&options(config), senders)?;
        let netns = netrig_host::netns_inode().ok().and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0);
        Ok(Self {
            drain: Drain::new(probe.memory()),
            probe,
            teller: DropTeller::new(Some(host.to_owned()), drop_class),
            naming: Naming::open(netns),
            counters: Counters::default(),
            watched: BTreeMap::new(),
            netns,
            turned: Instant::now(),
            waited: HighWater::default(),
        })
    }

    /// Attaches. What other sources have counted so far is not the rig's.
    pub(super) fn attach(&mut self) -> anyhow::Result<()> {
        self.counters.read(&mut self.teller);
        self.probe.attach()?;
        for missing in self.probe.missing() {
            tracing::warn!(what = missing.what, why = %missing.why, "The drop probe does without a part.");
        }
        Ok(())
    }

    /// Takes what cannot wait for the window's end, a few times a second.
    pub(super) fn turn(&mut self, watched: &[Named]) {
        if self.turned.elapsed() < TURN_SPAN {
            return;
        }
        self.turned = Instant::now();
        self.watched = watched.iter().map(|each| (each.ifindex, each.id)).collect();
        self.take_examples();
        let Self { drain, teller, .. } = self;
        drain.turn(&mut |gain| teller.add(gain));
    }

    fn take_examples(&mut self) {
        let lag_ns = realtime_offset_ns();
        let Self { probe, teller, waited, .. } = self;
        if let Err(error) = probe.examples(&mut |example| teller.show(sighting(example, lag_ns))) {
            tracing::debug!(%error, "Examples of dropped packets could not be read.");
        }
        waited.see(probe.examples_waited().0);
    }

    /// How full the ring of examples was.
    pub(super) fn fullest(&self) -> RingStatus {
        self.waited.status("drop_examples", self.probe.examples_waited().1)
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub(super) fn end_window(&mut self) {
        self.waited.end_window();
    }

    /// Takes in what has been counted, for a picture.
    pub(super) fn look(&mut self) {
        self.look_at_packets();
        self.counters.look(&mut self.teller);
    }

    /// Takes in what triggers are about: what its programs and interfaces have counted.
    pub(super) fn look_for_triggers(&mut self) {
        self.look_at_packets();
        self.counters.read_devices(&mut self.teller);
    }

    /// Packets since the start, as of the last look, with their reasons and classes.
    pub(super) fn each_count(&self, each: &mut EachCount<'_>) {
        self.teller.each_count(each);
    }

    fn look_at_packets(&mut self) {
        self.take_examples();
        let Self { drain, teller, naming, .. } = self;
        let counts = drain.counts();
        drain.scan(&mut |gain| teller.add(gain));
        teller.take(&counts);
        // A group may have begun since.
        naming.name(&drain.counts(), teller);
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        self.set_examples(config.drop.examples);
    }

    /// So many examples of a group in a second, on each CPU, from now on.
    pub(super) fn set_examples(&self, per_second: u32) {
        self.probe.set_examples(per_second);
    }

    /// Its programs and maps.
    pub(super) fn parts(&self) -> io::Result<Parts> {
        self.probe.parts()
    }

    /// What was dropped of a flow and was told with no record of it yet, as of the last look.
    pub(super) fn of_flow(&self, flow: &FlowEnds, iface: InterfaceId) -> Dropped {
        self.teller.of_flow(flow, iface, &|key| self.seen_on(key))
    }

    fn seen_on(&self, key: &DropKey) -> SeenOn {
        if key.netns != 0 && key.netns != self.netns {
            return SeenOn::Elsewhere;
        }
        self.watched.get(&key.ifindex).map_or(SeenOn::Any, |id| SeenOn::Interface(*id))
    }

    /// A window is over: its records go to the store. What was counted has been looked at right after its flows were read.
    pub(super) fn close(
        &mut self,
        outlet: Option<&Storing>,
        window: (Timestamp, Timestamp),
        connections: Option<&Connections>,
        meanwhile: &mut dyn FnMut(),
    ) {
        self.counters.read(&mut self.teller);
        let records = self.teller.close(window, &|flow| owner(flow, connections));
        self.teller.begin_flows();
        let Some(storing) = outlet else { return };
        for chunk in records.chunks(CONNECTION_CHUNK_ROWS) {
            storing.drop_rows(window, chunk.to_vec(), meanwhile);
        }
        storing.close_drops(window, meanwhile);
    }

    /// The window's flows have been told.
    pub(super) fn after_window(&mut self) {
        self.teller.end_flows();
    }

    /// The records of the open window as they stand.
    pub(super) fn open(
        &mut self,
        window: (Timestamp, Timestamp),
        connections: Option<&Connections>,
    ) -> Vec<DropRecord> {
        self.look();
        self.teller.open(window, &|flow| owner(flow, connections))
    }

    /// Everything there is to show, as of the last look.
    pub(super) fn status(&self) -> DropStatus {
        let (places, places_max) = self.drain.places();
        DropStatus {
            groups: self.teller.groups(),
            uncounted: self.probe.uncounted(),
            examples_lost: self.drain.examples_lost(),
            places,
            places_max,
            bytes: self.probe.memory().sizes.bytes(),
        }
    }

    /// How the probe fares.
    pub(super) fn probe_status(&self) -> ProbeStatus {
        let status = |state, detail| ProbeStatus { name: "drop".into(), state, detail };
        if !self.probe.is_attached() {
            return status(ProbeState::Failed, "starting: nothing is attached yet".to_owned());
        }
        let missing = self.probe.missing().iter().map(|part| format!("{} ({})", part.what, part.why));
        let missing: Vec<_> = missing.chain(self.naming.missing().map(str::to_owned)).collect();
        if missing.is_empty() {
            let flows = self.probe.memory().sizes.flows;
            return status(ProbeState::Running, format!("every dropped packet; room for {flows} flows on each CPU"));
        }
        status(ProbeState::Degraded, format!("without {}", missing.join("; without ")))
    }
}

/// Whose the packets of a flow were.
fn owner(flow: &FlowEnds, connections: Option<&Connections>) -> Option<Owner> {
    const NONE: &BTreeMap<InterfaceId, String> = &BTreeMap::new();
    let known = Names { interfaces: NONE, connections, drops: None, addresses: None }.owner(flow);
    known.or_else(|| flow.pid.map(|pid| owner_of_process(pid, None)))
}
