//! When a command that goes on by itself is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Set by SIGINT, SIGTERM or SIGHUP.
#[derive(Clone)]
pub(super) struct Stop {
    told: Arc<AtomicBool>,
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// From now on.
    pub(super) fn on_signals() -> anyhow::Result<Self> {
        let stop = Self { told: Arc::default(), asked: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let caught = |kind| {
            let _inside = runtime.enter();
            signal(kind)
        };
        let (mut interrupt, mut terminate) = (caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?);
        let (mut hang_up, mut ask) = (caught(SignalKind::hangup())?, caught(SignalKind::user_defined1())?);
        let (told, asked) = (Arc::clone(&stop.told), Arc::clone(&stop.asked));
        let wait = async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => told.store(true, Ordering::Relaxed),
                    _ = terminate.recv() => told.store(true, Ordering::Relaxed),
                    _ = hang_up.recv() => told.store(true, Ordering::Relaxed),
                    _ = ask.recv() => asked.store(true, Ordering::Relaxed),
                }
            }
        };
        std::thread::Builder::new().name("netrig-signals".into()).spawn(move || runtime.block_on(wait))?;
        Ok(stop)
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Whether somebody wants to know how it goes (SIGUSR1), once for each time.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }
}
