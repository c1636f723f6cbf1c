//! The store behind its own thread and a bounded queue: a slow or full disk never stops the loop.

use anyhow::Context;
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    RequestRecord, StoreStatus, Timestamp,
};
use netrig_store::{Record, StoreConfig, StoreWriter, WindowFile};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Records handed over together; what is in flight at most is a few of these.
pub(crate) const CHUNK_ROWS: usize = 8192;
/// The same of connections, latency, drops, bursts and requests, whose records are several times as large.
pub(crate) const CONNECTION_CHUNK_ROWS: usize = 2048;
const QUEUE_CHUNKS: usize = 4;
/// Of a window that is being stored, this many are kept at hand for whoever asks meanwhile; of a larger one none, for
/// that would be all of it in memory.
const KEPT_CHUNKS: usize = 4;

type Window = (Timestamp, Timestamp);

/// How long and how much is kept.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    retain: Duration,
    detail_retain: Duration,
    budget_bytes: u64,
}

impl Limits {
    pub(crate) fn of(config: &netrig_config::StoreConfig) -> Self {
        Self { retain: config.retain, detail_retain: config.detail_retain, budget_bytes: config.budget.0 }
    }

    fn give(self, writer: &mut StoreWriter) {
        writer.limit(self.retain, self.budget_bytes);
        writer.keep_detail(Some(self.detail_retain));
    }
}

enum Job {
    /// Part of a window's flows.
    Flows(Window, Arc<Vec<FlowRecord>>),
    /// The end of a window of flows, and its ledger.
    CloseFlows(Window, Vec<LedgerRecord>),
    /// Part of a window's connections.
    Connections(Window, Arc<Vec<ConnectionRecord>>),
    /// The end of a window of connections.
    CloseConnections(Window),
    /// Part of a window's latency.
    Latency(Window, Arc<Vec<LatencyRecord>>),
    /// The end of a window of latency.
    CloseLatency(Window),
    /// Part of a window's drops.
    Drops(Window, Arc<Vec<DropRecord>>),
    /// The end of a window of drops.
    CloseDrops(Window),
    /// Part of a window's bursts.
    Bursts(Window, Arc<Vec<BurstRecord>>),
    /// The end of a window of bursts.
    CloseBursts(Window),
    /// Part of a window's requests.
    Requests(Window, Arc<Vec<RequestRecord>>),
    /// The end of a window of requests.
    CloseRequests(Window),
    /// A window of packets that policies' rules matched.
    PolicyEvents(Window, Arc<Vec<PolicyEventRecord>>),
    /// Its end.
    ClosePolicyEvents(Window),
    /// Other limits, from a reload.
    Limits(Limits),
}

/// Records of one table that are not on disk yet, in the order in which they were handed over.
struct Pending<R> {
    chunks: VecDeque<(Window, Arc<Vec<R>>)>,
    /// The first so many are in the file that the thread has open.
    taken: usize,
    /// The start of the window of that file, if chunks of it were let go already.
    let_go: Option<Timestamp>,
}

impl<R> Default for Pending<R> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), taken: 0, let_go: None }
    }
}

impl<R> Pending<R> {
    fn before(&self, open: Timestamp) -> Option<Chunks<R>> {
        if self.let_go.is_some_and(|start| start < open) {
            return None;
        }
        let closed = self.chunks.iter().filter(|(window, _)| window.0 < open);
        let first = closed.clone().map(|(window, _)| window.0).min().unwrap_or(open);
        Some((closed.map(|(_, rows)| Arc::clone(rows)).collect(), first))
    }

    /// The thread has taken the next chunk.
    fn take(&mut self, window: Window) {
        self.taken += 1;
        if self.taken > KEPT_CHUNKS || self.let_go.is_some() {
            self.forget_taken();
            self.let_go = Some(window.0);
        }
    }

    /// The thread's file is on disk, or lost.
    fn end(&mut self) {
        self.forget_taken();
        self.let_go = None;
    }

    fn forget_taken(&mut self) {
        self.chunks.drain(..self.taken.min(self.chunks.len()));
        self.taken = 0;
    }
}

/// Chunks of records, and where those of the store end.
pub(super) type Chunks<R> = (Vec<Arc<Vec<R>>>, Timestamp);

#[derive(Default)]
struct Shared {
    status: StoreStatus,
    flows: Pending<FlowRecord>,
    connections: Pending<ConnectionRecord>,
    latency: Pending<LatencyRecord>,
    drops: Pending<DropRecord>,
    bursts: Pending<BurstRecord>,
    requests: Pending<RequestRecord>,
    policy_events: Pending<PolicyEventRecord>,
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
    pub(crate) fn start(config: StoreConfig, limits: Limits) -> anyhow::Result<Self> {
        let mut writer = StoreWriter::open(config).context(
            "cannot open the store (choose another folder by [store] dir, or none by [store] enabled = false)",
        )?;
        limits.give(&mut writer);
        let shared = Arc::new(Mutex::new(Shared { status: writer.status(), ..Shared::default() }));
        let (jobs, inbox) = sync_channel(QUEUE_CHUNKS);
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("netrig-store".into())
            .spawn(move || work(writer, &inbox, &theirs))
            .context("cannot start the store's thread")?;
        Ok(Self { jobs: Some(jobs), shared, thread: Some(thread) })
    }

    /// Hands over part of a window of flows. Where the queue is full, `meanwhile` is called until there is room: the disk is
    /// slow, but the kernel's outboxes must not wait for it.
    pub(crate) fn rows(&self, window: Window, rows: Vec<FlowRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.flows, Job::Flows, (window, rows), meanwhile);
    }

    /// Ends a window of flows.
    pub(crate) fn close(&self, window: Window, ledger: Vec<LedgerRecord>, meanwhile: &mut dyn FnMut()) {
        self.send(Job::CloseFlows(window, ledger), meanwhile);
    }

    /// Hands over part of a window of connections, at most [`CONNECTION_CHUNK_ROWS`] at a time. Their windows begin and end
    /// apart from those of flows.
    pub(crate) fn connection_rows(&self, window: Window, rows: Vec<ConnectionRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.connections, Job::Connections, (window, rows), meanwhile);
    }

    /// Ends a window of connections. A window that is closed early is followed by one that begins later: by their beginnings
    /// whoever asks knows what is stored.
    pub(crate) fn close_connections(&self, window: Window, meanwhile: &mut dyn FnMut()) {
        self.send(Job::CloseConnections(window), meanwhile);
    }

    /// Hands over part of a window of latency, at most [`CONNECTION_CHUNK_ROWS`] at a time. Their windows are those of flows.
    pub(crate) fn latency_rows(&self, window: Window, rows: Vec<LatencyRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.latency, Job::Latency, (window, rows), meanwhile);
    }

    /// Ends a window of latency, as one of connections.
    pub(crate) fn close_latency(&self, window: Window, meanwhile: &mut dyn FnMut()) {
        self.send(Job::CloseLatency(window), meanwhile);
    }

    /// Hands over part of a window of drops, as of latency.
    pub(crate) fn drop_rows(&self, window: Window, rows: Vec<DropRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.drops, Job::Drops, (window, rows), meanwhile);
    }

    /// Ends a window of drops.
    pub(crate) fn close_drops(&self, window: Window, meanwhile: &mut dyn FnMut()) {
        self.send(Job::CloseDrops(window), meanwhile);
    }

    /// Hands over part of a window of bursts, as of latency.
    pub(crate) fn burst_rows(&self, window: Window, rows: Vec<BurstRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.bursts, Job::Bursts, (window, rows), meanwhile);
    }

    /// Ends a window of bursts.
    pub(crate) fn close_bursts(&self, window: Window, meanwhile: &mut dyn FnMut()) {
        self.send(Job::CloseBursts(window), meanwhile);
    }

    /// Hands over part of a window of requests, as of latency.
    pub(crate) fn requests(&self, window: Window, rows: Vec<RequestRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.requests, Job::Requests, (window, rows), meanwhile);
    }

    /// Ends a window of requests.
    pub(crate) fn close_requests(&self, window: Window, meanwhile: &mut dyn FnMut()) {
        self.send(Job::CloseRequests(window), meanwhile);
    }

    /// Hands over a whole window of packets that policies' rules matched.
    pub(crate) fn policy_events(&self, window: Window, rows: Vec<PolicyEventRecord>, meanwhile: &mut dyn FnMut()) {
        self.hand_over(|shared| &mut shared.policy_events, Job::PolicyEvents, (window, rows), meanwhile);
        self.send(Job::ClosePolicyEvents(window), meanwhile);
    }

    fn hand_over<R>(
        &self,
        pending: fn(&mut Shared) -> &mut Pending<R>,
        job: fn(Window, Arc<Vec<R>>) -> Job,
        (window, rows): (Window, Vec<R>),
        meanwhile: &mut dyn FnMut(),
    ) {
        if rows.is_empty() {
            return;
        }
        let rows = Arc::new(rows);
        pending(&mut lock(&self.shared)).chunks.push_back((window, Arc::clone(&rows)));
        self.send(job(window, rows), meanwhile);
    }

    /// Other limits of age and bytes, from the next window on.
    pub(crate) fn limit(&self, limits: Limits) {
        self.send(Job::Limits(limits), &mut || ());
    }

    fn send(&self, mut job: Job, meanwhile: &mut dyn FnMut()) {
        let Some(jobs) = &self.jobs else { return };
        loop {
            job = match jobs.try_send(job) {
                Ok(()) => return,
                Err(TrySendError::Full(job)) => job,
                Err(TrySendError::Disconnected(job)) => {
                    lock(&self.shared).lost += job.rows();
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

    /// Flow records of windows before `open` that are not on disk yet, and the start of the first such window. None while a
    /// large window is on its way to the disk: ask again.
    pub(crate) fn pending(&self, open: Timestamp) -> Option<Chunks<FlowRecord>> {
        lock(&self.shared).flows.before(open)
    }

    /// The same of connections; `open` is the start of their open window.
    pub(crate) fn pending_connections(&self, open: Timestamp) -> Option<Chunks<ConnectionRecord>> {
        lock(&self.shared).connections.before(open)
    }

    /// The same of latency; `open` is the start of its open window.
    pub(crate) fn pending_latency(&self, open: Timestamp) -> Option<Chunks<LatencyRecord>> {
        lock(&self.shared).latency.before(open)
    }

    /// The same of drops.
    pub(crate) fn pending_drops(&self, open: Timestamp) -> Option<Chunks<DropRecord>> {
        lock(&self.shared).drops.before(open)
    }

    /// The same of bursts.
    pub(crate) fn pending_bursts(&self, open: Timestamp) -> Option<Chunks<BurstRecord>> {
        lock(&self.shared).bursts.before(open)
    }

    /// The same of requests.
    pub(crate) fn pending_requests(&self, open: Timestamp) -> Option<Chunks<RequestRecord>> {
        lock(&self.shared).requests.before(open)
    }

    /// The same of packets that policies' rules matched.
    pub(crate) fn pending_policy_events(&self, open: Timestamp) -> Option<Chunks<PolicyEventRecord>> {
        lock(&self.shared).policy_events.before(open)
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

impl Job {
    fn rows(&self) -> u64 {
        match self {
            Self::Flows(_, rows) => rows.len() as u64,
            Self::CloseFlows(_, rows) => rows.len() as u64,
            Self::Connections(_, rows) => rows.len() as u64,
            Self::Latency(_, rows) => rows.len() as u64,
            Self::Drops(_, rows) => rows.len() as u64,
            Self::Bursts(_, rows) => rows.len() as u64,
            Self::Requests(_, rows) => rows.len() as u64,
            Self::PolicyEvents(_, rows) => rows.len() as u64,
            Self::CloseConnections(_)
            | Self::CloseLatency(_)
            | Self::CloseDrops(_)
            | Self::CloseBursts(_)
            | Self::CloseRequests(_)
            | Self::ClosePolicyEvents(_)
            | Self::Limits(_) => 0,
        }
    }
}

/// The thread: every table has a file of its own open while its window's chunks come, whatever comes for others in between.
fn work(writer: StoreWriter, inbox: &Receiver<Job>, shared: &Mutex<Shared>) {
    let mut store = Store { writer, shared };
    let mut flows = Lane { open: None, pending: |shared| &mut shared.flows };
    let mut connections = Lane { open: None, pending: |shared| &mut shared.connections };
    let mut latency = Lane { open: None, pending: |shared| &mut shared.latency };
    let mut drops = Lane { open: None, pending: |shared| &mut shared.drops };
    let mut bursts = Lane { open: None, pending: |shared| &mut shared.bursts };
    let mut requests = Lane { open: None, pending: |shared| &mut shared.requests };
    let mut policy_events = Lane { open: None, pending: |shared| &mut shared.policy_events };
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Flows(window, rows) => flows.take(&mut store, window, &rows),
            Job::Connections(window, rows) => connections.take(&mut store, window, &rows),
            Job::Latency(window, rows) => latency.take(&mut store, window, &rows),
            Job::Drops(window, rows) => drops.take(&mut store, window, &rows),
            Job::Bursts(window, rows) => bursts.take(&mut store, window, &rows),
            Job::Requests(window, rows) => requests.take(&mut store, window, &rows),
            Job::PolicyEvents(window, rows) => policy_events.take(&mut store, window, &rows),
            Job::CloseFlows(window, ledger) => {
                flows.close(&mut store);
                // The writer keeps the reason in its status, counts the rows, and says it in the log.
                let _ = store.writer.append_ledger(window, &ledger);
                store.upkeep(window.1);
            }
            Job::CloseConnections(window) => connections.end(&mut store, window),
            Job::CloseLatency(window) => latency.end(&mut store, window),
            Job::CloseDrops(window) => drops.end(&mut store, window),
            Job::CloseBursts(window) => bursts.end(&mut store, window),
            Job::CloseRequests(window) => requests.end(&mut store, window),
            Job::ClosePolicyEvents(window) => policy_events.end(&mut store, window),
            Job::Limits(limits) => limits.give(&mut store.writer),
        }
    }
    // The loop has ended, perhaps between a window's chunks.
    flows.close(&mut store);
    connections.close(&mut store);
    latency.close(&mut store);
    drops.close(&mut store);
    bursts.close(&mut store);
    requests.close(&mut store);
    policy_events.close(&mut store);
    lock(shared).status = store.writer.status();
}

struct Store<'a> {
    writer: StoreWriter,
    shared: &'a Mutex<Shared>,
}

impl Store<'_> {
    fn upkeep(&mut self, now: Timestamp) {
        if let Err(error) = self.writer.maintain(now) {
            tracing::warn!(%error, "The store's upkeep failed; it will be tried again.");
        }
        lock(self.shared).status = self.writer.status();
    }
}

/// A table's window on its way to the disk.
struct Lane<R> {
    open: Option<(Window, WindowFile<R>)>,
    pending: fn(&mut Shared) -> &mut Pending<R>,
}

impl<R: Record> Lane<R> {
    fn take(&mut self, store: &mut Store<'_>, window: Window, rows: &[R]) {
        if self.open.as_ref().is_some_and(|(open, _)| open.0 != window.0) {
            // Never closed: the clock was set.
            self.close(store);
        }
        (self.pending)(&mut lock(store.shared)).take(window);
        let (_, file) = self.open.get_or_insert_with(|| (window, store.writer.begin(window)));
        file.push(rows);
        store.writer.make_room(file);
    }

    /// Where nothing came there is nothing to keep up: flows' end does it once for each window, whatever came.
    fn end(&mut self, store: &mut Store<'_>, window: Window) {
        if self.close(store) {
            store.upkeep(window.1);
        }
    }

    /// Whether there was something to close.
    fn close(&mut self, store: &mut Store<'_>) -> bool {
        let Some((_, file)) = self.open.take() else { return false };
        // As for the ledger: the writer says what there is to say.
        let _ = store.writer.finish(file);
        (self.pending)(&mut lock(store.shared)).end();
        true
    }
}

#[cfg(test)]
mod tests;
