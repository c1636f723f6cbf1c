//! One turn of a run: traffic for a while, with the rig or without it.

use super::{Asked, Asker};
use crate::StressError;
use crate::generate::{Generators, RoundTrips};
use crate::plan::Plan;
use crate::report::model::Sample;
use crate::watch::{Account, Rig, Sampler};
use crate::world::{BpfObjects, Counters, World};
use std::time::{Duration, Instant};

/// How often a turn of usual length is looked at.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS_MIN: Duration = Duration::from_millis(200);
const BETWEEN_LOOKS_MAX: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// What came of one or more turns with the rig.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) duration_s: f64,
    pub(super) offered: Option<u64>,
    pub(super) sent: u64,
    pub(super) account: Account,
    /// Whether the rig answered at the end of each.
    pub(super) is_told: bool,
    pub(super) samples: Vec<Sample>,
    pub(super) round_trips: Vec<u64>,
    pub(super) objects: BpfObjects,
    /// What was odd about the rig's end.
    pub(super) odd: Vec<String>,
}

impl Part {
    pub(super) fn add(&mut self, other: Self) {
        let is_first = self.duration_s == 0.0;
        self.offered = if is_first { other.offered } else { self.offered.zip(other.offered).map(|(a, b)| a + b) };
        self.is_told = other.is_told && (is_first || self.is_told);
        self.duration_s += other.duration_s;
        self.sent += other.sent;
        self.account.add(other.account);
        self.samples.extend(other.samples);
    }
}

/// What a turn with the rig needs to know.
pub(super) struct Given<'a> {
    pub(super) asked: &'a Asked,
    pub(super) config: &'a toml::Table,
    pub(super) window: Duration,
    pub(super) length: Duration,
    pub(super) seed: u64,
    /// Seconds of traffic before this turn.
    pub(super) offset_s: f64,
}

/// The round trips of others while there is no rig.
pub(super) fn without_the_rig(
    world: &World,
    plan: &Plan,
    length: Duration,
    seed: u64,
    asker: &Asker<'_>,
) -> Result<Vec<u64>, StressError> {
    let victim = RoundTrips::start(world)?;
    let generators = Generators::start(world, plan, seed)?;
    let begun = Instant::now();
    while begun.elapsed() < length {
        if (asker.is_told_to_stop)() {
            return Err(StressError::Stopped);
        }
        std::thread::sleep(PAUSE);
    }
    let took = victim.end()?;
    generators.end()?;
    Ok(took)
}

/// Starts a rig, makes traffic, lets the rig tell all of it, and ends it.
pub(super) fn with_the_rig(world: &World, given: &Given<'_>, asker: &mut Asker<'_>) -> Result<Part, StressError> {
    let plan = &given.asked.plan;
    let mut rig = Rig::start(world, &given.asked.executable, given.config, asker.is_told_to_stop)?;
    (asker.say)(&format!("{:.0?} of traffic", given.length));
    let wires = Counters::of(world)?;
    let victim = given.asked.victim.then(|| RoundTrips::start(world)).transpose()?;
    let mut sampler = Sampler::start(world, &rig, given.offset_s)?;
    let generators = Generators::start(world, plan, given.seed)?;
    let begun = Instant::now();
    let looks = victim.as_ref().map(RoundTrips::looks).unwrap_or_default();
    let samples = watch(&mut rig, given, &mut |rig| looks.look(|| sampler.sample(world, rig)), asker);
    // Whatever came of it, a rig that stands still goes on, or it could not end.
    let goes_on = rig.set_stopped(false);
    let samples = samples?;
    goes_on?;
    let round_trips = victim.map_or(Ok(Vec::new()), RoundTrips::end)?;
    let duration_s = begun.elapsed().as_secs_f64();
    let sent = generators.end()?;
    (asker.say)("waiting until the rig has told what it saw");
    let account = Account::settle(world, &mut rig, given.window)?;
    let wires = Counters::of(world)?.since(wires);
    let is_told = account.is_some();
    let mut account = account.unwrap_or_default();
    account.add_wires(wires);
    let mut objects = std::mem::take(&mut rig.objects);
    let (odd, late) = rig.end()?;
    objects.add(late);
    Ok(Part {
        duration_s,
        offered: sent.offered,
        // The kernel's counters know what sockets sent; of frames that no wire took only the generator knows.
        sent: sent.frames.max(wires.sent) + wires.queue_dropped,
        account,
        is_told,
        samples,
        round_trips,
        objects,
        odd: odd.into_iter().collect(),
    })
}

/// Looks at the rig until the time is over, and has it stand still where the plan says so.
fn watch(
    rig: &mut Rig,
    given: &Given<'_>,
    look: &mut dyn FnMut(&Rig) -> Result<Sample, StressError>,
    asker: &Asker<'_>,
) -> Result<Vec<Sample>, StressError> {
    let between = (given.length / LOOKS).clamp(BETWEEN_LOOKS_MIN, BETWEEN_LOOKS_MAX);
    let share = |percent: u8| given.length * u32::from(percent) / 100;
    let stop = given.asked.plan.fault.stop.as_ref();
    let still = stop.map(|stop| (share(stop.after_percent), share(stop.after_percent) + share(stop.for_percent)));
    let (begun, mut next, mut is_stopped) = (Instant::now(), between, false);
    let mut samples = Vec::new();
    while begun.elapsed() < given.length {
        let now = begun.elapsed();
        let should_stand = still.is_some_and(|(from, until)| (from..until).contains(&now));
        if should_stand != is_stopped {
            rig.set_stopped(should_stand)?;
            is_stopped = should_stand;
        }
        if now >= next {
            samples.push(look(rig)?);
            next = begun.elapsed().max(next) + between;
        }
        rig.check()?;
        if (asker.is_told_to_stop)() {
            return Err(StressError::Stopped);
        }
        std::thread::sleep(PAUSE);
    }
    // What is left of the time is looked at if it is worth it.
    if begun.elapsed() + between / 2 > next || samples.is_empty() {
        samples.push(look(rig)?);
    }
    Ok(samples)
}
