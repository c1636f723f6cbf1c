//! The thread that may switch run-time statistics on: it is all that its rights are for.

use crate::daemon::rights::{Needs, drop_all_but_needed};
use netrig_probes::meter::Statistics;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The kernel answers in microseconds; while it patches all its programs' code, in milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// The way to it.
#[derive(Debug)]
pub(super) struct Switch {
    ask: Sender<()>,
    answers: Receiver<io::Result<Statistics>>,
}

impl Switch {
    /// Starts it, while this thread has rights to give.
    pub(super) fn start() -> io::Result<Self> {
        let (ask, asked) = channel::<()>();
        let (answer, answers) = channel();
        std::thread::Builder::new().name("netrig-meter".into()).spawn(move || {
            if let Err(error) = drop_all_but_needed(Needs::Statistics) {
                tracing::warn!(error = %format_args!("{error:#}"), "The meter's thread has more rights than it needs.");
            }
            for () in asked {
                if answer.send(Statistics::switch_on()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { ask, answers })
    }

    /// Has statistics on until what is returned goes.
    pub(super) fn on(&self) -> io::Result<Statistics> {
        let gone = || io::Error::other("the thread that switches statistics has ended");
        // What was answered too late is not wanted any more.
        while self.answers.try_recv().is_ok() {}
        self.ask.send(()).map_err(|_| gone())?;
        self.answers.recv_timeout(PATIENCE).map_err(|_| gone())?
    }
}
