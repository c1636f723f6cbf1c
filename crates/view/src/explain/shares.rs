//! Which part each stage has of the whole.

use super::picture::Picture;
use netrig_model::{Role, Stage};

/// From this many samples on a distribution says something.
pub(super) const FEW: u64 = 20;

impl Picture {
    /// How many messages a stage's sum is to be shared among. A reader that did not sleep was neither woken nor waited for
    /// a CPU: then these took no time, and were not measured. Messages that nobody answers are read too, and have no whole.
    fn shared_among(&self, stage: Stage) -> u64 {
        let readers = match stage {
            Stage::Stack | Stage::Wakeup | Stage::RunQueue => self.samples(Stage::Read),
            _ => 0,
        };
        self.samples(stage).max(self.samples(Stage::Total)).max(readers)
    }

    /// What a stage takes of each message on average, nanoseconds: such means add up to the whole's.
    #[must_use]
    pub fn share_ns(&self, stage: Stage) -> f64 {
        let sum_ns = self.stage(stage).map_or(0, |s| s.sum_ns());
        sum_ns as f64 / self.shared_among(stage).max(1) as f64
    }

    /// The same, as far as it can be known of messages that were not measured: receive stamps are on for slices of time
    /// only, so that the stack is a part of few wholes, and still of every message.
    #[must_use]
    pub fn weight_of_ns(&self, stage: Stage) -> f64 {
        match self.stage(stage) {
            Some(stack) if stage == Stage::Stack && stack.samples >= FEW => stack.mean_ns().unwrap_or(0.0),
            _ => self.share_ns(stage),
        }
    }

    /// What the stack would add to the wholes that were measured without it, nanoseconds.
    pub(super) fn unstamped_ns(&self) -> f64 {
        self.weight_of_ns(Stage::Stack) - self.share_ns(Stage::Stack)
    }

    /// The stages that add up to the whole and were measured, in the order of the way.
    pub fn parts(&self) -> impl Iterator<Item = Stage> {
        let role = self.key.role;
        way(role).iter().copied().filter(move |s| s.is_part_of_total(role) && self.stage(*s).is_some())
    }

    /// What the parts add up to, nanoseconds a message.
    #[must_use]
    pub fn sum_of_parts_ns(&self) -> f64 {
        self.parts().map(|stage| self.share_ns(stage)).sum()
    }

    /// What the whole takes on average, nanoseconds; none where it is not measured.
    #[must_use]
    pub fn whole_ns(&self) -> Option<f64> {
        self.stage(Stage::Total)?.mean_ns()
    }

    /// What the parts do not explain of the whole, nanoseconds a message; negative where parts overlap.
    #[must_use]
    pub fn residual_ns(&self) -> Option<f64> {
        Some(self.whole_ns()? - self.sum_of_parts_ns())
    }

    /// Which share of the sum of the parts a stage has, 0 to 1.
    #[must_use]
    pub fn share(&self, stage: Stage) -> Option<f64> {
        let sum_ns = self.sum_of_parts_ns();
        let is_part = stage.is_part_of_total(self.key.role) && self.stage(stage).is_some();
        (is_part && sum_ns > 0.0).then(|| (self.share_ns(stage) / sum_ns).min(1.0))
    }

    /// The whole, or what there is of it, nanoseconds a message, with the stack in it.
    pub(super) fn reference_ns(&self) -> f64 {
        self.whole_ns().unwrap_or_else(|| self.sum_of_parts_ns()) + self.unstamped_ns()
    }
}

/// The stages of a message in the order of its way: a server's comes in first, a client's goes out first.
pub(super) fn way(role: Option<Role>) -> &'static [Stage] {
    use Stage::{Nic, Qdisc, Read, RunQueue, Softirq, Stack, TcpQueue, Think, Wakeup, Wire, WirePeer};
    match role {
        Some(Role::Client) => &[TcpQueue, Qdisc, Nic, Wire, WirePeer, Stack, Wakeup, RunQueue, Read],
        _ => &[Softirq, Stack, Wakeup, RunQueue, Read, Think, TcpQueue, Qdisc, Nic, Wire, WirePeer],
    }
}

/// The stages that messages of such a service have.
pub(super) fn expected(picture: &Picture) -> impl Iterator<Item = Stage> {
    use Stage::{Qdisc, Read, RunQueue, Softirq, Stack, Wakeup};
    let (host, udp) = (picture.is_host(), picture.transport.as_deref() == Some("udp"));
    way(picture.key.role).iter().copied().filter(move |stage| match stage {
        Softirq => host,
        _ if host => false,
        Stack | Wakeup | RunQueue | Read | Qdisc => true,
        _ => !udp,
    })
}
