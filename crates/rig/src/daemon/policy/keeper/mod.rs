//! The thread that keeps policies: it alone loads, attaches and swaps.

mod apply;
mod change;
mod outlive;

use super::Message;
use super::kept;
use super::shared::{InForce, Shared};
use crate::control::{Answer, Ask, Asked};
use crate::daemon::rights::{self, Needs};
use crate::daemon::snapshot::now;
use crate::policy::{Refused, SetFiles, memory_max};
use anyhow::Context;
use apply::{Wanted, pin_as_told};
use netrig_config::Config;
use netrig_drain::policy::sighting;
use netrig_policy::Slots;
use netrig_probes::policy::PolicyProbe;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Packets that were looked at are fetched this often: the rules of a policy may send a ring full of them in a second.
const TURN: Duration = Duration::from_millis(200);
/// Without a policy there is nothing to do but to answer.
const IDLE: Duration = Duration::from_secs(3600);
/// Files, interfaces and deadlines are looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// What the configuration says.
pub(super) struct Settings {
    examples: u32,
    memory_max: u64,
    pins: PathBuf,
    kept: PathBuf,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            examples: config.policy.examples,
            memory_max: memory_max(config.rig.memory.0),
            pins: config.policy.pins.clone(),
            kept: kept::place(&config.policy.socket),
        }
    }
}

/// A policy as it was asked for, and where: enough to put it in force again when its sets change.
#[derive(Debug)]
struct Applied {
    text: String,
    file: String,
    sets: SetFiles,
    interfaces: Vec<String>,
    session: Option<String>,
    /// When, on the clock that nobody sets.
    applied_ns: u64,
    /// How it is told.
    shown: InForce,
    slots: Slots,
}

/// The keeper.
pub(super) struct Keeper {
    settings: Settings,
    shared: Arc<Mutex<Shared>>,
    probe: Option<PolicyProbe>,
    slots: Slots,
    applied: Option<Applied>,
    /// What comes back unless what is in force is confirmed.
    before: Option<Applied>,
    waits: bool,
    looked: Instant,
}

/// What goes wrong while a policy is put in force: what was asked is wrong, or something failed.
enum Failure {
    Wrong(String),
    Failed(String),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Wrong(refused.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

impl Keeper {
    pub(super) fn new(settings: Settings, shared: Arc<Mutex<Shared>>) -> Self {
        Self {
            settings,
            shared,
            probe: None,
            slots: Slots::default(),
            applied: None,
            before: None,
            waits: false,
            looked: Instant::now(),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the rig ends.
    pub(super) fn run(&mut self, inbox: &Receiver<Message>) {
        // Each thread has rights of its own: this one goes on loading and attaching.
        if let Err(error) = rights::drop_all_but_needed(Needs::Policies) {
            tracing::warn!(error = %format_args!("{error:#}"), "The keeper of policies has more rights than it needs.");
        }
        self.find();
        loop {
            let rest = if self.probe.is_some() { TURN } else { IDLE };
            match inbox.recv_timeout(rest) {
                Ok(Message::Asked(asked)) => self.answer(asked),
                Ok(Message::File(file)) => self.apply_file(file.as_deref()),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            self.fetch_events();
            if self.looked.elapsed() >= LOOK {
                self.looked = Instant::now();
                self.look();
            }
        }
    }

    fn answer(&mut self, asked: Asked) {
        let Asked { ask, by, answer } = asked;
        let done = match ask {
            Ask::Show => Ok(Vec::new()),
            // The recorder's, which gets it before anyone here.
            Ask::Dump { .. } => Err(Failure::Wrong("a dump is no policy's matter".to_owned())),
            Ask::Apply { text, file, interfaces, confirm_ms, session } => {
                let confirm = confirm_ms.map(Duration::from_millis);
                let wanted = Wanted { text, file, interfaces, confirm, session };
                let file = wanted.file.clone();
                let done = self.apply(wanted);
                let outcome = outcome(&done);
                tracing::info!(by, file, confirm_ms, outcome, "A policy was asked for.");
                done
            }
            Ask::Confirm => {
                let done = self.confirm();
                tracing::info!(by, outcome = outcome(&done), "A policy was to be confirmed.");
                done
            }
            Ask::Remove { interfaces } => {
                let done = self.remove(&interfaces);
                tracing::info!(by, ?interfaces, outcome = outcome(&done), "A policy was to be removed.");
                done
            }
        };
        let answered = match done {
            Ok(notes) => Answer::Done { notes, status: self.shared().status(now()).map(Box::new) },
            Err(Failure::Wrong(why)) => Answer::Refused { why, wrong: true },
            Err(Failure::Failed(why)) => Answer::Refused { why, wrong: false },
        };
        let _ = answer.send(answered);
    }

    /// The configuration's own, at the start and at each reload.
    fn apply_file(&mut self, file: Option<&Path>) {
        let Some(file) = file else { return };
        let shown = file.display().to_string();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}")).map_err(Failure::from);
        let wanted = |text| Wanted { text, file: shown.clone(), interfaces: Vec::new(), confirm: None, session: None };
        let failed = match text.and_then(|text| self.apply(wanted(text))) {
            Ok(notes) => {
                tracing::info!(file = shown, ?notes, "The configuration's policy is in force.");
                None
            }
            Err(Failure::Wrong(why) | Failure::Failed(why)) => {
                tracing::error!(file = shown, error = why, "The configuration's policy is not taken over.");
                Some(format!("[policy] file: {why}"))
            }
        };
        self.shared().failed = failed;
    }

    fn fetch_events(&mut self) {
        let Some(probe) = &mut self.probe else { return };
        let clock = *probe.clock();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { teller, in_force, doors, .. } = &mut *shared;
        let fetched = probe.events(&mut |event| {
            let seen = sighting(event, &clock);
            let rule = in_force.as_ref().and_then(|policy| policy.rule_in(seen.slot));
            let iface = doors.iter().find(|(_, door)| door.ifindex == seen.ifindex).map(|(name, _)| name.as_str());
            teller.take(seen, rule, iface);
        });
        if let Err(error) = fetched {
            tracing::debug!(%error, "Packets that rules matched could not be fetched.");
        }
        shared.see_events(probe.events_waited());
    }

    /// Deadlines, files and interfaces.
    fn look(&mut self) {
        if self.probe.is_none() {
            return;
        }
        if let Err(error) = self.settle() {
            tracing::warn!(error = %format_args!("{error:#}"), "A policy that nobody confirmed is not settled yet.");
        }
        let mut warnings = Vec::new();
        if self.applied.as_ref().is_some_and(|applied| applied.sets.have_changed()) {
            warnings.extend(self.renew().err().map(|error| format!("{error:#}")));
        } else {
            // What was wrong with the last try is so still.
            let standing = self.shared().warnings.clone();
            warnings.extend(standing.into_iter().filter(|warning| warning.starts_with(NOT_RENEWED)));
        }
        warnings.extend(self.follow_interfaces());
        if let Some(applied) = &self.applied {
            warnings.extend(applied.sets.problems());
        }
        if let Some(probe) = &mut self.probe {
            if let Err(error) = probe.sync_clock() {
                tracing::debug!(%error, "The policy's clock could not be read.");
            }
            let clock = *probe.clock();
            if let Some((_, shared)) = &mut self.shared().drain {
                *shared = clock;
            }
        }
        self.shared().warnings = warnings;
    }

    /// What the kernel has decided by its deadline is told here too.
    fn settle(&mut self) -> anyhow::Result<()> {
        let Some(probe) = &mut self.probe else { return Ok(()) };
        if !probe.settle()? || !self.waits {
            return Ok(());
        }
        self.waits = false;
        let lost = std::mem::replace(&mut self.applied, self.before.take());
        let file = lost.map(|applied| applied.file).unwrap_or_default();
        tracing::warn!(file, "Nobody confirmed the policy in time: what was in force before is again.");
        match &self.applied {
            Some(applied) => {
                self.slots = applied.slots.clone();
                let shown = applied.shown.clone();
                pin_as_told(probe, &self.settings.pins, shown.shown.persist)?;
                self.shared().in_force = Some(shown);
                self.write_down();
            }
            // Nothing was: the doors let all pass, and go.
            None => {
                self.probe = None;
                self.slots = Slots::default();
                self.shared().close();
            }
        }
        Ok(())
    }
}

const NOT_RENEWED: &str = "a set has changed, and is not taken over";

fn outcome(done: &Result<Vec<String>, Failure>) -> &str {
    match done {
        Ok(_) => "done",
        Err(Failure::Wrong(why) | Failure::Failed(why)) => why,
    }
}
