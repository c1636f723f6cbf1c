//! Whether the rig does its work, in a word and with the reasons.

use netrig_model::{ProbeState, Snapshot, Timestamp};

/// A picture older than this, or than three windows, means that the rig no longer takes any.
const STALE_NS_MIN: i64 = 60_000_000_000;

/// The verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What keeps the rig from its work.
    pub failures: Vec<String>,
    /// What it cannot do fully, while it goes on.
    pub degraded: Vec<String>,
}

impl Health {
    /// Whether the rig does its work.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.failures.is_empty()
    }

    /// The body of `/healthz`: `ok` or `failed`, and a line for each reason.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![if self.is_healthy() { "ok" } else { "failed" }.to_owned()];
        lines.extend(self.failures.iter().map(|why| format!("failed: {why}")));
        lines.extend(self.degraded.iter().map(|why| format!("degraded: {why}")));
        lines.join("\n") + "\n"
    }
}

/// The rig's health at `now`.
#[must_use]
pub fn health(snapshot: &Snapshot, now: Timestamp) -> Health {
    let mut health = Health::default();
    for probe in &snapshot.probes {
        match probe.state {
            ProbeState::Failed => health.failures.push(format!("probe {}: {}", probe.name, probe.detail)),
            ProbeState::Degraded => health.degraded.push(format!("probe {}: {}", probe.name, probe.detail)),
            ProbeState::Off | ProbeState::Running => {}
        }
    }
    let age_ns = now.0.saturating_sub(snapshot.taken.0);
    if age_ns > STALE_NS_MIN.max(snapshot.window_ns.saturating_mul(3)) {
        health.failures.push(format!("the rig's last picture of itself is {} s old: it hangs", age_ns / 1_000_000_000));
    }
    if let Some(store) = snapshot.store.as_ref().filter(|s| !s.writing) {
        health.degraded.push(format!("the store in {} takes no records: {}", store.dir, store.detail));
    }
    health
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::{ProbeStatus, StoreStatus};

    fn probe(state: ProbeState, detail: &str) -> ProbeStatus {
        ProbeStatus { name: "flow".to_owned(), state, detail: detail.to_owned() }
    }

    fn snapshot(probe: ProbeStatus) -> Snapshot {
        Snapshot { probes: vec![probe], taken: Timestamp(1), ..Snapshot::default() }
    }

    #[test]
    fn a_failed_probe_is_a_failure_and_a_degraded_one_is_not() {
        let running = health(&snapshot(probe(ProbeState::Running, "")), Timestamp(1));
        assert_eq!((running.is_healthy(), running.text().as_str()), (true, "ok\n"));
        let degraded = health(&snapshot(probe(ProbeState::Degraded, "no tcx")), Timestamp(1));
        assert_eq!((degraded.is_healthy(), degraded.text().as_str()), (true, "ok\ndegraded: probe flow: no tcx\n"));
        let failed = health(&snapshot(probe(ProbeState::Failed, "no BTF")), Timestamp(1));
        assert_eq!((failed.is_healthy(), failed.text().as_str()), (false, "failed\nfailed: probe flow: no BTF\n"));
    }

    #[test]
    fn a_store_that_cannot_write_is_said_and_no_failure() {
        let store = StoreStatus { dir: "/x".to_owned(), detail: "disk full".to_owned(), ..StoreStatus::default() };
        let snapshot = Snapshot { store: Some(store), ..snapshot(probe(ProbeState::Running, "")) };
        let health = health(&snapshot, Timestamp(1));
        assert!(health.is_healthy());
        assert_eq!(health.text(), "ok\ndegraded: the store in /x takes no records: disk full\n");
    }

    #[test]
    fn a_rig_that_hangs_is_a_failure() {
        let snapshot = snapshot(probe(ProbeState::Running, ""));
        assert!(health(&snapshot, Timestamp(59_000_000_000)).is_healthy());
        assert!(!health(&snapshot, Timestamp(61_000_000_000)).is_healthy());
    }
}
