//! What becomes of a policy that is in force: it is confirmed or removed, its sets change, its interfaces come and go.

use super::apply::{give_back_memory, pin_as_told};
use super::{Failure, Keeper, NOT_RENEWED};
use crate::daemon::policy::kept::Kept;
use crate::daemon::policy::shared::InForce;
use crate::policy::{Surroundings, prepare};
use anyhow::{Context, anyhow};
use netrig_host::monotonic_ns;
use netrig_model::PolicyInForce;
use netrig_policy::Slots;
use netrig_probes::policy::remove_pinned;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

impl Keeper {
    pub(super) fn confirm(&mut self) -> Result<Vec<String>, Failure> {
        self.settle()?;
        let (true, Some(probe), Some(applied)) = (self.waits, &mut self.probe, &mut self.applied) else {
            return Err(Failure::Wrong("nothing waits to be confirmed".into()));
        };
        probe.keep().map_err(|error| anyhow!(error))?;
        self.waits = false;
        self.before = None;
        applied.shown.shown.confirm_until = None;
        let shown = applied.shown.clone();
        let pinned = pin_as_told(probe, &self.settings.pins, shown.shown.persist);
        // Its rules alone are counted from now on.
        self.release();
        self.shared().in_force = Some(shown);
        self.write_down();
        pinned.map_err(|error| {
            Failure::Failed(format!("it is confirmed, and yet will not outlive the rig: {error:#}"))
        })?;
        Ok(Vec::new())
    }

    pub(super) fn remove(&mut self, interfaces: &[String]) -> Result<Vec<String>, Failure> {
        let (Some(probe), Some(applied)) = (&mut self.probe, &mut self.applied) else {
            return self.remove_unknown();
        };
        if let Some(name) = interfaces.iter().find(|name| !applied.interfaces.contains(name)) {
            let there = applied.interfaces.join(", ");
            return Err(Failure::Wrong(format!("no policy is in force on {name}; there is one on {there}")));
        }
        let left: Vec<String> = if interfaces.is_empty() {
            Vec::new()
        } else {
            applied.interfaces.iter().filter(|name| !interfaces.contains(name)).cloned().collect()
        };
        if left.is_empty() {
            if probe.pinned().is_some() {
                probe.unpin().map_err(|error| anyhow!(error))?;
            }
            Kept::remove(&self.settings.kept);
            // Whatever waited, waits no more: doors go with the probe.
            (self.probe, self.applied, self.before, self.waits) = (None, None, None, false);
            self.slots = Slots::default();
            self.shared().close();
        } else {
            let doors = self.shared.lock().unwrap_or_else(PoisonError::into_inner).doors.clone();
            interfaces.iter().filter_map(|name| doors.get(name)).for_each(|door| probe.detach(door.ifindex));
            applied.interfaces = left;
            self.show_doors();
            self.write_down();
        }
        Ok(Vec::new())
    }

    /// One that outlived another rig, of which this one knows nothing or that it cannot go on with.
    fn remove_unknown(&mut self) -> Result<Vec<String>, Failure> {
        if self.probe.take().is_none() && !self.settings.pins.exists() {
            return Err(Failure::Wrong("no policy is in force".into()));
        }
        remove_pinned(&self.settings.pins).map_err(|error| anyhow!(error))?;
        Kept::remove(&self.settings.kept);
        let mut shared = self.shared();
        shared.close();
        shared.failed = None;
        Ok(Vec::new())
    }

    /// Puts the same policy in force with its sets as they are now.
    pub(super) fn renew(&mut self) -> anyhow::Result<()> {
        if self.waits {
            return Ok(());
        }
        let began = Instant::now();
        let (Some(probe), Some(applied)) = (&mut self.probe, &mut self.applied) else { return Ok(()) };
        let look = Surroundings::look(applied.session.as_deref(), &self.slots, self.settings.memory_max);
        let (surroundings, _) = look.context(NOT_RENEWED)?;
        let mut prepared =
            prepare(&applied.text, &applied.file, &mut applied.sets, &surroundings).map_err(|refused| {
                tracing::error!(file = applied.file, error = %refused, "A set has changed, and is not taken over.");
                anyhow!("{NOT_RENEWED}: {refused}")
            })?;
        let passed = Duration::from_nanos(monotonic_ns().saturating_sub(applied.applied_ns));
        // A rule's time goes on from when the policy was applied.
        for (rule, of_rule) in prepared.read.policy.rules.iter().zip(prepared.compiled.tables.rules.iter_mut().skip(2))
        {
            let left = rule.ttl.map(|ttl| ttl.saturating_sub(passed));
            of_rule.ttl_ns = left.map(|left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).max(1));
        }
        probe.put(&prepared.compiled.tables, None)?;
        let told = PolicyInForce { bytes: prepared.kernel_bytes, ..applied.shown.shown.clone() };
        applied.shown = InForce::of(&prepared.read.policy, &prepared.compiled, told);
        self.slots = prepared.compiled.slots.clone();
        let shown = applied.shown.clone();
        tracing::info!(
            file = applied.file,
            took_ms = began.elapsed().as_millis(),
            "A set has changed, and is in force."
        );
        self.shared().in_force = Some(shown);
        give_back_memory();
        Ok(())
    }

    /// Interfaces come and go.
    pub(super) fn follow_interfaces(&mut self) -> Vec<String> {
        let (Some(probe), Some(applied)) = (&mut self.probe, &self.applied) else { return Vec::new() };
        let existing: BTreeMap<String, u32> = match netrig_host::list() {
            Ok(list) => list.into_iter().map(|each| (each.name, each.index)).collect(),
            Err(error) => return vec![format!("which interfaces there are is not to be known: {error}")],
        };
        let mut warnings = Vec::new();
        let gone: Vec<u32> =
            probe.attached().map(|(index, _)| index).filter(|index| !existing.values().any(|i| i == index)).collect();
        gone.into_iter().for_each(|index| probe.detach(index));
        for name in &applied.interfaces {
            match existing.get(name) {
                None => warnings.push(format!("the interface {name} is gone; the policy comes back with it")),
                Some(index) => {
                    if let Err(error) = probe.attach(name, *index) {
                        warnings.push(error.to_string());
                    }
                }
            }
        }
        self.show_doors();
        warnings
    }
}
