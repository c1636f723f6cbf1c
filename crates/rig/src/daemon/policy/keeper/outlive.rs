//! A policy that outlives a rig, and the rig that comes after.

use super::{Applied, Keeper};
use crate::daemon::policy::kept::Kept;
use crate::daemon::snapshot::now;
use crate::policy::SetFiles;
use netrig_drain::policy::PolicyDrain;
use netrig_host::monotonic_ns;
use netrig_model::Timestamp;
use netrig_policy::Slots;
use netrig_probes::policy::PolicyProbe;
use std::path::Path;
use std::sync::Arc;

/// As near as the time of day tells it.
fn monotonic_of(time: Timestamp) -> u64 {
    monotonic_ns().saturating_sub(u64::try_from(now().0 - time.0).unwrap_or(0))
}

impl Keeper {
    /// What a rig that comes after this one must know, where the policy outlives this one.
    pub(super) fn write_down(&self) {
        let Some(applied) = self.applied.as_ref().filter(|applied| applied.shown.shown.persist) else {
            return Kept::remove(&self.settings.kept);
        };
        let kept = Kept {
            text: applied.text.clone(),
            file: applied.file.clone(),
            interfaces: applied.interfaces.clone(),
            session: applied.session.clone(),
            slots: self.slots.iter().map(|(id, slot)| (id.to_owned(), slot)).collect(),
            in_force: applied.shown.clone(),
            applied_ns: Some(applied.applied_ns),
        };
        if let Err(error) = kept.write(&self.settings.kept) {
            tracing::warn!(error = %format_args!("{error:#}"), "After a restart of the rig this policy's rules will have no names.");
        }
    }

    /// Goes on with a policy that has outlived another rig.
    pub(super) fn find(&mut self) {
        let found = match PolicyProbe::find(&self.settings.pins) {
            Ok(Some(probe)) => probe,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "A policy is pinned that this rig cannot go on with; `netrig policy remove` takes it off.");
                self.shared().failed = Some(error.to_string());
                return;
            }
        };
        self.shared().drain = Some((PolicyDrain::new(found.memory()), *found.clock()));
        self.shared().parts = found.parts().ok().map(Arc::new);
        self.probe = Some(found);
        match Kept::read(&self.settings.kept) {
            Ok(Some(kept)) => self.go_on_with(kept),
            Ok(None) => {
                self.shared().warnings =
                    vec!["a policy that outlived a rig is in force, of which nothing is written down".into()]
            }
            Err(error) => self.shared().warnings = vec![format!("{error:#}")],
        }
    }

    pub(super) fn go_on_with(&mut self, kept: Kept) {
        self.slots = Slots::restored(kept.slots);
        self.waits = kept.in_force.shown.confirm_until.is_some();
        tracing::info!(file = kept.file, "Going on with the policy that is in force already.");
        self.applied = Some(Applied {
            sets: SetFiles::beside(Path::new(&kept.file)),
            text: kept.text,
            file: kept.file,
            interfaces: kept.interfaces,
            session: kept.session,
            applied_ns: kept.applied_ns.unwrap_or_else(|| monotonic_of(kept.in_force.shown.since)),
            shown: kept.in_force.clone(),
            slots: self.slots.clone(),
        });
        self.shared().in_force = Some(kept.in_force);
        self.show_doors();
        // Its sets may have changed meanwhile; and from here on they are followed.
        if let Err(error) = self.settle().and_then(|()| self.renew()) {
            self.shared().warnings = vec![format!("{error:#}")];
        }
    }
}
