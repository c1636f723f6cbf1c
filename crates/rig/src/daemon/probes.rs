//! The probes beside that of flows, and when each has its turn.

use super::connections::Connections;
use super::latency::Latency;
use super::optional::Optional;
use super::snapshot::now;
use super::storing::Storing;
use netrig_config::Config;
use netrig_model::{ProbeStatus, Snapshot, Timestamp};

/// Each of them runs, has failed or is off.
pub(super) struct Probes {
    pub(super) connections: Optional<Connections>,
    pub(super) latency: Optional<Latency>,
}

impl Probes {
    /// Loads their programs; attaches nothing.
    pub(super) fn lay(config: &Config, host: &str, now: Timestamp) -> Self {
        Self {
            connections: Optional::lay("tcp", config.tcp.enabled, || Connections::lay(config, host, now)),
            latency: Optional::lay("latency", config.latency.enabled, || Latency::lay(config, host)),
        }
    }

    pub(super) fn attach(&mut self) {
        self.connections.try_to(Connections::attach);
        self.latency.try_to(Latency::attach);
    }

    /// Whether one attaches for slices of time as long as it runs.
    pub(super) fn attach_in_slices(&self) -> bool {
        self.latency.get().is_some()
    }

    /// Gives each its turn; true where so much came that the next should be soon.
    pub(super) fn turn(&mut self, storing: Option<&Storing>) -> bool {
        if let Some(latency) = self.latency.get_mut() {
            latency.turn();
        }
        let Some(connections) = self.connections.get_mut() else { return false };
        let ended = connections.turn(storing, now());
        ended > u64::from(connections.probe.memory().sizes.slots / 16)
    }

    /// Takes in what has been counted, for a picture.
    pub(super) fn look(&mut self) {
        if let Some(connections) = self.connections.get_mut() {
            connections.look_at_listeners();
        }
        if let Some(latency) = self.latency.get_mut() {
            latency.look();
        }
    }

    /// Ahead of the flows, whose owners they know.
    pub(super) fn close(&mut self, storing: Option<&Storing>, window: (Timestamp, Timestamp), last: bool) {
        if let Some(connections) = self.connections.get_mut() {
            connections.close(storing, window.1, last, &mut || ());
        }
        if let Some(latency) = self.latency.get_mut() {
            latency.close(storing, window);
        }
    }

    /// The window's flows have been told.
    pub(super) fn after_window(&mut self) {
        if let Some(connections) = self.connections.get_mut() {
            connections.after_window();
        }
    }

    /// Takes over what a running rig can.
    pub(super) fn reload(&mut self, config: &Config) {
        if let Some(latency) = self.latency.get_mut() {
            latency.reload(config);
        }
    }

    /// How each fares.
    pub(super) fn statuses(&self) -> [ProbeStatus; 2] {
        [self.connections.status(Connections::probe_status), self.latency.status(Latency::probe_status)]
    }

    /// Their parts of the picture, as of the last look.
    pub(super) fn fill(&self, picture: &mut Snapshot) {
        picture.tcp = self.connections.get().map(Connections::status);
        picture.latency = self.latency.get().map(Latency::status);
    }
}
