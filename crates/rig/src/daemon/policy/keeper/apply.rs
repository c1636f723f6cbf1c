//! Putting a policy in force: all of it, or nothing has changed.

use super::{Applied, Failure, Keeper};
use crate::daemon::policy::shared::{Door, InForce};
use crate::daemon::snapshot::now;
use crate::policy::{Prepared, SetFiles, Surroundings, prepare};
use anyhow::{Context, anyhow};
use netrig_drain::policy::PolicyDrain;
use netrig_host::monotonic_ns;
use netrig_model::PolicyInForce;
use netrig_policy::explain::Severity;
use netrig_probes::policy::PolicyProbe;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// While interfaces are attached to, what was in force before is kept for so long at most.
const SWAP: Duration = Duration::from_secs(60);

/// A policy that is asked for.
pub(super) struct Wanted {
    pub(super) text: String,
    pub(super) file: String,
    pub(super) interfaces: Vec<String>,
    pub(super) confirm: Option<Duration>,
    pub(super) session: Option<String>,
}

impl Keeper {
    /// Puts a policy in force; nothing has changed where it fails.
    pub(super) fn apply(&mut self, wanted: Wanted) -> Result<Vec<String>, Failure> {
        self.settle()?;
        if self.waits {
            return Err(Failure::Wrong(
                "a policy waits to be confirmed: `netrig policy confirm` it first, or let its time pass".into(),
            ));
        }
        let mut sets = SetFiles::beside(Path::new(&wanted.file));
        let session = wanted.session.as_deref();
        let (surroundings, mut notes) = Surroundings::look(session, &self.slots, self.settings.memory_max)?;
        let prepared = prepare(&wanted.text, &wanted.file, &mut sets, &surroundings)?;
        let interfaces = interfaces_of(&wanted, &prepared, &surroundings)?;
        if let (Some(_), Some(applied)) = (wanted.confirm, &self.applied)
            && applied.interfaces != interfaces
        {
            return Err(Failure::Wrong(format!(
                "a policy that waits to be confirmed must be for the interfaces of the one it replaces ({}): apply it \
                 without --confirm, or remove the other first",
                applied.interfaces.join(", ")
            )));
        }
        // What is likely as it was meant is for `netrig policy check` to say.
        let warnings = prepared.findings.iter().filter(|finding| finding.severity != Severity::Notice);
        notes.extend(warnings.map(|finding| format!("{}, {finding}", wanted.file)));
        notes.extend(prepared.read.warnings.iter().map(ToString::to_string));
        self.swap(&wanted, &prepared, &interfaces, &surroundings)?;
        let since = now();
        let confirm_until =
            wanted.confirm.map(|confirm| since.plus_ns(i64::try_from(confirm.as_nanos()).unwrap_or(i64::MAX)));
        let shown = PolicyInForce {
            file: wanted.file.clone(),
            hash: hash_of(&wanted.text),
            since,
            persist: prepared.read.policy.persist,
            confirm_until,
            bytes: prepared.kernel_bytes,
            ..PolicyInForce::default()
        };
        let applied = Applied {
            shown: InForce::of(&prepared.read.policy, &prepared.compiled, shown),
            slots: prepared.compiled.slots.clone(),
            text: wanted.text,
            file: wanted.file,
            sets,
            interfaces,
            session: wanted.session,
            applied_ns: monotonic_ns(),
        };
        self.take_over(applied, &prepared, wanted.confirm.is_some());
        Ok(notes)
    }

    /// The kernel's part. What is in force before stays within reach until all interfaces have the door.
    fn swap(
        &mut self,
        wanted: &Wanted,
        prepared: &Prepared,
        interfaces: &[String],
        surroundings: &Surroundings,
    ) -> Result<(), Failure> {
        let first = self.probe.is_none();
        if first {
            let probe = PolicyProbe::load(self.settings.examples).map_err(|error| anyhow!(error))?;
            self.shared().drain = Some((PolicyDrain::new(probe.memory()), *probe.clock()));
            self.shared().parts = probe.parts().ok().map(Arc::new);
            self.probe = Some(probe);
        }
        let done = self.swap_in(wanted, prepared, interfaces, surroundings);
        if done.is_err() && first {
            self.probe = None;
            self.shared().close();
        }
        done.map_err(Failure::from)
    }

    fn swap_in(
        &mut self,
        wanted: &Wanted,
        prepared: &Prepared,
        interfaces: &[String],
        surroundings: &Surroundings,
    ) -> anyhow::Result<()> {
        let probe = self.probe.as_mut().context("no probe: this is a bug in netrig")?;
        let had: Vec<u32> = probe.attached().map(|(ifindex, _)| ifindex).collect();
        probe.put(&prepared.compiled.tables, Some(wanted.confirm.unwrap_or(SWAP)))?;
        for name in interfaces {
            let ifindex = surroundings.interfaces.get(name).copied().context("the interface has gone")?;
            if let Err(error) = probe.attach(name, ifindex) {
                let gained: Vec<u32> = probe.attached().map(|(index, _)| index).filter(|i| !had.contains(i)).collect();
                gained.into_iter().for_each(|index| probe.detach(index));
                probe.take_back()?;
                return Err(error.into());
            }
        }
        let indices: Vec<u32> =
            interfaces.iter().filter_map(|name| surroundings.interfaces.get(name).copied()).collect();
        had.iter().filter(|index| !indices.contains(index)).for_each(|index| probe.detach(*index));
        // What waits is pinned, or no more, once it is confirmed: until then what it replaces goes on as it was.
        if wanted.confirm.is_some() {
            return Ok(());
        }
        if let Err(error) = pin_as_told(probe, &self.settings.pins, prepared.read.policy.persist) {
            indices.iter().filter(|index| !had.contains(index)).for_each(|index| probe.detach(*index));
            probe.take_back()?;
            return Err(error);
        }
        Ok(probe.keep()?)
    }

    /// What is told of it from now on.
    fn take_over(&mut self, applied: Applied, prepared: &Prepared, waits: bool) {
        let last = self.applied.replace(applied);
        self.before = if waits { last } else { None };
        self.waits = waits;
        self.slots = prepared.compiled.slots.clone();
        self.show_doors();
        give_back_memory();
        if !waits {
            self.release();
            self.write_down();
        }
        let shown = self.applied.as_ref().map(|applied| applied.shown.clone());
        let mut shared = self.shared();
        shared.in_force = shown;
        shared.failed = None;
        shared.warnings.clear();
    }

    /// Gives the places of rules that are gone back: nothing counts there any more.
    pub(super) fn release(&mut self) {
        let Some(applied) = &mut self.applied else { return };
        let gone = self.slots.release(|id| applied.shown.has(id));
        applied.slots = self.slots.clone();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((drain, _)) = &mut shared.drain {
            gone.iter().for_each(|(_, slot)| drain.forget(*slot));
        }
    }

    pub(super) fn show_doors(&mut self) {
        let Some(probe) = &self.probe else { return };
        let attached: BTreeMap<u32, &'static str> = probe.attached().collect();
        let existing: BTreeMap<String, u32> =
            netrig_host::list().unwrap_or_default().into_iter().map(|each| (each.name, each.index)).collect();
        let names = self.applied.iter().flat_map(|applied| &applied.interfaces);
        let doors = names.map(|name| {
            let ifindex = existing.get(name).copied().unwrap_or_default();
            let hook = attached.get(&ifindex).copied().unwrap_or_default();
            let detail = probe.why_not_native(ifindex).unwrap_or_default();
            (name.clone(), Door { ifindex, hook, detail })
        });
        let doors = doors.collect();
        self.shared().doors = doors;
    }
}

/// Whether it outlives the rig.
pub(super) fn pin_as_told(probe: &mut PolicyProbe, pins: &Path, persist: bool) -> anyhow::Result<()> {
    match (persist, probe.pinned().is_some()) {
        (true, false) => probe.pin(pins)?,
        (false, true) => probe.unpin()?,
        _ => {}
    }
    Ok(())
}

/// Which interfaces are meant; all of them are there.
fn interfaces_of(wanted: &Wanted, prepared: &Prepared, around: &Surroundings) -> Result<Vec<String>, Failure> {
    let named = if wanted.interfaces.is_empty() { &prepared.read.policy.interfaces } else { &wanted.interfaces };
    if named.is_empty() {
        let file = &wanted.file;
        return Err(Failure::Wrong(format!(
            "{file} names no interfaces: name one with -i, or write `interfaces` there"
        )));
    }
    let mut interfaces = named.clone();
    interfaces.sort();
    interfaces.dedup();
    match interfaces.iter().find(|name| !around.interfaces.contains_key(*name)) {
        None => Ok(interfaces),
        Some(unknown) => {
            let there: Vec<&str> = around.interfaces.keys().map(String::as_str).collect();
            Err(Failure::Wrong(format!("no interface `{unknown}` is here; there are {}", there.join(", "))))
        }
    }
}

/// Sixteen digits that tell one text from another; not against those who would deceive.
fn hash_of(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    format!("{:016x}", hasher.finish())
}

/// Reading, compiling and loading a million addresses takes a hundred megabytes for a moment, which the allocator would keep.
#[expect(unsafe_code, reason = "the C library's allocator is asked to give back what it holds")]
pub(super) fn give_back_memory() {
    // SAFETY: it takes a number and touches no memory that is in use.
    unsafe { libc::malloc_trim(0) };
}
