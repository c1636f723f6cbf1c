//! What makes the traffic: frames in the kernel, and real sockets.

mod capture;
mod frame;
mod live;
mod pace;
mod sockets;
mod victim;

pub(crate) use frame::{Template, frame_bytes_max};
pub(crate) use pace::Pacer;
pub(crate) use victim::RoundTrips;

use crate::StressError;
use crate::plan::Plan;
use crate::world::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// What all generators share: when they end, and how much they have sent.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    ending: AtomicBool,
    /// Frames that the kernel has taken from the floods.
    pub(crate) frames: AtomicU64,
}

impl Shared {
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// The generators at work, until they are told to end.
#[derive(Debug)]
pub(crate) struct Generators {
    shared: Arc<Shared>,
    flood: Option<JoinHandle<Result<(), StressError>>>,
    sockets: sockets::Sockets,
    begun: Instant,
    pacer: Pacer,
}

/// What was sent, and what the plan would have had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Frames of the floods.
    pub(crate) frames: u64,
    /// As many as the plan wanted; `None` where it wanted as many as possible, or has sockets too.
    pub(crate) offered: Option<u64>,
}

impl Generators {
    /// Starts them all.
    pub(crate) fn start(world: &World, plan: &Plan, seed: u64) -> Result<Self, StressError> {
        let shared = Arc::new(Shared::default());
        let sockets = sockets::Sockets::start(world, plan.sockets, &shared)?;
        let templates = templates(plan)?;
        let pacer = Pacer::new(plan.rate, plan.bursts.as_ref());
        let flood = live::start(world, templates, pacer.clone(), seed, &shared)?;
        Ok(Self { shared, flood, sockets, begun: Instant::now(), pacer })
    }

    /// Frames that floods have sent until now.
    pub(crate) fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }

    /// Has all of them end, and waits for it.
    pub(crate) fn end(mut self) -> Result<Sent, StressError> {
        let time = self.begun.elapsed();
        let is_flood_alone = self.flood.is_some() && self.sockets.is_empty();
        let ended = self.tell_to_end();
        let flood = self.flood.take().map_or(Ok(Ok(())), JoinHandle::join);
        ended?;
        flood.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let offered = self.pacer.offered(time).filter(|_| is_flood_alone);
        Ok(Sent { frames: self.frames(), offered })
    }

    fn tell_to_end(&mut self) -> Result<(), StressError> {
        self.shared.ending.store(true, Ordering::Relaxed);
        self.sockets.join()
    }
}

impl Drop for Generators {
    fn drop(&mut self) {
        // Also when the run failed: no thread goes on sending.
        let _ = self.tell_to_end();
        if let Some(flood) = self.flood.take() {
            let _ = flood.join();
        }
    }
}

/// Whether there is something to be sent by the plan, so that a capture that is none is told before anything is made.
pub(crate) fn check(plan: &Plan) -> Result<(), StressError> {
    templates(plan).map(drop)
}

/// The frames of the plan with their weights.
fn templates(plan: &Plan) -> Result<Vec<(Template, u32)>, StressError> {
    if let Some(path) = &plan.capture {
        return capture::templates(path, plan);
    }
    Ok(plan.flood.iter().map(|flood| (Template::of(flood), flood.weight)).collect())
}
