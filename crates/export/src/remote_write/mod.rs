//! Metrics by Prometheus remote write 1.0.
//!
//! One thread takes pictures and makes requests of them (`collector`), another sends these (`sender`); between them is a queue
//! that is bounded by bytes. So pictures are taken in time however long the server takes.

mod backoff;
mod client;
mod collector;
mod queue;
mod sender;

use crate::error::ExportError;
use client::{Answer, Client};
use collector::Collector;
use netrig_metrics::Exporter;
use netrig_metrics::remote_write::{WriteEncoder, WriteOptions};
use netrig_model::{RemoteWriteStatus, Snapshot};
use queue::Queue;
use sender::Sender;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long what waits may take to leave once the rig stops.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(5);

/// An empty request, in Snappy's block format: no octets.
const EMPTY_BODY: &[u8] = &[0];

/// Where to send, and what.
#[derive(Clone, Debug)]
pub struct RemoteWriteOptions {
    /// `http://` or `https://`.
    pub url: String,
    /// Time from one picture to the next.
    pub interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// Who the rig is to the server.
    pub credentials: Credentials,
    /// Certificates (PEM) to trust instead of the host's own.
    pub ca_file: Option<PathBuf>,
    /// Labels of every series beside its own.
    pub labels: BTreeMap<String, String>,
    /// Distributions as native histograms instead of classic ones.
    pub native_histograms: bool,
    /// Bytes of requests that may wait.
    pub queue_bytes_max: u64,
    /// The most samples of one request.
    pub samples_max: usize,
}

/// Who the rig is to the server. Files are read for each request, so that what is in them can be replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// Who holds the token in this file.
    Bearer(PathBuf),
    /// A name, and the file with its password.
    Basic(String, PathBuf),
}

/// The rig's latest picture; may block for some hundred milliseconds.
pub type Picture = Box<dyn Fn() -> Arc<Snapshot> + Send>;

/// Asks the server to take a request without samples.
///
/// # Errors
/// When files cannot be read, nobody answers in time, or the server refuses.
pub fn try_out(options: &RemoteWriteOptions) -> Result<(), ExportError> {
    let refused = |why| Err(ExportError::Refused { url: options.url.clone(), why });
    match Client::new(options)?.send(EMPTY_BODY, options.timeout) {
        Answer::Taken => Ok(()),
        Answer::Later { why, .. } | Answer::Refused { why, .. } => refused(why),
    }
}

/// Sends until it is stopped.
#[derive(Debug)]
pub struct RemoteWrite {
    queue: Arc<Queue>,
    stop: Option<SyncSender<()>>,
    collecting: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

/// Tells how sending fares.
#[derive(Clone, Debug)]
pub struct StatusHandle(Arc<Queue>);

impl StatusHandle {
    /// As it is now.
    #[must_use]
    pub fn status(&self) -> RemoteWriteStatus {
        self.0.status()
    }
}

impl RemoteWrite {
    /// Reads the files that are named, and starts two threads. `exporter` is the one that scrapes are answered from.
    ///
    /// # Errors
    /// When a file cannot be read, the address is none, or there is no thread to be had. That nobody answers is no error: the
    /// server may be up later.
    pub fn start(
        options: &RemoteWriteOptions,
        exporter: Arc<Mutex<Exporter>>,
        picture: Picture,
    ) -> Result<Self, ExportError> {
        let client = Client::new(options)?;
        let queue = Arc::new(Queue::new(options.url.clone(), options.queue_bytes_max));
        let encoding = WriteOptions {
            labels: options.labels.clone(),
            native_histograms: options.native_histograms,
            samples_max: options.samples_max,
        };
        let (stop, stopped) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let mut sender = Sender { client, queue: Arc::clone(&queue), timeout: options.timeout };
        let mut collector = Collector {
            encoder: WriteEncoder::new(exporter, encoding),
            picture,
            interval: options.interval,
            queue: Arc::clone(&queue),
        };
        spawn("netrig-send", move || {
            sender.run();
            // Whoever stops may have lost patience.
            let _ = end.try_send(());
        })?;
        let collecting = spawn("netrig-collect", move || collector.run(&stopped))?;
        Ok(Self { queue, stop: Some(stop), collecting: Some(collecting), ended })
    }

    /// For who shows it.
    #[must_use]
    pub fn handle(&self) -> StatusHandle {
        StatusHandle(Arc::clone(&self.queue))
    }

    /// Sends a last picture and that all series end, gives what waits five seconds to leave, and counts the rest as dropped.
    pub fn stop(mut self) -> RemoteWriteStatus {
        self.end();
        self.queue.status()
    }

    fn end(&mut self) {
        if self.stop.take().is_none() {
            return;
        }
        if let Some(thread) = self.collecting.take()
            && thread.join().is_err()
        {
            tracing::error!("The thread that collects metrics to be sent panicked.");
        }
        self.queue.finish(FLUSH_TIME_MAX);
        if self.ended.recv_timeout(FLUSH_TIME_MAX) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("A request under way was cut off.");
        }
        let lost = self.queue.abandon();
        if lost > 0 {
            tracing::warn!(samples = lost, "The rig ends before the server took all metrics.");
        }
    }
}

impl Drop for RemoteWrite {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ExportError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(ExportError::Thread)
}
