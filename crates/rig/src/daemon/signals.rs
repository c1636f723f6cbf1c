//! Signals become requests.

use super::Request;
use std::sync::mpsc::Sender;
use tokio::signal::unix::{SignalKind, signal};

/// Starts the thread that waits for SIGTERM, SIGINT and SIGHUP.
///
/// # Errors
/// When the handlers or the thread cannot be set up.
pub(crate) fn forward(requests: Sender<Request>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt, mut hang_up) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    let wait = async move {
        loop {
            let request = tokio::select! {
                _ = terminate.recv() => Request::Stop("SIGTERM"),
                _ = interrupt.recv() => Request::Stop("SIGINT"),
                _ = hang_up.recv() => Request::Reload,
            };
            if requests.send(request).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("netrig-signals".into()).spawn(move || runtime.block_on(wait))?;
    Ok(())
}
