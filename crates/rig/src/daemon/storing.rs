//! The store behind its own thread and a bounded queue: a slow or full disk never stops the loop.

use anyhow::Context;
use netrig_model::{FlowRecord, LedgerRecord, StoreStatus, Timestamp};
use netrig_store::{StoreConfig, StoreWriter};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Records handed over together; what is in flight at most is a few of these.
pub(crate) const CHUNK_ROWS: usize = 8192;
const QUEUE_CHUNKS: usize = 4;
/// Of a window that is being stored, this many are kept at hand for whoever asks meanwhile; of a larger one none, for
/// that would be all of it in memory.
const KEPT_CHUNKS: usize = 4;

type Window = (Timestamp, Timestamp);

enum Job {
    /// Part of a window.
    Rows(Window, Arc<Vec<FlowRecord>>),
    /// The window's end, and its ledger.
    Close(Window, Vec<LedgerRecord>),
    /// Other limits, from a reload.
    Limits(Duration, u64),
}

#[derive(Default)]
struct Shared {
    status: StoreStatus,
    /// Chunks of windows that are not on disk yet.
    pending: VecDeque<(Window, Arc<Vec<FlowRecord>>)>,
    /// The start of a window that is being stored, of which chunks were let go already.
    let_go: Option<Timestamp>,
    /// Rows that did not fit into the queue.
    lost: u64,
    failed: Option<String>,
}

/// The loop's end of the queue.
pub(crate) struct Storing {
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Storing {
    /// Opens the store and starts its thread.
    pub(crate) fn start(config: StoreConfig) -> anyhow::Result<Self> {
        let writer = StoreWriter::open(config).context(
            "cannot open the store (choose another folder by [store] dir, or none by [store] enabled = false)",
        )?;
        let shared = Arc::new(Mutex::new(Shared { status: writer.status(), ..Shared::default() }));
        let (jobs, inbox) = sync_channel(QUEUE_CHUNKS);
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("netrig-store".into())
            .spawn(move || work(writer, &inbox, &theirs))
            .context("cannot start the store's thread")?;
        Ok(Self { jobs: Some(jobs), shared, thread: Some(thread) })
    }

    /// Hands over part of a window. Where the queue is full, `meanwhile` is called until there is room: the disk is slow,
    /// but the kernel's outboxes must not wait for it.
    pub(crate) fn rows(&self, window: Window, rows: Vec<FlowRecord>, meanwhile: &mut dyn FnMut()) {
        if rows.is_empty() {
            return;
        }
        let rows = Arc::new(rows);
        lock(&self.shared).pending.push_back((window, Arc::clone(&rows)));
        self.send(Job::Rows(window, rows), meanwhile);
    }

    /// Ends a window.
    pub(crate) fn close(&self, window: Window, ledger: Vec<LedgerRecord>, meanwhile: &mut dyn FnMut()) {
        self.send(Job::Close(window, ledger), meanwhile);
    }

    /// Other limits of age and bytes, from the next window on.
    pub(crate) fn limit(&self, retain: Duration, budget_bytes: u64) {
        self.send(Job::Limits(retain, budget_bytes), &mut || ());
    }

    fn send(&self, mut job: Job, meanwhile: &mut dyn FnMut()) {
        let Some(jobs) = &self.jobs else { return };
        loop {
            job = match jobs.try_send(job) {
                Ok(()) => return,
                Err(TrySendError::Full(job)) => job,
                Err(TrySendError::Disconnected(job)) => {
                    if let Job::Rows(_, rows) = job {
                        lock(&self.shared).lost += rows.len() as u64;
                    }
                    return;
                }
            };
            meanwhile();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it fares.
    pub(crate) fn status(&self) -> StoreStatus {
        let shared = lock(&self.shared);
        let mut status = shared.status.clone();
        status.rows_lost += shared.lost;
        if let Some(why) = &shared.failed {
            status.writing = false;
            status.detail.clone_from(why);
        }
        status
    }

    /// Records of windows before `open` that are not on disk yet, and the start of the first such window. None while a
    /// large window is on its way to the disk: ask again.
    pub(crate) fn pending(&self, open: Timestamp) -> Option<(Vec<Arc<Vec<FlowRecord>>>, Timestamp)> {
        let shared = lock(&self.shared);
        if shared.let_go.is_some_and(|start| start < open) {
            return None;
        }
        let closed = shared.pending.iter().filter(|(window, _)| window.0 < open);
        let first = closed.clone().map(|(window, _)| window.0).min().unwrap_or(open);
        Some((closed.map(|(_, rows)| Arc::clone(rows)).collect(), first))
    }
}

impl Drop for Storing {
    /// Everything handed over is on disk when this returns.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The thread that stores records panicked.");
        }
    }
}

fn work(mut writer: StoreWriter, inbox: &Receiver<Job>, shared: &Mutex<Shared>) {
    while let Ok(first) = inbox.recv() {
        let (window, ledger) = match first {
            Job::Limits(retain, budget_bytes) => {
                writer.limit(retain, budget_bytes);
                continue;
            }
            Job::Close(window, ledger) => (window, Some(ledger)),
            Job::Rows(window, rows) => (window, take_window(&mut writer, inbox, shared, (window, rows))),
        };
        let mut told = lock(shared);
        told.pending.retain(|(pending, _)| pending.0 > window.0);
        told.let_go = None;
        drop(told);
        if let Some(ledger) = ledger {
            // The writer keeps the reason in its status, counts the rows, and says it in the log.
            let _ = writer.append_ledger(window, &ledger);
        }
        if let Err(error) = writer.maintain(window.1) {
            tracing::warn!(%error, "The store's upkeep failed; it will be tried again.");
        }
        lock(shared).status = writer.status();
    }
}

/// One window's chunks, as they come, into one file; returns its ledger, or none when the loop ended in between.
fn take_window(
    writer: &mut StoreWriter,
    inbox: &Receiver<Job>,
    shared: &Mutex<Shared>,
    (window, rows): (Window, Arc<Vec<FlowRecord>>),
) -> Option<Vec<LedgerRecord>> {
    let (mut ledger, mut limits) = (None, None);
    let mut first = Some(rows);
    let mut chunks = std::iter::from_fn(|| {
        if let Some(rows) = first.take() {
            return Some(rows);
        }
        loop {
            match inbox.recv() {
                Ok(Job::Rows(_, rows)) => {
                    let_go_of_many(&mut lock(shared), window);
                    return Some(rows);
                }
                Ok(Job::Limits(retain, budget_bytes)) => limits = Some((retain, budget_bytes)),
                Ok(Job::Close(_, rows)) => {
                    ledger = Some(rows);
                    return None;
                }
                Err(_) => return None,
            }
        }
    })
    .fuse();
    let _ = writer.append_flow_chunks(window, &mut chunks);
    if let Some((retain, budget_bytes)) = limits {
        writer.limit(retain, budget_bytes);
    }
    ledger
}

fn let_go_of_many(shared: &mut Shared, window: Window) {
    let of_window = shared.pending.iter().filter(|(w, _)| w.0 == window.0).count();
    if of_window > KEPT_CHUNKS || shared.let_go.is_some() {
        shared.pending.retain(|(w, _)| w.0 != window.0);
        shared.let_go = Some(window.0);
    }
}
