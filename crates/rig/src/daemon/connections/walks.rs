//! When the sockets are walked over: once at the start, in every network namespace; from then on before connections are told,
//! unless that is too soon for what it costs. Walks see what no hook sees, and what hooks missed.

use netrig_drain::tcp::Places;
use netrig_model::{SocketReading, SocketRole};
use netrig_probes::TickClock;
use netrig_probes::tcp::{Scope, TcpProbe};
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// A walk at most this often; less often where it costs more than a third of a percent of a core.
const REST_MIN: Duration = Duration::from_secs(1);
/// Listeners of this namespace are looked at by themselves, which costs next to nothing.
const LISTENERS_REST: Duration = Duration::from_secs(1);
const COST_SHARE: u32 = 300;

/// The schedule of walks, and what they found.
#[derive(Default)]
pub(super) struct Walks {
    last: Option<Instant>,
    listeners: Option<Instant>,
    rest: Duration,
    /// Sockets of this namespace that the last walk did not meet, by place: missed twice, they are gone.
    missed: FxHashMap<u32, u64>,
    pub(super) count: u64,
    pub(super) cpu_ns: u64,
}

impl Walks {
    /// Over everything that was open before the rig. What cannot be walked is told, and does not stop the rest.
    pub(super) fn first(&mut self, probe: &TcpProbe) {
        probe.begin_walk();
        let namespaces = netrig_host::network_namespaces().unwrap_or_default();
        let own = netrig_host::netns_inode().ok();
        for listeners_only in [true, false] {
            warn(probe.walk(Scope::Namespace, listeners_only));
            for other in namespaces.found.iter().filter(|each| Some(each.inode) != own) {
                if let Err(error) = probe.walk_namespace(&other.path, listeners_only) {
                    tracing::debug!(namespace = %other.path.display(), %error, "Could not walk over a namespace's sockets.");
                }
            }
            warn(probe.walk(Scope::Files, listeners_only));
        }
        self.done();
    }

    /// Queues of this namespace's listeners, as they are now.
    pub(super) fn look_at_listeners(&mut self, probe: &TcpProbe) {
        if self.listeners.is_some_and(|last| last.elapsed() < LISTENERS_REST) {
            return;
        }
        self.listeners = Some(Instant::now());
        if let Err(error) = probe.walk(Scope::Namespace, true) {
            tracing::debug!(%error, "The listeners' queues could not be looked at.");
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= self.rest.max(REST_MIN))
    }

    /// Over this namespace's sockets and all processes' files. Returns the connections that are gone without an end.
    pub(super) fn again(&mut self, probe: &TcpProbe, places: &Places, clock: &TickClock) -> Vec<SocketReading> {
        let Ok(own) = netrig_host::netns_inode() else { return Vec::new() };
        let before: Vec<_> = open_here(places, clock, own).map(|r| (r.place, r.id)).collect();
        let number = probe.begin_walk();
        let walked = probe.walk(Scope::Namespace, false);
        let complete = walked.is_ok();
        warn(walked);
        warn(probe.walk(Scope::Files, false));
        self.done();
        if !complete {
            return Vec::new();
        }
        let mut gone = Vec::new();
        let mut missed = FxHashMap::default();
        for (place, id) in before {
            let Some(reading) = places.read(place, clock) else { continue };
            if reading.id != id || reading.ended.is_some() || u64::from(reading.walk) == number {
                continue;
            }
            if self.missed.get(&place) == Some(&id) {
                gone.push(reading);
            } else {
                missed.insert(place, id);
            }
        }
        self.missed = missed;
        gone
    }

    /// What the last walk cost; the next comes later the more it was.
    pub(super) fn cost(&mut self, cpu_ns: u64) {
        self.cpu_ns += cpu_ns;
        self.rest = Duration::from_nanos(cpu_ns) * COST_SHARE;
    }

    fn done(&mut self) {
        self.last = Some(Instant::now());
        self.count += 1;
    }
}

fn open_here<'a>(places: &'a Places, clock: &'a TickClock, netns: u64) -> impl Iterator<Item = SocketReading> + 'a {
    places
        .open()
        .filter_map(|number| places.read(number, clock))
        .filter(move |r| u64::from(r.netns) == netns && r.role != SocketRole::Listener)
}

fn warn(walked: Result<(), netrig_probes::ProbeError>) {
    if let Err(error) = walked {
        tracing::warn!(%error, "Connections older than the rig may be missing.");
    }
}
