//! Policies in a running rig. A thread of its own keeps them ([`keeper`]): reading a feed of a million lines takes longer than the
//! loop may wait. The loop reads counts and packets out of what both share.

mod keeper;
mod kept;
mod shared;

use super::questions;
use super::recorder::Door;
use crate::control::{Asked, Socket};
use keeper::{Keeper, Settings};
use netrig_config::Config;
use netrig_model::{PolicyEventRecord, PolicyStatus, ProbeState, ProbeStatus, RingStatus, Timestamp, TrafficCounts};
use netrig_probes::meter::Parts;
use shared::Shared;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

type Window = (Timestamp, Timestamp);

/// What the keeper is told.
pub(super) enum Message {
    /// Somebody asks, over the socket.
    Asked(Asked),
    /// Another file, or the same one again.
    File(Option<PathBuf>),
    /// Everything ends.
    End,
}

/// The loop's end.
pub(crate) struct Policies {
    shared: Arc<Mutex<Shared>>,
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    /// Why policies cannot be changed by command.
    unheard: Option<String>,
    // Removed when the rig ends.
    _socket: Option<Socket>,
}

impl Drop for Policies {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Policies {
    /// Starts the keeper and listens, for the recorder too; no policy is in force yet.
    pub(crate) fn start(config: &Config, host: &str, recorder: Door) -> anyhow::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared::new(host)));
        let (messages, inbox) = channel();
        let settings = Settings::of(config);
        let mut keeper = Keeper::new(settings, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("netrig-policy".into()).spawn(move || keeper.run(&inbox))?;
        let (socket, unheard) = match questions::listen(config, Some(messages.clone()), recorder) {
            Ok(socket) => (Some(socket), None),
            Err(error) => {
                let why = format!("{error:#}");
                tracing::warn!(error = %why, "Policies cannot be changed by command.");
                (None, Some(why))
            }
        };
        let policies = Self { shared, messages, thread: Some(thread), unheard, _socket: socket };
        if config.policy.file.is_some() {
            policies.file(config.policy.file.clone());
        }
        Ok(policies)
    }

    fn file(&self, file: Option<PathBuf>) {
        let _ = self.messages.send(Message::File(file));
    }

    /// Applies the configuration's file anew.
    pub(crate) fn reload(&self, config: &Config) {
        self.file(config.policy.file.clone());
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force, and what it did.
    pub(crate) fn status(&self, taken: Timestamp) -> Option<PolicyStatus> {
        self.shared().status(taken)
    }

    /// What a policy took from the stack on an interface; none where no policy is asked.
    pub(crate) fn removed(&self, ifindex: u32) -> Option<TrafficCounts> {
        self.shared().removed(ifindex)
    }

    /// The packets looked at in the open window.
    pub(crate) fn open(&self, window: Window) -> Vec<PolicyEventRecord> {
        self.shared().teller.open(window)
    }

    /// The same, and closes it.
    pub(crate) fn close(&self, window: Window) -> Vec<PolicyEventRecord> {
        self.shared().teller.close(window)
    }

    /// What the tables of the policy in force take of the kernel's memory, bytes.
    pub(crate) fn table_bytes(&self) -> u64 {
        self.shared().in_force.as_ref().map_or(0, |policy| policy.shown.bytes)
    }

    /// How full the ring of packets that were looked at was; none where there is no policy.
    pub(crate) fn fullest(&self) -> Option<RingStatus> {
        self.shared().fullest()
    }

    /// Another window begins: [`Self::fullest`] tells of this and the one before.
    pub(crate) fn end_window(&self) {
        self.shared().end_window();
    }

    /// The door's program and maps; none where there is no policy.
    pub(crate) fn parts(&self) -> Option<Arc<Parts>> {
        self.shared().parts.clone()
    }

    pub(crate) fn probe_status(&self) -> ProbeStatus {
        let shared = self.shared();
        let name = "policy".to_owned();
        if let (Some(why), None) = (&shared.failed, &shared.in_force) {
            return ProbeStatus { name, state: ProbeState::Failed, detail: why.clone() };
        }
        let mut detail = match &shared.in_force {
            None => "no policy is in force".to_owned(),
            Some(policy) => {
                let doors = shared.doors.iter().map(|(iface, door)| match door.hook {
                    "" => format!("{iface} (not attached)"),
                    hook => format!("{iface} ({hook})"),
                });
                format!("{} on {}", policy.shown.file, doors.collect::<Vec<_>>().join(", "))
            }
        };
        // What could not be applied leaves what is in force as it was.
        for sentence in shared.failed.iter().chain(&shared.warnings).chain(&self.unheard) {
            detail.push_str("; ");
            detail.push_str(sentence);
        }
        let calm = shared.failed.is_none() && shared.warnings.is_empty() && self.unheard.is_none();
        let state = if calm { ProbeState::Running } else { ProbeState::Degraded };
        ProbeStatus { name, state, detail }
    }
}
