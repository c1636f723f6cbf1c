//! Signals become requests.

use super::Request;
use std::sync::mpsc::Sender;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT, SIGHUP and SIGUSR1, caught.
pub(crate) struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
}

/// Catches the signals. Those that come before [`Signals::forward`] wait for it.
///
/// # Errors
/// When the handlers cannot be set up.
pub(crate) fn listen() -> std::io::Result<Signals> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let caught = |kind| {
        let _inside = runtime.enter();
        signal(kind)
    };
    let (terminate, interrupt) = (caught(SignalKind::terminate())?, caught(SignalKind::interrupt())?);
    let hang_up = caught(SignalKind::hangup())?;
    let user = caught(SignalKind::user_defined1())?;
    Ok(Signals { runtime, terminate, interrupt, hang_up, user })
}

impl Signals {
    /// Starts the thread that turns them into requests.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn forward(self, requests: Sender<Request>) -> std::io::Result<()> {
        let Self { runtime, mut terminate, mut interrupt, mut hang_up, mut user } = self;
        let wait = async move {
            loop {
                let request = tokio::select! {
                    _ = terminate.recv() => Request::Stop("SIGTERM"),
                    _ = interrupt.recv() => Request::Stop("SIGINT"),
                    _ = hang_up.recv() => Request::Reload,
                    _ = user.recv() => Request::Dump,
                };
                if requests.send(request).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("netrig-signals".into()).spawn(move || runtime.block_on(wait))?;
        Ok(())
    }
}
