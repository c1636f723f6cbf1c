//! The queue probe: how much each device's polls take in, and how often they end with more waiting.
//!
//! Hook: the tracepoint `napi_poll` by BTF, for a slice of every period. Metrics: `netrig_napi_*`. The kernel side is
//! `queue.bpf.c`. What waits in front of devices needs no program: `netrig_host` reads it.

mod memory;

pub use memory::QueueMemory;

use crate::clock::{self, Reading};
use crate::meter::Parts;
use crate::slices::{Slice, Slices};
use crate::wire::queue_settings;
use crate::{ProbeError, object};
use libbpf_rs::{ErrorExt, Object};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/queue.bpf.o"));

const PROGRAM: &str = "queue_polled";
const TRACEPOINT: &str = "napi_poll";
/// One slice of time in so many.
const SAMPLING: u32 = 32;
/// From two readings so far apart the tick's length is beyond doubt.
const TICK_SPAN: Duration = Duration::from_secs(2);

/// The probe, loaded. Dropping it takes its program off.
#[derive(Debug)]
pub struct QueueProbe {
    object: Object,
    memory: Arc<QueueMemory>,
    slices: Slices,
    /// Since when it has been attached; none: it is not.
    begun: Option<Instant>,
    /// The slice that lasts: since when.
    slice: Option<Instant>,
    looked: Duration,
    first_tick: Option<(Instant, Reading)>,
    /// Slices that could not begin.
    refused: Option<String>,
}

impl QueueProbe {
    /// Loads the program and makes its table; attaches nothing.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load() -> Result<Self, ProbeError> {
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1).next_power_of_two();
        let object = load(cpus)?;
        let memory = Arc::new(QueueMemory::map(&object, cpus)?);
        Ok(Self {
            object,
            memory,
            slices: Slices::new(SAMPLING),
            begun: None,
            slice: None,
            looked: Duration::ZERO,
            first_tick: None,
            refused: None,
        })
    }

    /// Begins with the first slice.
    ///
    /// # Errors
    /// When the tracepoint cannot be had.
    pub fn attach(&mut self) -> Result<(), ProbeError> {
        let now = Instant::now();
        self.begun = Some(now);
        self.first_tick = self.tick().map(|reading| (now, reading));
        // The schedule is to know of the slice.
        let _ = self.slices.turn(now);
        if let Err(source) = self.begin_slice(now) {
            self.detach();
            return Err(ProbeError::Tracepoint { tracepoint: TRACEPOINT, source });
        }
        Ok(())
    }

    /// How long [`Self::turn`] has nothing to do that is not to wait.
    #[must_use]
    pub fn until_due(&self, now: Instant) -> Duration {
        if self.begun.is_some() { self.slices.until_due(now) } else { Duration::MAX }
    }

    /// To be called when [`Self::until_due`] has passed, and some times a second while it is attached; true where a slice has ended and lies ready in memory
    /// to be taken. It is cleared when the next begins, a period later.
    pub fn turn(&mut self) -> bool {
        if self.begun.is_none() {
            return false;
        }
        let now = Instant::now();
        match self.slices.turn(now) {
            Slice::GoesOn => false,
            Slice::Ends => {
                self.end_slice();
                true
            }
            Slice::Begins => {
                self.refused = self.begin_slice(now).err().map(|error| error.to_string());
                false
            }
        }
    }

    /// The slice that has just ended had so few polls that the next may wait, or not. Where more frames come than at rest, it may not.
    pub fn was_quiet(&mut self, quiet: bool) {
        self.slices.was_quiet(quiet);
    }

    fn begin_slice(&mut self, now: Instant) -> io::Result<()> {
        // The former slice's last program has long ended.
        self.memory.clear();
        let program = self.object.progs_mut().find(|program| program.name() == PROGRAM);
        let Some(program) = program else { return Err(io::Error::other("it is not loaded")) };
        let link = program.attach().map_err(|error| io::Error::other(format!("{error:#}")))?;
        self.slices.hold(vec![link], None);
        self.slice = Some(now);
        Ok(())
    }

    fn end_slice(&mut self) {
        self.slices.release();
        if let Some(since) = self.slice.take() {
            self.looked += since.elapsed();
        }
    }

    /// Whether it is attached, though it be between two slices.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.begun.is_some()
    }

    /// Takes the program off; what it has counted stays.
    pub fn detach(&mut self) {
        self.end_slice();
        self.slices.release_all();
        self.begun = None;
    }

    /// Why the latest slice could not begin.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Share of time in which polls were counted, up to the latest slice that has ended, 0 to 1.
    #[must_use]
    pub fn looked_at(&self) -> f64 {
        let running = self.slice.map_or(Duration::ZERO, |since| since.elapsed());
        let all = self.begun.map_or(Duration::ZERO, |since| since.elapsed()).saturating_sub(running);
        if all.is_zero() { 0.0 } else { (self.looked.as_secs_f64() / all.as_secs_f64()).min(1.0) }
    }

    /// The length of the kernel's tick, ns: some of its counts are in ticks. None in the first seconds.
    #[must_use]
    pub fn ns_per_tick(&self) -> Option<u64> {
        let (_, first) = self.first_tick.filter(|(at, _)| at.elapsed() >= TICK_SPAN)?;
        Some(first.ns_per_tick(self.tick()?))
    }

    fn tick(&self) -> Option<Reading> {
        clock::read(object::program_fd(&self.object, "clock_now").ok()?, &self.memory.clock).ok()
    }

    /// The shared memory, for whoever drains it.
    #[must_use]
    pub fn memory(&self) -> Arc<QueueMemory> {
        Arc::clone(&self.memory)
    }

    /// Its programs and maps, for whoever meters them.
    ///
    /// # Errors
    /// When descriptors run out.
    pub fn parts(&self) -> io::Result<Parts> {
        Parts::of(&self.object)
    }

    /// Instructions the verifier looked at, by program.
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        object::verified_instructions(&self.object)
    }
}

fn load(cpus: u32) -> Result<Object, ProbeError> {
    let mut open = object::open("queue", OBJECT)?;
    let settings = queue_settings { cpu_mask: cpus - 1, ..queue_settings::default() };
    let sized = open.maps_mut().try_for_each(|mut map| {
        let name = map.name().to_string_lossy().into_owned();
        if name == "polls" {
            map.set_max_entries(cpus * crate::wire::queues::PLACES as u32).context("cannot size the map polls")?;
        } else if name.ends_with(".rodata.settings") {
            map.set_initial_value(object::bytes_of(&settings))?;
        }
        Ok(())
    });
    sized.map_err(|e| object::refused("queue", &e))?;
    open.load().map_err(|e| object::refused("queue", &e))
}
