//! The thread that serves.

use crate::Live;
use crate::error::ServeError;
use crate::holder::holder;
use crate::routes::router;
use axum::serve::ListenerExt;
use netrig_metrics::Exporter;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long answers under way may take to end once the rig stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a client may take nothing of what it was sent.
const STALL_TIME_MAX_MS: u32 = 30_000;

/// Threads for answers that block: making records and Parquet files.
const BLOCKING_THREADS_MAX: usize = 4;

/// What is served, and where.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Address and port, on loopback; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Whether `/metrics` answers.
    pub metrics: bool,
}

/// A server at work; stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens, and serves from a thread of its own.
    ///
    /// # Errors
    /// When the address is in use, beyond loopback, or refused by the system.
    pub fn start(options: &ServeOptions, live: Arc<dyn Live>) -> Result<Self, ServeError> {
        Self::start_with(options, live, Arc::default())
    }

    /// The same; `exporter` renders `/metrics`, and is shared with who else tells metrics, so that series have one name.
    ///
    /// # Errors
    /// As of [`Server::start`].
    pub fn start_with(
        options: &ServeOptions,
        live: Arc<dyn Live>,
        exporter: Arc<Mutex<Exporter>>,
    ) -> Result<Self, ServeError> {
        if !options.listen.ip().is_loopback() {
            return Err(ServeError::NotLoopback(options.listen));
        }
        let listener = listen(options.listen)?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen { address: options.listen, source })?;
        let router = router(live, options, exporter);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("netrig-serve")
            .build()
            .map_err(ServeError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("netrig-serve".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, router, stopped));
                // An answer that still blocks must not hold up the rig's end.
                runtime.shutdown_timeout(Duration::from_millis(100));
            })
            .map_err(ServeError::Thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, gives answers under way two seconds, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The thread that serves HTTP panicked.");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).and_then(|l| l.set_nonblocking(true).map(|()| l));
    listener.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse { address, holder: holder(address) },
        _ => ServeError::Listen { address, source },
    })
}

async fn serve(listener: TcpListener, router: axum::Router, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "The HTTP listener cannot be used."),
    };
    let listener = listener.tap_io(|stream| {
        // A reader that stalls is cut off, instead of holding the records of its answer for ever.
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&*stream, STALL_TIME_MAX_MS) {
            tracing::debug!(%error, "A connection has no limit on stalling.");
        }
    });
    let (give_up, given_up) = oneshot::channel::<()>();
    let until_stopped = async move {
        // The sender is dropped, never used: both mean stop.
        let _ = stopped.await;
        drop(give_up);
    };
    let answering = axum::serve(listener, router).with_graceful_shutdown(until_stopped);
    let too_long = async {
        let _ = given_up.await;
        tokio::time::sleep(STOP_TIME_MAX).await;
    };
    tokio::select! {
        ended = answering => if let Err(error) = ended {
            tracing::error!(%error, "The HTTP server ended.");
        },
        () = too_long => tracing::debug!("HTTP answers under way were cut off."),
    }
}
