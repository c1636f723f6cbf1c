//! The recorder's thread: rests until something fires, then copies what the rings hold and what follows, and hands it to the writer.

use super::dump::{Dump, Story};
use super::shared::Handle;
use super::writing::Job;
use super::{Fired, Interfaces, Message, Settings, Waiter};
use crate::control::Answer;
use crate::daemon::rights::{self, Needs};
use netrig_drain::recorder::{Cursors, Recorder};
use netrig_host::monotonic_ns;
use netrig_model::DumpOutcome;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

/// While something is recorded a ring must not go round unread: with the smallest memory and a busy CPU that takes some milliseconds.
const REST_RECORDING: Duration = Duration::from_millis(5);
/// Owners are a help, no reason to wait.
const OWNERS_PATIENCE_NS: u64 = 1_000_000_000;
/// Interfaces whose names are known, those that are gone too.
const INTERFACES_MAX: usize = 4096;

/// The keeper.
pub(super) struct Keeper {
    pub(super) recorder: Recorder,
    pub(super) settings: Settings,
    pub(super) shared: Handle,
    pub(super) writer: SyncSender<Job>,
    interfaces: Interfaces,
    open: Option<Dump>,
    /// When each trigger was obeyed last.
    fired: BTreeMap<String, u64>,
    /// Where the rings were, and when.
    marks: VecDeque<(u64, Cursors)>,
}

impl Keeper {
    pub(super) fn new(recorder: Recorder, settings: Settings, shared: Handle, writer: SyncSender<Job>) -> Self {
        let marks = VecDeque::from([(monotonic_ns(), recorder.now())]);
        Self {
            recorder,
            settings,
            shared,
            writer,
            interfaces: Interfaces::new(),
            open: None,
            fired: BTreeMap::new(),
            marks,
        }
    }

    /// Until the rig ends.
    pub(super) fn run(&mut self, inbox: &Receiver<Message>) {
        if let Err(error) = rights::drop_all_but_needed(Needs::Nothing) {
            tracing::warn!(error = %format_args!("{error:#}"), "The keeper of the recorder has more rights than it needs.");
        }
        loop {
            let told = match self.open {
                Some(_) => inbox.recv_timeout(REST_RECORDING),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match told {
                Ok(Message::Fired(fired)) => self.fire(fired),
                Ok(Message::Interfaces(interfaces)) => self.follow(interfaces),
                Ok(Message::Settings(settings)) => self.settings = settings,
                Ok(Message::Owners(owners)) => {
                    if let Some(dump) = &mut self.open {
                        dump.owners = Some(owners);
                    }
                }
                Ok(Message::Mark(at_ns, cursors)) => self.mark(at_ns, cursors),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            self.turn(monotonic_ns());
        }
        if let Some(mut dump) = self.open.take() {
            dump.copy(&self.recorder, monotonic_ns());
            self.hand_over(dump);
        }
    }

    /// Names of those that are gone are kept: their packets may be in the rings yet.
    fn follow(&mut self, interfaces: Interfaces) {
        if self.interfaces.len() >= INTERFACES_MAX {
            self.interfaces.clear();
        }
        self.interfaces.extend(interfaces);
    }

    fn turn(&mut self, now_ns: u64) {
        let Some(dump) = &mut self.open else { return };
        let over = dump.is_over(now_ns);
        // What passed in the last moment was recorded by then.
        dump.copy(&self.recorder, now_ns);
        if !over {
            return;
        }
        match dump.asked_ns {
            None => {
                dump.asked_ns = Some(now_ns);
                self.shared.lock().asked = Some(dump.flows(&self.interfaces));
            }
            Some(asked_ns) if dump.owners.is_some() || now_ns > asked_ns + OWNERS_PATIENCE_NS => {
                if let Some(dump) = self.open.take() {
                    self.hand_over(dump);
                }
            }
            Some(_) => {}
        }
    }

    /// Remembers where the rings were, so that what is overwritten of the time before a trigger can be counted.
    fn mark(&mut self, at_ns: u64, cursors: Cursors) {
        self.marks.push_back((at_ns, cursors));
        let since_ns = at_ns.saturating_sub(self.settings.before_ns);
        while self.marks.get(1).is_some_and(|(at_ns, _)| *at_ns <= since_ns) {
            self.marks.pop_front();
        }
    }

    fn fire(&mut self, fired: Fired) {
        let Fired { trigger, told, at_ns, after_ns, by_hand, waiter } = fired;
        let cools = self.fired.get(&trigger).is_some_and(|last| at_ns < last + self.settings.cooldown_ns);
        if cools && !by_hand {
            self.shared.lock().count(&trigger, DumpOutcome::CooledDown);
            return;
        }
        self.fired.insert(trigger.clone(), at_ns);
        let after_ns = after_ns.unwrap_or(self.settings.after_ns);
        tracing::info!(trigger = %trigger, why = %told, "The flight recorder writes what has passed.");
        let story = Story { trigger: trigger.clone(), at_ns, told };
        match &mut self.open {
            // What waits for its owners is over.
            Some(dump) if dump.asked_ns.is_none() => {
                dump.join(story, after_ns);
                dump.waiters.extend(waiter);
                self.shared.lock().count(&trigger, DumpOutcome::Joined);
            }
            _ => self.begin(story, after_ns, waiter),
        }
    }

    fn begin(&mut self, story: Story, after_ns: u64, waiter: Option<Waiter>) {
        if let Some(dump) = self.open.take() {
            self.hand_over(dump);
        }
        let since_ns = story.at_ns.saturating_sub(self.settings.before_ns);
        let marks = self.marks.iter().rev().find(|(at_ns, _)| *at_ns <= since_ns).or(self.marks.front());
        let cursors = marks.map(|(_, cursors)| cursors.clone()).unwrap_or_default();
        let mut dump = Dump::begin(&self.recorder, story, (since_ns, after_ns), cursors);
        dump.waiters.extend(waiter);
        self.open = Some(dump);
        self.shared.lock().recording = true;
    }

    fn hand_over(&mut self, dump: Dump) {
        {
            let mut shared = self.shared.lock();
            shared.recording = false;
            shared.asked = None;
        }
        let settings = self.settings.clone();
        let job = Job { dump, settings, interfaces: self.interfaces.clone(), sizes: self.recorder.sizes() };
        let refused = match self.writer.try_send(job) {
            Ok(()) => return,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job.dump,
        };
        let why = "the disk is too slow: another file is still being written, and one waits".to_owned();
        tracing::error!(error = %why, "A dump of the flight recorder was given up.");
        let mut shared = self.shared.lock();
        shared.count(&refused.stories[0].trigger, DumpOutcome::Failed);
        shared.failed = Some(why.clone());
        for waiter in refused.waiters {
            let _ = waiter.send(Answer::Refused { why: why.clone(), wrong: false });
        }
    }
}
