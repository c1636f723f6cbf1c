//! `netrig run`: the one place where all stations of the road meet.
//!
//! One thread owns probe, drain and aggregate and never waits for anyone; the store has a thread behind a bounded
//! queue, HTTP has one, and both ask through [`live`]. Everything that can fail at the start fails before anything is
//! attached to an interface.

mod budget;
mod bursts;
mod calm;
mod connections;
mod cost;
mod drops;
mod exporting;
mod latency;
mod ledger;
mod live;
mod looping;
mod open;
mod optional;
mod policy;
mod probes;
mod questions;
mod queues;
mod recorder;
mod requests;
mod rights;
mod rings;
mod road;
mod signals;
mod snapshot;
mod storing;
mod watching;
mod windows;

use crate::daemon::looping::Loop;
use crate::daemon::rights::Needs;
use anyhow::Context;
use netrig_config::{Config, ConfigErrors};
use netrig_export::RemoteWrite;
use netrig_metrics::Exporter;
use netrig_serve::{ServeOptions, Server};
use std::sync::{Arc, Mutex, mpsc};

pub(crate) use budget::{memory_for_bursts, memory_for_payload};
pub(crate) use connections::tcp_options;
pub(crate) use cost::check_budget;
pub(crate) use exporting::remote_write_options;
pub(crate) use latency::latency_options;
pub(crate) use recorder::recorder_sizes;
pub(crate) use requests::tracking;
pub(crate) use road::{bucket_ns, probe_options};
pub(crate) use watching::{link_kind, targets};

/// What other threads ask of the loop.
pub(crate) enum Request {
    /// A fresh picture.
    Snapshot(mpsc::SyncSender<Arc<netrig_model::Snapshot>>),
    /// The flow records that are not stored yet; none while a large window is on its way to the disk.
    OpenFlows(mpsc::SyncSender<Option<netrig_serve::OpenFlows>>),
    /// The same of connections.
    OpenConnections(mpsc::SyncSender<Option<netrig_serve::OpenConnections>>),
    /// The same of latency.
    OpenLatency(mpsc::SyncSender<Option<netrig_serve::OpenLatency>>),
    /// The same of drops.
    OpenDrops(mpsc::SyncSender<Option<netrig_serve::OpenDrops>>),
    /// The same of bursts.
    OpenBursts(mpsc::SyncSender<Option<netrig_serve::OpenBursts>>),
    /// The same of requests.
    OpenRequests(mpsc::SyncSender<Option<netrig_serve::OpenRequests>>),
    /// The same of packets that a policy's rules matched.
    OpenPolicyEvents(mpsc::SyncSender<Option<netrig_serve::OpenPolicyEvents>>),
    /// Nothing but a turn: something fills.
    Wake,
    /// Write down what the flight recorder holds.
    Dump,
    /// Read the configuration again.
    Reload,
    /// End, telling everything.
    Stop(&'static str),
}

/// Runs until SIGTERM or SIGINT. `reload` reads the configuration anew, for SIGHUP.
///
/// # Errors
/// What kept the rig from starting, with what to do about it.
pub(crate) fn run(config: Config, reload: &dyn Fn() -> Result<Config, ConfigErrors>) -> anyhow::Result<()> {
    let (requests, inbox) = mpsc::channel();
    // From here on a signal is a request, not the end; and no thread gets rights that it will not need, for each thread
    // has its own.
    let signals = signals::listen().context("cannot listen to signals")?;
    rights::drop_all_but_needed(Needs::Start)?;
    let mut rig = Loop::start(&config)?;
    let live = live::Handle::new(requests.clone(), rig.snapshot());
    // One for all who are told metrics, so that series have one name.
    let exporter = Arc::new(Mutex::new(Exporter::default()));
    let server = if config.serve.enabled {
        let options = ServeOptions { listen: config.serve.listen, metrics: config.metrics.enabled };
        let server = Server::start_with(&options, live.clone(), Arc::clone(&exporter)).context("cannot serve HTTP")?;
        tracing::info!(address = %server.address(), "Serving metrics, health, status and live records.");
        Some(server)
    } else {
        None
    };
    let sending = exporting::start(&config, &exporter, &live)?;
    rig.shows_sending(sending.as_ref().map(RemoteWrite::handle));
    rig.attach()?;
    live.show(Arc::new(rig.snapshot()));
    rig.listen_for_the_bell(requests.clone());
    rights::drop_all_but_needed(rig.needs_rights())?;
    signals.forward(requests).context("cannot wait for signals")?;
    rig.run(&inbox, &live, reload);
    if let Some(sending) = sending {
        // What the last window told is the last that is sent.
        live.show(Arc::new(rig.snapshot()));
        sending.stop();
    }
    if let Some(server) = server {
        server.stop();
    }
    Ok(())
}
